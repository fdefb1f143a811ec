// The bytes of a pool that this process may write, as the toolkit itself sees them: words by their offset, each access
// checked, so that a damaged pool gives `damaged` and never a wild pointer. Nobody outside of the module gets one.

import CSystem

/// Whether `count` bytes from an offset on, not below zero, lie in a pool of `size` bytes. Counted in 64 bits: an offset in a
/// damaged pool may be more than an Int of a 32-bit processor holds.
@inline(__always)
func lies(_ at: UInt32, _ count: Int, within size: Int) -> Bool {
  UInt64(at) &+ UInt64(truncatingIfNeeded: count) <= UInt64(truncatingIfNeeded: size)
}

/// A pool's bytes. Valid as long as the mapping that it came from and, in a shared pool, while the read lock is held.
@safe struct Memory {
  let base: UnsafeMutableRawPointer
  let size: Int

  @inline(__always)
  init(base: UnsafeMutableRawPointer, size: Int) {
    unsafe self.base = base
    self.size = size
  }

  @inline(__always)
  func check(_ at: UInt32) throws(PoolError) {
    guard lies(at, 4, within: size), at & 3 == 0 else { throw .damaged }
  }

  /// The word at an offset. Not inlined, as it is used in a hundred places of which few are in a hurry.
  @inline(never)
  func load(_ at: UInt32) throws(PoolError) -> UInt32 { try loadHere(at) }

  @inline(__always)
  func loadHere(_ at: UInt32) throws(PoolError) -> UInt32 {
    try check(at)
    return unsafe shm_load32(base + Int(at))
  }

  /// Stores after all stores before it, as whoever loads with acquire sees it. On a process's own death it is the order of
  /// the instructions that counts, which this keeps too.
  @inline(never)
  func store(_ value: UInt32, at: UInt32) throws(PoolError) { try storeHere(value, at: at) }

  @inline(__always)
  func storeHere(_ value: UInt32, at: UInt32) throws(PoolError) {
    try check(at)
    unsafe shm_store32_release(base + Int(at), value)
  }

  /// Where the block behind one of `size` bytes begins. Throws `damaged` when its header does not lie in the pool.
  @inline(__always)
  func behind(_ block: UInt32, _ size: UInt32) throws(PoolError) -> UInt32 {
    guard UInt64(block) + UInt64(size) + 8 <= UInt64(self.size) else { throw .damaged }
    return block + size
  }

  /// `bytes` bytes at an offset, inside of the pool and aligned to 8.
  @inline(__always)
  func pointer(_ at: UInt32, bytes: Int) throws(PoolError) -> UnsafeMutableRawPointer {
    guard bytes >= 0, at & 7 == 0, at >= Layout.headerBytes, lies(at, bytes, within: size) else { throw .damaged }
    return unsafe base + Int(at)
  }
}
