// A process's hold on a shared pool: the mapping, which is the same for all of its threads, and the pool's lock over it.
//
// Rule: every access holds the pool's lock for reading; whoever makes the pool longer, moves this process's mapping or
// repairs the heap holds it for writing, and then nobody else is in the pool, in any process.

import CSystem

/// Shared by the threads of a process. `mapping` changes under the write lock only.
@safe package final class Attachment: @unchecked Sendable {
  private var mapping: Mapping
  let path: [UInt8]
  /// The process that attached: a child that was forked later shares the file's lock and must not draw conclusions from it.
  private let process = getpid()
  /// Where the first pages were mapped first. They stay there until the end, so that the lock can be reached at any time.
  private let lockBase: UnsafeMutableRawPointer
  /// The mapping's address for C: the first word of its `struct shmap`.
  package let shared: UnsafeMutablePointer<shm_attachment>

  /// `size`: the pool's length, which was compared with its file's.
  init(_ mapping: consuming Mapping, path: [UInt8], size: Int) {
    unsafe lockBase = mapping.base
    unsafe shared = UnsafeMutablePointer.allocate(capacity: 1)
    unsafe shared.initialize(to: shm_attachment(base: mapping.base, attachment: nil, destroy: nil, size: UInt32(size)))
    self.mapping = mapping
    self.path = path
    unsafe shared.pointee.attachment = Unmanaged.passUnretained(self).toOpaque()
  }

  deinit {
    if getpid() == process, SharedPoolFile.isLast(mapping.file),
      unsafe shm_load32(lockBase + Int(Layout.lifetimeAt)) == 0
    {
      SharedPoolFile.remove(path, leadingTo: mapping.file)
    }
    unsafe shared.deallocate()
  }

  /// Whether no other process has the pool open. None can attach any more until this attachment ends.
  package func isLast() -> Bool { getpid() == process && SharedPoolFile.isLast(mapping.file) }

  /// Lets other processes attach to a pool that this one has made. False: its name has been taken away meanwhile.
  func announce() -> Bool { SharedPoolFile.announce(mapping.file) }

  var keepsFile: Bool { unsafe shm_load32(lockBase + Int(Layout.lifetimeAt)) != 0 }

  private var lock: ReaderWriterLock {
    @inline(__always) get { unsafe ReaderWriterLock.ofPool(lockBase) }
  }

  /// What the pool says about its length. Believed only as far as `known`.
  private var stated: UInt32 {
    @inline(__always) get { unsafe shm_load32_acquire(lockBase + Int(Layout.sizeAt)) }
  }

  /// How long the file was when this process looked. A pool whose stated length was spoilt must not lead beyond it.
  private var known: UInt32 {
    @inline(__always) get { unsafe shm_load32(&shared.pointee.size) }
    @inline(__always) set { unsafe shm_store32(&shared.pointee.size, newValue) }
  }

  /// The pool's bytes as they are mapped now. Valid while the lock is held.
  var memory: Memory {
    @inline(__always) get { unsafe Memory(base: mapping.base, size: Int(min(stated, known))) }
  }

  // MARK: The read lock

  @inline(__always)
  package func enter(_ thread: UnsafeMutablePointer<shm_thread>) throws(PoolError) {
    if unsafe !lock.tryRead(thread) { _ = try unsafe lock.read(thread) }
    guard stated != known else { return }
    do throws(PoolError) { try unsafe follow(thread) } catch {
      try unsafe leave(thread)
      throw error
    }
  }

  @inline(__always)
  package func leave(_ thread: UnsafeMutablePointer<shm_thread>) throws(PoolError) {
    try unsafe lock.doneReading(thread)
  }

  /// Lets go of the read lock while the thread waits for something; `resume` takes it again as often as it was held.
  func suspend(_ thread: UnsafeMutablePointer<shm_thread>) -> UInt32 { unsafe lock.leaveReading(thread) }

  func resume(_ depth: UInt32, _ thread: UnsafeMutablePointer<shm_thread>) throws(PoolError) {
    try unsafe lock.readAgain(depth, thread)
    if stated != known { try unsafe follow(thread) }
  }

  /// Another process has made the pool longer. Makes sure of it, and moves this process's mapping if that is too short. The
  /// caller reads; it reads again afterwards.
  @inline(never)
  private func follow(_ thread: UnsafeMutablePointer<shm_thread>) throws(PoolError) {
    while stated > known {
      let size = stated
      var status = stat()
      guard unsafe fstat(mapping.file, &status) == 0, status.st_size >= off_t(size) else { throw .damaged }
      if Int(clamping: size) > mapping.reserved {
        let depth = try unsafe beginAlone(thread)
        let failure = attempt { () throws(PoolError) in try self.cover(Int(clamping: size)) }
        try unsafe endAlone(depth, thread, failure)
      }
      if Int(clamping: size) <= mapping.reserved { known = size }
    }
  }

  private func cover(_ size: Int) throws(PoolError) {
    try mapping.cover(size)
    unsafe shared.pointee.base = mapping.base
  }

  // MARK: The write lock

  /// Makes this thread the only one in the pool, which it reads before and after, not meanwhile. Gives what `endAlone` needs.
  @inline(never)
  private func beginAlone(_ thread: UnsafeMutablePointer<shm_thread>) throws(PoolError) -> UInt32 {
    let depth = unsafe suspend(thread)
    do throws(PoolError) { _ = try unsafe lock.write(thread) } catch {
      try unsafe lock.readAgain(depth, thread)
      throw error
    }
    return depth
  }

  @inline(never)
  private func endAlone(
    _ depth: UInt32, _ thread: UnsafeMutablePointer<shm_thread>, _ failure: PoolError?
  ) throws(PoolError) {
    try lock.doneWriting()
    try unsafe lock.readAgain(depth, thread)
    if let failure { throw failure }
  }

  @inline(__always)
  private func attempt(_ body: () throws(PoolError) -> Void) -> PoolError? {
    do throws(PoolError) { try body() } catch { return error }
    return nil
  }

  /// Makes the pool longer by a region of an arena that can hold a block of `size` bytes, unless somebody has done so since
  /// it was `seen` bytes long.
  @inline(never)
  func grow(
    _ thread: UnsafeMutablePointer<shm_thread>, size: UInt32, arena: UInt32, seen: Int
  ) throws(PoolError) {
    let depth = try unsafe beginAlone(thread)
    let failure = attempt { () throws(PoolError) in try self.addRegion(size, arena, seen) }
    try unsafe endAlone(depth, thread, failure)
    if stated != known { try unsafe follow(thread) }
  }

  private func addRegion(_ size: UInt32, _ arena: UInt32, _ seen: Int) throws(PoolError) {
    let now = memory.size
    // `now` is what this process knows: it may not have heard yet that another has grown the pool.
    guard now == seen, stated <= known else { return }
    let longer = try PoolFile.extend(mapping.file, from: now, by: max(Int(size) + 64, Heap.firstGrowth, now / 8))
    try cover(longer)
    known = UInt32(longer)
    // Before the region has blocks: the bytes are there, and who finds them unused will use them.
    unsafe shm_store32_release(mapping.base + Int(Layout.sizeAt), UInt32(longer))
    let heap = Heap(memory, arena: arena)
    if try heap.memory.load(heap.arena) & Cell.ownerDied != 0 { try heap.rebuild() }
    try heap.addRegion()
    if try heap.findFree(size) == 0 {
      // Its lists are wrong: growing again and again would not help.
      try heap.rebuild()
      guard try heap.findFree(size) != 0 else { throw .damaged }
    }
    if try heap.memory.load(Layout.arenasAt) <= arena { try heap.memory.store(arena + 1, at: Layout.arenasAt) }
  }

  /// Makes the arenas whole whose lock's holder died, and checks the whole heap if that is wanted, with nobody else in the
  /// pool.
  @inline(never)
  func repair(
    _ thread: UnsafeMutablePointer<shm_thread>, thenCheck: Bool = false
  ) throws(PoolError) -> HeapReport? {
    let depth = try unsafe beginAlone(thread)
    var report: HeapReport?
    let failure = attempt { () throws(PoolError) in
      for number in 0..<Layout.arenaLimit {
        let heap = Heap(self.memory, arena: number)
        let died = try heap.memory.load(heap.arena) & Cell.ownerDied != 0
        if try heap.memory.load(heap.arena + Heap.brokenAt) != 0 || died { try heap.rebuild() }
      }
      if thenCheck { report = HeapCheck.run(self.memory) }
    }
    try unsafe endAlone(depth, thread, failure)
    if stated != known { try unsafe follow(thread) }
    return report
  }
}
