// Reading a pool. A view exists only while its pool is borrowed: the compiler refuses to keep a view, or anything read in
// place through it, beyond that, and refuses to grow, move or change the pool meanwhile.
//
// A view trusts nothing in the pool: each access is checked against the pool's size, and words are copied out by one atomic
// load, so that memory which another process changes at the same moment can give a wrong answer but never a wild pointer.

import CSystem

/// A pool's bytes, read-only, as long as the pool is borrowed.
@safe public struct ReadView: ~Escapable {
  @usableFromInline let base: UnsafeRawPointer
  /// Bytes that may be read.
  public let size: Int

  @_lifetime(borrow mapping)
  @inline(__always)
  init(_ mapping: borrowing Mapping, size: Int) {
    unsafe base = UnsafeRawPointer(mapping.base)
    self.size = size
  }

  /// Where `count` bytes at an offset begin. No offset overflows here where Int has 32 bits.
  @inlinable @inline(__always)
  func start(_ at: UInt32, _ count: Int) throws(PoolError) -> Int {
    let start = Int(truncatingIfNeeded: at)
    guard UInt(at) <= UInt(bitPattern: size), count >= 0, count <= size &- start else { throw .damaged }
    return start
  }

  /// The 32-bit word at a place. Throws `damaged` when that is outside of the pool or not aligned.
  @inlinable @inline(__always)
  public func word(_ at: UInt32) throws(PoolError) -> UInt32 {
    guard UInt(at) < UInt(bitPattern: size & ~3), at & 3 == 0 else { throw .damaged }
    return unsafe shm_load32(base + Int(truncatingIfNeeded: at))
  }

  /// `count` words from a place on, checked at once: a loop over them need not check each place again.
  @_lifetime(copy self)
  @inlinable @inline(__always)
  public func words(_ at: UInt32, count: UInt32) throws(PoolError) -> WordSpan {
    guard UInt64(at) &+ 4 &* UInt64(count) <= UInt64(UInt(bitPattern: size)), at & 3 == 0 else { throw .damaged }
    let words = unsafe WordSpan(base + Int(truncatingIfNeeded: at), count: count)
    return unsafe _overrideLifetime(words, copying: self)
  }

  /// A value copied out of the pool.
  @inline(__always)
  public func load<Value: BitwiseCopyable>(_ at: Offset<Value>) throws(PoolError) -> Value {
    let start = try start(at.raw, MemoryLayout<Value>.size)
    guard start & (MemoryLayout<Value>.alignment - 1) == 0 else { throw .damaged }
    return unsafe (base + start).loadUnaligned(as: Value.self)
  }

  /// `count` bytes in place, for as long as the view lives.
  @_lifetime(copy self)
  @inlinable @inline(__always)
  public func bytes(_ at: UInt32, count: Int) throws(PoolError) -> Span<UInt8> {
    let start = try start(at, count)
    let first = unsafe (base + start).assumingMemoryBound(to: UInt8.self)
    return unsafe _overrideLifetime(Span(_unsafeStart: first, count: count), copying: self)
  }

  /// `count` values in place, for as long as the view lives. They may change while they are read if the pool's owner
  /// recycles them: copy, check, use the copy.
  @_lifetime(copy self)
  public func span<Value: BitwiseCopyable>(_ at: Offset<Value>, count: Int) throws(PoolError) -> Span<Value> {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Value>.stride)
    guard !overflow else { throw .damaged }
    let start = try start(at.raw, bytes)
    guard start & (MemoryLayout<Value>.alignment - 1) == 0 else { throw .damaged }
    let first = unsafe (base + start).assumingMemoryBound(to: Value.self)
    return unsafe _overrideLifetime(Span(_unsafeStart: first, count: count), copying: self)
  }
}

/// Words of a pool that lie next to each other. Each is read by one atomic load, as `ReadView.word` does.
@safe public struct WordSpan: ~Escapable {
  @usableFromInline let base: UnsafeRawPointer
  public let count: UInt32

  @_lifetime(immortal)
  @inlinable @inline(__always)
  @unsafe init(_ base: UnsafeRawPointer, count: UInt32) {
    unsafe self.base = base
    self.count = count
  }

  @inlinable @inline(__always)
  public subscript(index: UInt32) -> UInt32 {
    precondition(index < count)
    return unsafe shm_load32(base + 4 &* Int(truncatingIfNeeded: index))
  }
}
