// A thread's time inside of a shared pool. It holds the pool's read lock; when it ends, the lock is given up.
//
//     try pool.withAccess { access throws(PoolError) in
//       let counter = try access.allocate(UInt64.self)
//       try access.store(1, at: counter)
//     }
//
// The compiler keeps an access, and every span that it hands out, to the time of the lock: neither can be stored, returned or
// used afterwards, and nothing can be allocated while a span is alive, since allocating may move the pool. What is not checked:
// an offset of another pool, and what other processes do to the same bytes at the same time; that is what the locks are for.

import CSystem

@safe public struct Access: ~Copyable, ~Escapable {
  package var session: Session

  @_lifetime(borrow pool)
  init(_ pool: borrowing SharedPool) throws(PoolError) {
    try unsafe pool.attachment.enter(shm_thread_self())
    session = Session(pool.attachment)
  }

  deinit { unsafe try? session.attachment.leave(session.thread) }

  /// Bytes of the pool.
  public var size: Int { session.memory.size }

  /// The block that the pool's creator made for the application, as it was made; none if there is none.
  public func user<Pointee>(as type: Pointee.Type = Pointee.self) -> Offset<Pointee> {
    Offset((try? session.memory.load(Layout.userAt)) ?? 0)
  }

  // MARK: Heap

  /// Memory for `count` values in a row, of undefined contents, aligned to 8. Other blocks keep their offsets; the pool may
  /// move.
  public mutating func allocate<Pointee: BitwiseCopyable>(
    _ type: Pointee.Type = Pointee.self, count: Int = 1
  ) throws(PoolError) -> Offset<Pointee> {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Pointee>.stride)
    guard count >= 0, !overflow else { throw .full }
    return Offset(try session.allocate(bytes))
  }

  /// Gives memory back; none is allowed. Throws `notAllocated`, and changes nothing, for what is no block in use.
  public mutating func free<Pointee>(_ block: Offset<Pointee>) throws(PoolError) { try session.free(block.raw) }

  /// Makes a block longer or shorter; its contents may get another offset.
  public mutating func reallocate<Pointee: BitwiseCopyable>(
    _ block: Offset<Pointee>, count: Int
  ) throws(PoolError) -> Offset<Pointee> {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Pointee>.stride)
    guard count >= 0, !overflow else { throw .full }
    return Offset(try session.reallocate(block.raw, bytes))
  }

  /// A copy of `bytes` in the pool.
  public mutating func copy(_ bytes: Span<UInt8>) throws(PoolError) -> Offset<UInt8> {
    let block = try session.allocate(bytes.count)
    if bytes.count > 0 {
      let target = try unsafe session.memory.pointer(block, bytes: bytes.count)
      unsafe bytes.withUnsafeBufferPointer { unsafe target.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    }
    return Offset(block)
  }

  /// Bytes in blocks in use, headers included.
  public func usedBytes() throws(PoolError) -> Int { try session.usage().used }

  /// Checks the whole heap, after arenas were repaired whose user died. Nobody else is in the pool meanwhile.
  public mutating func checkHeap() throws(PoolError) -> HeapReport { try session.checkHeap() }

  // MARK: Reading and writing

  /// A value copied out of the pool.
  @inline(__always)
  public func load<Value: BitwiseCopyable>(_ at: Offset<Value>) throws(PoolError) -> Value {
    unsafe try place(at, 1).loadUnaligned(as: Value.self)
  }

  /// A value copied into the pool.
  @inline(__always)
  public mutating func store<Value: BitwiseCopyable>(_ value: Value, at: Offset<Value>) throws(PoolError) {
    unsafe try place(at, 1).storeBytes(of: value, as: Value.self)
  }

  /// `count` values in place, until something is allocated or the access ends.
  @_lifetime(borrow self)
  public borrowing func span<Value: BitwiseCopyable>(_ at: Offset<Value>, count: Int) throws(PoolError) -> Span<Value> {
    let start = unsafe try place(at, count).assumingMemoryBound(to: Value.self)
    return unsafe _overrideLifetime(Span(_unsafeStart: start, count: count), borrowing: self)
  }

  /// The same for writing; one at a time.
  @_lifetime(&self)
  public mutating func mutableSpan<Value: BitwiseCopyable>(
    _ at: Offset<Value>, count: Int
  ) throws(PoolError) -> MutableSpan<Value> {
    let start = unsafe try place(at, count).assumingMemoryBound(to: Value.self)
    return unsafe _overrideLifetime(MutableSpan(_unsafeStart: start, count: count), mutating: &self)
  }

  @inline(__always)
  private func place<Value>(_ at: Offset<Value>, _ count: Int) throws(PoolError) -> UnsafeMutableRawPointer {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Value>.stride)
    guard count >= 0, !overflow, at.raw >= Layout.headerBytes, lies(at.raw, bytes, within: session.memory.size),
      at.raw & UInt32(MemoryLayout<Value>.alignment - 1) == 0
    else { throw .damaged }
    return unsafe session.memory.base + Int(at.raw)
  }

  // MARK: Locks

  /// Runs `body` while this thread holds a mutex. `holderDied`: what the mutex protects may be half changed.
  public mutating func withLock<Result>(
    _ mutex: Offset<Mutex>, _ body: (inout Access, Acquisition) throws(PoolError) -> Result
  ) throws(PoolError) -> Result {
    let taken = try session.lockMutex(mutex.raw)
    let result: Swift.Result<Result, PoolError>
    do throws(PoolError) { result = .success(try body(&self, taken)) } catch { result = .failure(error) }
    try session.unlockMutex(mutex.raw)
    return try result.get()
  }

  /// Sleeps until a condition is signalled (or for no reason), without the mutex, which this thread holds before and after.
  public mutating func wait(
    for condition: Offset<Condition>, releasing mutex: Offset<Mutex>
  ) throws(PoolError) -> Acquisition {
    try session.wait(condition.raw, mutex.raw)
  }

  /// Wakes one thread that waits.
  public func signal(_ condition: Offset<Condition>) throws(PoolError) { try session.signal(condition.raw) }

  /// Wakes all threads that wait.
  public func broadcast(_ condition: Offset<Condition>) throws(PoolError) { try session.broadcast(condition.raw) }

  /// Runs `body` with a reader-writer lock held for reading. `holderDied`: the last writer did not finish.
  public mutating func withSharedLock<Result>(
    _ lock: Offset<SharedLock>, _ body: (inout Access, Acquisition) throws(PoolError) -> Result
  ) throws(PoolError) -> Result {
    try under(lock, try session.lockShared(lock.raw), body)
  }

  /// Runs `body` with a reader-writer lock held for writing.
  public mutating func withExclusiveLock<Result>(
    _ lock: Offset<SharedLock>, _ body: (inout Access, Acquisition) throws(PoolError) -> Result
  ) throws(PoolError) -> Result {
    try under(lock, try session.lockExclusive(lock.raw), body)
  }

  private mutating func under<Result>(
    _ lock: Offset<SharedLock>, _ taken: Acquisition,
    _ body: (inout Access, Acquisition) throws(PoolError) -> Result
  ) throws(PoolError) -> Result {
    let result: Swift.Result<Result, PoolError>
    do throws(PoolError) { result = .success(try body(&self, taken)) } catch { result = .failure(error) }
    try session.unlockShared(lock.raw)
    return try result.get()
  }
}
