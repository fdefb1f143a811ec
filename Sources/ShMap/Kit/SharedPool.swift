// A pool that any number of processes share for reading and writing, as if it were heap memory: no fork, no fixed address, no
// size chosen beforehand.
//
//     let pool = try SharedPool(creating: .named(Array("telemetry".utf8)))       // one process
//     let pool = try SharedPool(attaching: .named(Array("telemetry".utf8)))      // the others
//     try pool.withAccess { access throws(PoolError) in ... }                    // Access.swift
//
// When the last process that has it open ends, in whatever way, nobody has it any more; the last that detaches in order removes
// it. Threads of a process share one SharedPool.

import CSystem

public struct SharedPool: ~Copyable, Sendable {
  package let attachment: Attachment

  /// Makes a pool that no living process has open; one that its users left behind by dying is replaced.
  ///
  /// - `mode`: who may attach, the process's umask notwithstanding.
  /// - `contents`: what the pool is used for; who attaches has to name the same.
  /// - `keep`: the file stays when the last process detaches. Creating it again is an error (`EEXIST`) then.
  /// - `user`: bytes of a block, all zero, that `Access.user()` leads everybody to. `prepare` fills it, and whatever it leads
  ///   to, before anybody else can attach.
  ///
  /// Throws `inUse` when processes have a pool of that name open, `notAPool` when the name leads to something else,
  /// `untrusted` when that belongs to somebody else, `badName`, `full`, or `system`.
  public init(
    creating place: Place, mode: UInt32 = 0o600, contents: UInt32 = 0, keep: Bool = false, user: Int = 0,
    reserve: Int = Pool.defaultReserve,
    prepare: (inout Access) throws(PoolError) -> Void = { _ in }
  ) throws(PoolError) {
    attachment = try SharedPool.make(place, mode, contents, keep, user, reserve, prepare)
  }

  private static func make(
    _ place: Place, _ mode: UInt32, _ contents: UInt32, _ keep: Bool, _ user: Int, _ reserve: Int,
    _ prepare: (inout Access) throws(PoolError) -> Void
  ) throws(PoolError) -> Attachment {
    let path = try place.path()
    let file = try SharedPoolFile.create(path, mode: mode)
    let made: Attachment
    do throws(PoolError) {
      made = try SharedPool.format(file, path, contents: contents, keep: keep, reserve: reserve)
    } catch {
      PoolFile.remove(path)
      throw error
    }
    try SharedPool(made).open(user: user, prepare)
    return made
  }

  /// What comes between an empty heap and the other processes. A failure ends the attachment, and that removes the file.
  private borrowing func open(
    user: Int, _ prepare: (inout Access) throws(PoolError) -> Void
  ) throws(PoolError) {
    try withAccess { access throws(PoolError) in
      if user > 0 {
        let block = try access.session.allocate(user)
        unsafe memset(try access.session.memory.pointer(block, bytes: user), 0, user)
        try access.session.memory.store(block, at: Layout.userAt)
      }
      try prepare(&access)
      try access.session.memory.store(Layout.State.ready, at: Layout.stateAt)
    }
    guard attachment.announce() else { throw .inUse }
  }

  /// Attaches to a pool that another process has made or is making; in the second case it waits for that to end. Waits up to
  /// `patience` microseconds for a pool of that name to appear.
  ///
  /// Throws `system(ENOENT)` when there is none, `tooShort`, `notAPool`, `wrongVersion`, `wrongContents`, `damaged`,
  /// `untrusted`, `otherNamespace`, or `system`.
  public init(
    attaching place: Place, contents: UInt32 = 0, trust: Trust = Trust(), patience: UInt64 = 0,
    reserve: Int = Pool.defaultReserve
  ) throws(PoolError) {
    let path = try place.path()
    let (file, length) = try SharedPoolFile.attach(path, trust: trust, patience: patience)
    let mapping = try Mapping(file: file, writable: true, size: max(length, 4096), reserve: reserve)
    let size = try SharedPool.check(mapping, length: length, contents: contents)
    self.init(Attachment(mapping, path: path, size: size))
  }

  package init(_ attachment: Attachment) { self.attachment = attachment }

  private static func check(_ mapping: borrowing Mapping, length: Int, contents: UInt32) throws(PoolError) -> Int {
    let view = ReadView(mapping, size: length)
    let size = try PoolFile.check(view, length: length)
    guard try view.word(Layout.contentsAt) == contents, try view.word(Layout.rootAt) == 0 else { throw .wrongContents }
    let arenas = try view.word(Layout.arenasAt)
    let namespace = try view.word(Layout.namespaceAt)
    let own = shm_pid_namespace()
    guard namespace == own || namespace == 0 || own == 0 else { throw .otherNamespace }
    guard arenas >= 1, arenas <= Layout.arenaLimit, try view.word(Layout.poolReadersAt) <= Layout.poolReaderLimit,
      try view.word(Layout.lockReadersAt) <= Layout.lockReaderLimit
    else { throw .damaged }
    return size
  }

  /// Writes the first pages and an empty heap. Takes over the descriptor.
  private static func format(
    _ file: Int32, _ path: [UInt8], contents: UInt32, keep: Bool, reserve: Int
  ) throws(PoolError) -> Attachment {
    let size: Int
    do throws(PoolError) {
      size = try PoolFile.extend(file, from: 0, by: Int(Layout.headerBytes) + Heap.firstGrowth)
    } catch {
      _ = close(file)
      throw error
    }
    let mapping = try Mapping(file: file, writable: true, size: size, reserve: reserve)
    let memory = unsafe Memory(base: mapping.base, size: size)
    try memory.store(Layout.magicLow, at: Layout.magicAt)
    try memory.store(Layout.magicHigh, at: Layout.magicAt + 4)
    try memory.store(Layout.version, at: Layout.versionAt)
    try memory.store(contents, at: Layout.contentsAt)
    try memory.store(keep ? 1 : 0, at: Layout.lifetimeAt)
    try memory.store(shm_random(), at: Layout.seedAt)
    try memory.store(shm_pid_namespace(), at: Layout.namespaceAt)
    try Heap.initialize(memory)
    try memory.store(UInt32(size), at: Layout.sizeAt)
    return Attachment(mapping, path: path, size: size)
  }

  /// Enters the pool: takes its read lock. Ends with the value.
  @_lifetime(borrow self)
  public borrowing func access() throws(PoolError) -> Access { try Access(self) }

  /// Runs `body` inside of the pool.
  public borrowing func withAccess<Result>(
    _ body: (inout Access) throws(PoolError) -> Result
  ) throws(PoolError) -> Result {
    var access = try access()
    return try body(&access)
  }
}
