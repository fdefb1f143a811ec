// Hashes of bytes: the one that maps and sets in a pool use, eight bytes at a time and with the pool's seed.

import CSystem

enum ByteHash {
  @inline(__always)
  private static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }

  /// The same in 32- and 64-bit processes of one byte order.
  @inline(__always)
  static func hash(_ start: UnsafeRawPointer, _ count: Int, seed: UInt32) -> UInt32 {
    var state = UInt64(seed) ^ 0xa076_1d64_78bd_642f
    var at = 0
    while count - at >= 16 {
      let low = unsafe (start + at).loadUnaligned(as: UInt64.self)
      let high = unsafe (start + at + 8).loadUnaligned(as: UInt64.self)
      state = mix(low ^ 0xe703_7ed1_a0b4_28db, high ^ state)
      at += 16
    }
    let left = count - at
    var low: UInt64 = 0
    var high: UInt64 = 0
    if left >= 8 {
      low = unsafe (start + at).loadUnaligned(as: UInt64.self)
      high = unsafe (start + count - 8).loadUnaligned(as: UInt64.self)
    } else if left >= 4 {
      low = UInt64(unsafe (start + at).loadUnaligned(as: UInt32.self))
      high = UInt64(unsafe (start + count - 4).loadUnaligned(as: UInt32.self))
    } else if left > 0 {
      low = UInt64(unsafe (start + at).load(as: UInt8.self)) << 16
      low |= UInt64(unsafe (start + at + left / 2).load(as: UInt8.self)) << 8
      low |= UInt64(unsafe (start + count - 1).load(as: UInt8.self))
    }
    state = mix(low ^ 0x8ebc_6af0_9c88_c6e3, high ^ state ^ UInt64(count))
    return UInt32(truncatingIfNeeded: state ^ state >> 32)
  }
}
