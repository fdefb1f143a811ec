// What can be a key of a map or a set in a pool.

import CSystem

/// A key that is compared by its bytes: a bitwise-copyable type without padding, stored in the table itself.
///
/// To conform is to promise that equal keys have equal bytes. The integers and offsets do.
public protocol PoolKey: BitwiseCopyable, Hashable {}

extension Int8: PoolKey {}
extension Int16: PoolKey {}
extension Int32: PoolKey {}
extension Int64: PoolKey {}
extension UInt8: PoolKey {}
extension UInt16: PoolKey {}
extension UInt32: PoolKey {}
extension UInt64: PoolKey {}
extension Offset: PoolKey {}

/// Stands for keys that are byte strings of any length above 0, which the table copies into the pool and owns:
/// `Map<Bytes, Value>`, `Set<Bytes>`.
public enum Bytes: Sendable {}

extension TableEngine.Shape {
  static func inline<Key>(_ key: Key.Type, isMap: Bool, valueBytes: Int) -> Self {
    Self(isMap: isMap, inlineKeys: true, ownsKeys: false, keyBytes: MemoryLayout<Key>.size, valueBytes: valueBytes)
  }

  static func bytes(isMap: Bool, valueBytes: Int) -> Self {
    Self(isMap: isMap, inlineKeys: false, ownsKeys: true, keyBytes: 8, valueBytes: valueBytes)
  }
}

extension TableEngine {
  /// Adds a key of the table's own bytes: a copy in the pool that goes with the entry.
  func addCopy(
    _ key: Span<UInt8>, _ session: inout Session, _ shape: Shape, _ fill: (UnsafeMutableRawPointer) -> Void
  ) throws(PoolError) {
    let length = key.count
    guard length > 0 else { throw .outOfRange }
    let copy = try session.allocate(length)
    let start = unsafe try session.memory.pointer(copy, bytes: length)
    unsafe key.withUnsafeBufferPointer { unsafe start.copyMemory(from: $0.baseAddress!, byteCount: length) }
    do throws(PoolError) {
      try unsafe key.withBytes { start throws(PoolError) in
        try unsafe add(start, length, &session, shape) { key, value in
          unsafe key.storeBytes(of: copy, as: UInt32.self)
          unsafe key.storeBytes(of: UInt32(length), toByteOffset: 4, as: UInt32.self)
          unsafe fill(value)
        }
      }
    } catch {
      try session.free(copy)
      throw error
    }
  }

  func findBytes(_ key: Span<UInt8>, _ session: Session, _ shape: Shape) throws(PoolError) -> UInt32? {
    try unsafe key.withBytes { start throws(PoolError) in try unsafe find(start, key.count, session, shape) }
  }
}

extension Span<UInt8> {
  /// The bytes' address; a valid one also when there are none.
  @inline(__always)
  func withBytes<Result>(_ body: (UnsafeRawPointer) throws(PoolError) -> Result) throws(PoolError) -> Result {
    try unsafe withUnsafeBufferPointer { buffer throws(PoolError) in
      if let start = buffer.baseAddress { return try unsafe body(UnsafeRawPointer(start)) }
      var none: UInt8 = 0
      return try unsafe body(&none)
    }
  }
}
