// A pool as its writer holds it: created in a file, grown when its heap is full, published to readers in whole states.
//
//     var pool = try Pool(creating: path, mode: 0o640, contents: kind, identity: bus)
//     let block = try pool.allocate(24)
//     pool.store(7, at: block)
//     try pool.publish(root: block, ...)              // Publication.swift
//
// Nothing here hands out a pointer: words and bytes are read and written by their offset, so that growing and moving the
// pool can never leave a dangling one. `view` reads in place, and the compiler keeps the pool unchanged while it lives.

import CSystem

public struct Pool: ~Copyable {
  private var mapping: Mapping
  /// Bytes of the pool.
  public private(set) var size: Int
  let path: [UInt8]
  var recycler = Recycler()

  /// Address space that a pool takes at first. It moves when it outgrows this.
  #if arch(arm) || arch(i386)
    public static let defaultReserve = 64 << 20
  #else
    public static let defaultReserve = 1 << 30
  #endif

  /// Creates a pool in a new file that takes the name `path` when `commit()` is called.
  ///
  /// - `contents` says what the pool is used for; `identity` (16 bytes) whose it is.
  public init(
    creating path: [UInt8], mode: UInt32, contents: UInt32, identity: [UInt8], reserve: Int = Pool.defaultReserve
  ) throws(PoolError) {
    precondition(identity.count == 16)
    let (file, temporary) = try PoolFile.create(beside: path, mode: mode)
    let first = Int(Layout.headerBytes) + Heap.firstGrowth
    let mapping: Mapping
    do throws(PoolError) { mapping = try Pool.prepare(file, size: first, reserve: reserve) } catch {
      PoolFile.remove(temporary)
      throw error
    }
    self.mapping = mapping
    self.path = path
    self.temporary = temporary
    size = first
    self[Layout.magicAt] = Layout.magicLow
    self[Layout.magicAt + 4] = Layout.magicHigh
    self[Layout.versionAt] = Layout.version
    self[Layout.sizeAt] = UInt32(first)
    self[Layout.contentsAt] = contents
    for index in 0..<16 { setByte(identity[index], at: Layout.identityAt + UInt32(index)) }
    unsafe shm_store32_release(headerWord(Layout.stateAt), Layout.State.ready)
  }

  private var temporary: [UInt8]?

  /// Maps a new file of `size` bytes, takes the owner's lock in it and makes its heap. Takes over the descriptor.
  private static func prepare(_ file: Int32, size: Int, reserve: Int) throws(PoolError) -> Mapping {
    do throws(PoolError) { _ = try PoolFile.extend(file, from: 0, by: size) } catch {
      _ = close(file)
      throw error
    }
    var mapping = try Mapping(file: file, writable: true, size: size, reserve: reserve)
    // The file is new, so nobody else has locked it. See Reader.writerHasEnded.
    _ = PoolFile.lock(file, LOCK_EX | LOCK_NB)
    try mapping.own(Layout.ownerAt)
    try Heap.initialize(unsafe Memory(base: mapping.base, size: size))
    return mapping
  }

  /// Gives the pool its name. An older pool of that name stays readable to whoever has it open, and is marked as retired.
  public mutating func commit() throws(PoolError) {
    guard let name = temporary else { return }
    // Marked before, and woken after: should this process be killed in between, no reader takes the older pool for current,
    // and the next writer finds it under the name again.
    let older = try? RetiredPool(of: path)
    let isMarked = (try? older?.mark()) != nil
    try PoolFile.rename(name, to: path)
    temporary = nil
    if isMarked { older?.wakeReaders() }
  }

  deinit {
    if let temporary { PoolFile.remove(temporary) }
  }

  /// Reads in place for as long as the pool is not changed.
  public var view: ReadView {
    @_lifetime(borrow self)
    borrowing get { ReadView(mapping, size: size) }
  }

  // MARK: Words and bytes by offset

  /// The 32-bit word at an offset that this process itself has computed.
  public subscript(_ at: UInt32) -> UInt32 {
    @inline(__always) get {
      precondition(Int(at) &+ 4 <= size && at & 3 == 0, "offset outside of the pool")
      return unsafe shm_load32(mapping.base + Int(at))
    }
    @inline(__always) set {
      precondition(Int(at) &+ 4 <= size && at & 3 == 0, "offset outside of the pool")
      unsafe shm_store32(mapping.base + Int(at), newValue)
    }
  }

  public mutating func setByte(_ byte: UInt8, at: UInt32) {
    precondition(Int(at) < size, "offset outside of the pool")
    unsafe mapping.base.storeBytes(of: byte, toByteOffset: Int(at), as: UInt8.self)
  }

  /// Copies bytes into the pool.
  public mutating func write(_ bytes: Span<UInt8>, at: UInt32) {
    precondition(Int(at) &+ bytes.count <= size, "offset outside of the pool")
    guard bytes.count > 0 else { return }
    unsafe bytes.withUnsafeBufferPointer { source in
      unsafe (mapping.base + Int(at)).copyMemory(from: source.baseAddress!, byteCount: source.count)
    }
  }

  /// Moves bytes within the pool; the ranges may overlap.
  public mutating func move(_ count: Int, from source: UInt32, to target: UInt32) {
    precondition(Int(source) &+ count <= size && Int(target) &+ count <= size, "offset outside of the pool")
    unsafe _ = memmove(mapping.base + Int(target), mapping.base + Int(source), count)
  }

  // MARK: Growth

  /// Makes the pool at least `bytes` longer. Its address may change; offsets do not.
  mutating func grow(by bytes: Int) throws(PoolError) {
    let wanted = try PoolFile.extend(mapping.file, from: size, by: bytes)
    try mapping.cover(wanted)
    size = wanted
    // Published before any root can lead beyond the old end: a reader loads the root first and the size after it.
    unsafe shm_store32_release(mapping.base + Int(Layout.sizeAt), UInt32(wanted))
  }

  var memory: Memory {
    @inline(__always) get { unsafe Memory(base: mapping.base, size: size) }
  }

  /// The address of a word of the first page, for the atomic operations in this module.
  func headerWord(_ at: UInt32) -> UnsafeMutableRawPointer { unsafe mapping.base + Int(at) }
}
