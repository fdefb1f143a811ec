// A hash map in a pool.
//
//     let map = try Map<Bytes, Int32>(in: &access)
//     try map.set(key, to: 7, in: &access)          // key: Span<UInt8>, copied
//     try map.get(key, in: access)                  // 7
//
// and the same with keys of fixed size: Map<UInt64, Offset<Record>>.

import CSystem

/// The handle of a map: an offset, which can itself be stored in the pool. Keys are `Bytes` or a `PoolKey`. The map has no lock
/// of its own: readers exclude writers by a lock of the application's. If a user dies while it changes the map, the map is as
/// before or after the change.
public struct Map<Key, Value: BitwiseCopyable>: BitwiseCopyable, Sendable {
  /// Where the map is, for storing and passing on.
  public let offset: UInt32

  var engine: TableEngine { TableEngine(offset) }

  /// The map at an offset that `offset` of another handle gave.
  public init(at offset: UInt32) { self.offset = offset }

  public func count(in access: borrowing Access) throws(PoolError) -> Int { try engine.count(access.session) }

  private static var valueBytes: Int { MemoryLayout<Value>.size }

  fileprivate func value(
    _ slot: UInt32?, _ access: borrowing Access, _ shape: TableEngine.Shape
  ) -> Value? {
    guard let slot else { return nil }
    return unsafe (access.session.memory.base + Int(slot + shape.valueAt)).loadUnaligned(as: Value.self)
  }

  fileprivate func replace(
    _ slot: UInt32, _ value: Value, _ access: inout Access, _ shape: TableEngine.Shape
  ) {
    unsafe (access.session.memory.base + Int(slot + shape.valueAt)).storeBytes(of: value, as: Value.self)
  }
}

extension Map where Key: PoolKey {
  private static var shape: TableEngine.Shape { .inline(Key.self, isMap: true, valueBytes: MemoryLayout<Value>.size) }

  /// Makes an empty map.
  public init(in access: inout Access) throws(PoolError) {
    offset = try TableEngine.create(&access.session, Self.shape).at
  }

  /// Frees the map.
  public func destroy(in access: inout Access) throws(PoolError) { try engine.destroy(&access.session, Self.shape) }

  private func find(_ key: Key, _ session: Session) throws(PoolError) -> UInt32? {
    var key = key
    return try unsafe engine.find(&key, MemoryLayout<Key>.size, session, Self.shape)
  }

  /// The value of a key; nil when it has none.
  public func get(_ key: Key, in access: borrowing Access) throws(PoolError) -> Value? {
    value(try find(key, access.session), access, Self.shape)
  }

  /// Gives a key a value, in place of the one that it has.
  public func set(_ key: Key, to value: Value, in access: inout Access) throws(PoolError) {
    if let slot = try find(key, access.session) { return replace(slot, value, &access, Self.shape) }
    var bytes = key
    try unsafe engine.add(&bytes, MemoryLayout<Key>.size, &access.session, Self.shape) {
      unsafe $0.storeBytes(of: key, as: Key.self)
      unsafe $1.storeBytes(of: value, as: Value.self)
    }
  }

  /// Takes a key away; gives its value, nil when it had none.
  @discardableResult
  public func remove(_ key: Key, in access: inout Access) throws(PoolError) -> Value? {
    guard let slot = try find(key, access.session) else { return nil }
    let value = value(slot, access, Self.shape)
    try engine.remove(slot, &access.session, Self.shape)
    return value
  }

  /// Calls `body` with each key and value, in no particular order.
  public func forEach(
    in access: borrowing Access, _ body: (Key, Value) throws(PoolError) -> Void
  ) throws(PoolError) {
    var from: UInt32 = 0
    while let (slot, next) = try engine.next(from: from, access.session, Self.shape) {
      let key = unsafe (access.session.memory.base + Int(slot + 4)).loadUnaligned(as: Key.self)
      if let value = value(slot, access, Self.shape) { try body(key, value) }
      from = next
    }
  }
}

extension Map where Key == Bytes {
  private static var shape: TableEngine.Shape { .bytes(isMap: true, valueBytes: MemoryLayout<Value>.size) }

  /// Makes an empty map.
  public init(in access: inout Access) throws(PoolError) {
    offset = try TableEngine.create(&access.session, Self.shape).at
  }

  /// Frees the map and its keys.
  public func destroy(in access: inout Access) throws(PoolError) { try engine.destroy(&access.session, Self.shape) }

  /// The value of a key; nil when it has none.
  public func get(_ key: Span<UInt8>, in access: borrowing Access) throws(PoolError) -> Value? {
    value(try engine.findBytes(key, access.session, Self.shape), access, Self.shape)
  }

  /// Gives a key a value, in place of the one that it has.
  public func set(_ key: Span<UInt8>, to value: Value, in access: inout Access) throws(PoolError) {
    if let slot = try engine.findBytes(key, access.session, Self.shape) {
      return replace(slot, value, &access, Self.shape)
    }
    try unsafe engine.addCopy(key, &access.session, Self.shape) { unsafe $0.storeBytes(of: value, as: Value.self) }
  }

  /// Takes a key away; gives its value, nil when it had none.
  @discardableResult
  public func remove(_ key: Span<UInt8>, in access: inout Access) throws(PoolError) -> Value? {
    guard let slot = try engine.findBytes(key, access.session, Self.shape) else { return nil }
    let value = value(slot, access, Self.shape)
    try engine.remove(slot, &access.session, Self.shape)
    return value
  }

  /// Calls `body` with each key, in place, and its value, in no particular order.
  public func forEach(
    in access: borrowing Access, _ body: (Span<UInt8>, Value) throws(PoolError) -> Void
  ) throws(PoolError) {
    var from: UInt32 = 0
    while let (slot, next) = try engine.next(from: from, access.session, Self.shape) {
      let key = try access.span(
        Offset<UInt8>(try access.session.memory.load(slot + 4)),
        count: Int(clamping: try access.session.memory.load(slot + 8)))
      if let value = value(slot, access, Self.shape) { try body(key, value) }
      from = next
    }
  }
}
