// A hash set in a pool: Map without values.
//
//     let seen = try ShMap.Set<Bytes>(in: &access)
//     try seen.insert(name, in: &access)            // name: Span<UInt8>, copied

import CSystem

/// The handle of a set: an offset, which can itself be stored in the pool. Keys are `Bytes` or a `PoolKey`. The set has no lock
/// of its own: readers exclude writers by a lock of the application's. If a user dies while it changes the set, the set is as
/// before or after the change.
public struct Set<Key>: BitwiseCopyable, Sendable {
  /// Where the set is, for storing and passing on.
  public let offset: UInt32

  var engine: TableEngine { TableEngine(offset) }

  /// The set at an offset that `offset` of another handle gave.
  public init(at offset: UInt32) { self.offset = offset }

  public func count(in access: borrowing Access) throws(PoolError) -> Int { try engine.count(access.session) }
}

extension Set where Key: PoolKey {
  private static var shape: TableEngine.Shape { .inline(Key.self, isMap: false, valueBytes: 0) }

  /// Makes an empty set.
  public init(in access: inout Access) throws(PoolError) {
    offset = try TableEngine.create(&access.session, Self.shape).at
  }

  /// Frees the set.
  public func destroy(in access: inout Access) throws(PoolError) { try engine.destroy(&access.session, Self.shape) }

  private func find(_ key: Key, _ session: Session) throws(PoolError) -> UInt32? {
    var key = key
    return try unsafe engine.find(&key, MemoryLayout<Key>.size, session, Self.shape)
  }

  public func contains(_ key: Key, in access: borrowing Access) throws(PoolError) -> Bool {
    try find(key, access.session) != nil
  }

  /// Adds a key; false when it is a member already.
  @discardableResult
  public func insert(_ key: Key, in access: inout Access) throws(PoolError) -> Bool {
    guard try find(key, access.session) == nil else { return false }
    var bytes = key
    try unsafe engine.add(&bytes, MemoryLayout<Key>.size, &access.session, Self.shape) { place, _ in
      unsafe place.storeBytes(of: key, as: Key.self)
    }
    return true
  }

  /// Takes a key away; false when it was no member.
  @discardableResult
  public func remove(_ key: Key, in access: inout Access) throws(PoolError) -> Bool {
    guard let slot = try find(key, access.session) else { return false }
    try engine.remove(slot, &access.session, Self.shape)
    return true
  }

  /// Calls `body` with each key, in no particular order.
  public func forEach(in access: borrowing Access, _ body: (Key) throws(PoolError) -> Void) throws(PoolError) {
    var from: UInt32 = 0
    while let (slot, next) = try engine.next(from: from, access.session, Self.shape) {
      try body(unsafe (access.session.memory.base + Int(slot + 4)).loadUnaligned(as: Key.self))
      from = next
    }
  }
}

extension Set where Key == Bytes {
  private static var shape: TableEngine.Shape { .bytes(isMap: false, valueBytes: 0) }

  /// Makes an empty set.
  public init(in access: inout Access) throws(PoolError) {
    offset = try TableEngine.create(&access.session, Self.shape).at
  }

  /// Frees the set and its keys.
  public func destroy(in access: inout Access) throws(PoolError) { try engine.destroy(&access.session, Self.shape) }

  public func contains(_ key: Span<UInt8>, in access: borrowing Access) throws(PoolError) -> Bool {
    try engine.findBytes(key, access.session, Self.shape) != nil
  }

  /// Adds a copy of a key; false when it is a member already.
  @discardableResult
  public func insert(_ key: Span<UInt8>, in access: inout Access) throws(PoolError) -> Bool {
    guard try engine.findBytes(key, access.session, Self.shape) == nil else { return false }
    try unsafe engine.addCopy(key, &access.session, Self.shape) { _ in }
    return true
  }

  /// Takes a key away; false when it was no member.
  @discardableResult
  public func remove(_ key: Span<UInt8>, in access: inout Access) throws(PoolError) -> Bool {
    guard let slot = try engine.findBytes(key, access.session, Self.shape) else { return false }
    try engine.remove(slot, &access.session, Self.shape)
    return true
  }

  /// Calls `body` with each key, in place, in no particular order.
  public func forEach(
    in access: borrowing Access, _ body: (Span<UInt8>) throws(PoolError) -> Void
  ) throws(PoolError) {
    var from: UInt32 = 0
    while let (slot, next) = try engine.next(from: from, access.session, Self.shape) {
      try body(
        try access.span(
          Offset<UInt8>(try access.session.memory.load(slot + 4)),
          count: Int(clamping: try access.session.memory.load(slot + 8)))
      )
      from = next
    }
  }
}
