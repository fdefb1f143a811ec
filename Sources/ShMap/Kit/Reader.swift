// A pool as a reader holds it: mapped read-only, never written, not even a lock. See Publication.swift for why an answer
// is nevertheless always one whole state.
//
//     let reader = try Reader(opening: path, contents: kind, identity: bus)
//     try reader.withSnapshot { snapshot in ... }     // throws stale: read again
//
// A reader costs the writer nothing, and may be stopped or killed anywhere.

import CSystem

/// One published state, for as long as the closure that received it runs.
public struct Snapshot: ~Escapable {
  public let view: ReadView
  /// Offset of the root block.
  public let root: UInt32
  public let generation: UInt64

  @_lifetime(copy view)
  init(_ view: ReadView, root: UInt32, generation: UInt64) {
    self.view = view
    self.root = root
    self.generation = generation
  }

  /// Whether every block of this state is still whole. What was read before is only then an answer.
  public var isWhole: Bool {
    shm_fence_acquire()
    guard let low = try? view.word(Layout.floorAt), let epoch = try? view.word(Layout.floorEpochAt) else {
      return false
    }
    // The epoch is stored first and read last: see Layout.
    let ahead = Int32(bitPattern: low &- UInt32(truncatingIfNeeded: generation))
    let epochs = epoch &- Layout.epoch(generation)
    return ahead <= 0 && (epochs == 0 || Int32(bitPattern: epochs) < 0)
  }
}

public struct Reader: ~Copyable {
  private var mapping: Mapping

  /// Opens a pool and checks that it is one, of this layout, with these contents, of this identity (16 bytes; nil: any).
  public init(
    opening path: [UInt8], contents: UInt32, identity: [UInt8]?, trust: Trust = Trust(),
    reserve: Int = Pool.defaultReserve
  ) throws(PoolError) {
    let (file, length) = try PoolFile.open(path, writable: false, trust: trust)
    var mapping = try Mapping(file: file, writable: false, size: max(length, 4096), reserve: reserve)
    let size = try Reader.check(mapping, length: length, contents: contents, identity: identity)
    try mapping.cover(size)
    self.mapping = mapping
  }

  private static func check(
    _ mapping: borrowing Mapping, length: Int, contents: UInt32, identity: [UInt8]?
  ) throws(PoolError) -> Int {
    let view = ReadView(mapping, size: length)
    let size = try sizeStated(view, length, mapping.file)
    guard try view.word(Layout.stateAt) != Layout.State.preparing, try view.word(Layout.contentsAt) == contents else {
      throw .wrongContents
    }
    if let identity {
      let stored = try view.bytes(Layout.identityAt, count: 16)
      for index in 0..<16 where stored[index] != identity[index] { throw .wrongContents }
    }
    return size
  }

  /// The size that the pool's header states. The writer may have made the file longer since its length was taken.
  private static func sizeStated(_ view: ReadView, _ length: Int, _ file: Int32) throws(PoolError) -> Int {
    do throws(PoolError) { return try PoolFile.check(view, length: length) } catch {
      let longer = PoolFile.length(of: file)
      guard error == .tooShort, longer > length else { throw error }
      return try sizeStated(view, longer, file)
    }
  }

  /// The first page. Always readable.
  private var header: ReadView {
    @_lifetime(borrow self)
    borrowing get { ReadView(mapping, size: Int(Layout.headerBytes)) }
  }

  var memory: Memory {
    unsafe Memory(
      base: mapping.base, size: min(mapping.reserved, size))
  }

  private func headerWord(_ at: UInt32) -> UInt32 {
    unsafe shm_load32_acquire(mapping.base + Int(at))
  }

  /// Whether the pool has outgrown the address space that this reader reserved; then `adopt()` has to be called, which
  /// moves the mapping, before a snapshot can be taken.
  public var isOutgrown: Bool { Int(clamping: headerWord(Layout.sizeAt)) > mapping.reserved }

  /// Follows the pool's growth beyond the reserved address space. No snapshot may be alive, which the compiler checks.
  public mutating func adopt() throws(PoolError) {
    let size = Int(clamping: headerWord(Layout.sizeAt))
    try mapping.cover(size)
  }

