// What map.h and set.h have in common: tables whose keys belong to the caller.

import CShMap
import CSystem
import ShMap

/// A map or a set as C has it.
struct Table {
  let engine: TableEngine
  let shape: TableEngine.Shape

  static var map: TableEngine.Shape {
    TableEngine.Shape(isMap: true, inlineKeys: false, ownsKeys: false, keyBytes: 8, valueBytes: 8)
  }
  static var set: TableEngine.Shape {
    TableEngine.Shape(isMap: false, inlineKeys: false, ownsKeys: false, keyBytes: 8, valueBytes: 0)
  }

  init(map: OpaquePointer?) throws(PoolError) { self = try unsafe Table(map, isMap: true) }

  init(set: OpaquePointer?) throws(PoolError) { self = try unsafe Table(set, isMap: false) }

  init(_ table: OpaquePointer?, isMap: Bool) throws(PoolError) {
    engine = TableEngine(try unsafe offset(table))
    shape = isMap ? Table.map : Table.set
  }

  /// An entry as it stands in its slot.
  struct Entry {
    var key: UInt32 = 0
    var length: UInt32 = 0
    var value: UInt64 = 0
  }

  func entry(_ slot: UInt32?, _ session: Session) throws(PoolError) -> Entry {
    guard let slot else { return Entry() }
    let start = try unsafe session.address(slot, Int(shape.stride))
    return unsafe Entry(
      key: start.load(fromByteOffset: 4, as: UInt32.self), length: start.load(fromByteOffset: 8, as: UInt32.self),
      value: shape.isMap ? start.load(fromByteOffset: Int(shape.valueAt), as: UInt64.self) : 0)
  }

  @inline(never)
  func find(_ key: UnsafeRawPointer?, _ length: Int, _ session: Session) throws(PoolError) -> UInt32? {
    guard let key = unsafe key, length > 0 else { return nil }
    return try unsafe engine.find(key, length, session, shape)
  }

  @inline(never)
  func add(_ key: Shared?, _ length: Int, _ value: UInt64, _ session: inout Session) throws(PoolError) {
    let at = try unsafe offset(key)
    guard at != 0, length > 0, length <= Int(Int32.max) else { throw .outOfRange }
    let bytes = try unsafe session.bytes(at, length)
    guard try unsafe engine.find(bytes, length, session, shape) == nil else { return }
    try engine.reserveOne(&session, shape)
    // The pool may have moved.
    let now = try unsafe session.bytes(at, length)
    try unsafe engine.place(now, length, session, shape) { key, place in
      unsafe key.storeBytes(of: at, as: UInt32.self)
      unsafe key.storeBytes(of: UInt32(length), toByteOffset: 4, as: UInt32.self)
      if shape.isMap { unsafe place.storeBytes(of: value, as: UInt64.self) }
    }
  }

  @inline(never)
  func remove(_ key: UnsafeRawPointer?, _ length: Int, _ session: inout Session) throws(PoolError) {
    guard unsafe key != nil, length > 0 else { throw .outOfRange }
    if let slot = try unsafe find(key, length, session) { try engine.remove(slot, &session, shape) }
  }

  /// The entry that an iterator stands before, and where it goes on.
  @inline(never)
  func next(_ from: Int, _ session: Session) throws(PoolError) -> (entry: Entry, next: Int)? {
    guard let from = UInt32(exactly: from), let (slot, next) = try engine.next(from: from, session, shape) else {
      return nil
    }
    return (try entry(slot, session), Int(next))
  }
}

/// The entry of a key; all zero when there is none.
@inline(never)
func lookUp(
  _ handle: Handle?, _ table: OpaquePointer?, isMap: Bool, _ key: UnsafeRawPointer?, _ length: Int
) -> Table.Entry {
  unsafe result(handle, Table.Entry()) { session throws(PoolError) in
    let table = try unsafe Table(table, isMap: isMap)
    return try table.entry(try unsafe table.find(key, length, session), session)
  }
}

/// The entry behind an iterator's place; all zero behind the last. Moves the place there if `moves`.
@inline(never)
func advance(
  _ handle: Handle?, _ table: OpaquePointer?, isMap: Bool, _ place: UnsafeMutablePointer<Int>, moves: Bool
) -> Table.Entry {
  guard let table = unsafe table else { return Table.Entry() }
  return unsafe result(handle, Table.Entry()) { session throws(PoolError) in
    guard let (entry, next) = try unsafe Table(table, isMap: isMap).next(place.pointee, session) else {
      return Table.Entry()
    }
    if moves { unsafe place.pointee = next }
    return entry
  }
}