  /// Reads one published state. What `body` returns counts only if no block it read was recycled meanwhile: else this
  /// throws `stale`, and the caller reads again. Throws `wrongContents` when nothing has been published yet, and `stale`
  /// when the pool is outgrown.
  public func withSnapshot<Result, Failure: Error>(
    _ body: (borrowing Snapshot) throws(Failure) -> Result
  ) throws(PoolError) -> Swift.Result<Result, Failure> {
    let snapshot = try takeSnapshot()
    let result: Swift.Result<Result, Failure>
    do throws(Failure) { result = .success(try body(snapshot)) } catch { result = .failure(error) }
    guard snapshot.isWhole else { throw .stale }
    return result
  }

  @_lifetime(borrow self)
  private func takeSnapshot() throws(PoolError) -> Snapshot {
    while true {
      let root = headerWord(Layout.rootAt)
      guard root != 0 else { throw .wrongContents }
      // After the root: everything that this root leads to lies below this size.
      let size = Int(clamping: headerWord(Layout.sizeAt))
      guard size <= mapping.reserved else { throw .stale }
      let view = ReadView(mapping, size: size)
      let low = try view.word(root)
      let high = try view.word(root + 4)
      // Still the root after its generation was read: then that generation is this root's own.
      guard headerWord(Layout.rootAt) == root else { continue }
      return Snapshot(view, root: root, generation: UInt64(high) << 32 | UInt64(low))
    }
  }

  // MARK: About the writer

  /// The low word of the published generation, for a quick look whether anything changed.
  public var generationWord: UInt32 { headerWord(Layout.generationAt) }

  /// Sleeps until the generation is no longer `seen`, at most `timeout` (nil: for ever). A signal may end it early.
  public func waitForChange(from seen: UInt32, timeout: timespec?) {
    if let timeout {
      unsafe withUnsafePointer(to: timeout) {
        unsafe _ = shm_futex_wait(mapping.base + Int(Layout.generationAt), seen, $0)
      }
    } else {
      unsafe _ = shm_futex_wait(mapping.base + Int(Layout.generationAt), seen, nil)
    }
  }

  /// The same, and ends too once the word at `other`, in this process's own memory, is no longer `value`: whoever changes
  /// it calls `Reader.wake(other)`. Kernels older than 5.16 notice that within a second only.
  @unsafe public func waitForChange(from seen: UInt32, or other: UnsafeRawPointer, from value: UInt32) {
    unsafe _ = shm_futex_wait_either(mapping.base + Int(Layout.generationAt), seen, other, value)
  }

  /// Wakes who waits for a change of `word`.
  @unsafe public static func wake(_ word: UnsafeMutableRawPointer) { unsafe _ = shm_futex_wake(word, Int32.max) }

  /// Whether the writer lives: one plain load. False after a clean end and after a kill.
  public var writerIsAlive: Bool {
    Layout.isHeld(headerWord(Layout.ownerAt))
  }

  /// Whether the writer has ended: two system calls, for the next writer of the name. An emulator's kernel does not know which locks
  /// its guests hold, so that `writerIsAlive` stays true there after a kill; the lock on the file says the truth.
  public var writerHasEnded: Bool { !writerIsAlive || PoolFile.isUnlocked(mapping.file) }

  /// The thread that writes the pool, as the kernel numbers it; 0 when none does. For a program with one thread, its process.
  public var writer: Int32 { writerIsAlive ? Int32(headerWord(Layout.ownerAt) & 0x3fff_ffff) : 0 }

  /// The 16 bytes by which the creator said whose the pool is.
  public var identity: [UInt8] {
    var bytes: [UInt8] = []
    for index in UInt32(0)..<4 {
      let word = headerWord(Layout.identityAt + 4 * index)
      for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
    }
    return bytes
  }

  /// Whether a newer pool has taken this one's name; whoever wants newer answers opens that.
  public var isRetired: Bool { headerWord(Layout.stateAt) == Layout.State.retired }

  /// The moment up to which the published state is complete, in microseconds of CLOCK_MONOTONIC.
  public var stamp: UInt64 {
    while true {
      let high = headerWord(Layout.stampAt + 8)
      let low = headerWord(Layout.stampAt + 4)
      if headerWord(Layout.stampAt) == high { return UInt64(high) << 32 | UInt64(low) }
    }
  }

  /// Bytes of the pool.
  public var size: Int { Int(clamping: headerWord(Layout.sizeAt)) }

  /// The file's device and inode, to tell whether a name leads to another pool by now.
  public var fileID: (device: UInt64, inode: UInt64) {
    var status = stat()
    guard unsafe fstat(mapping.file, &status) == 0 else { return (0, 0) }
    return (UInt64(status.st_dev), UInt64(status.st_ino))
  }
}
