// What the processes of a multi-process test share, and how to tell afterwards that it is whole.

import ShMap

/// The block that the pool's creator makes: locks, and the offsets of the collections.
public struct World {
  public static let bytes = 1024
  public static let reserve = 256 << 10  // small, so that the pool moves in every process
  public static let slots = 64

  public let mutex: Offset<Mutex>
  public let mapLock: Offset<SharedLock>
  public let setLock: Offset<SharedLock>
  public let changed: Offset<Condition>
  public let turn: Offset<UInt32>
  let collections: Offset<UInt32>  // map, vector, set
  let counters: Offset<UInt64>  // operations of each worker

  public init(_ access: inout Access) {
    let start = access.user(as: UInt8.self).raw
    mutex = Offset(start)
    mapLock = Offset(start + 40)
    setLock = Offset(start + 80)
    changed = Offset(start + 120)
    turn = Offset(start + 128)
    collections = Offset(start + 136)
    counters = Offset(start + 160)
  }

  public func make(_ access: inout Access) throws(PoolError) {
    try access.store(try Map<Bytes, UInt64>(in: &access).offset, at: collections)
    try access.store(try Vector<Offset<UInt8>>(in: &access).offset, at: Offset(collections.raw + 4))
    try access.store(try ShMap.Set<Bytes>(in: &access).offset, at: Offset(collections.raw + 8))
  }

  public func map(_ access: borrowing Access) throws(PoolError) -> Map<Bytes, UInt64> {
    Map(at: try access.load(collections))
  }
  public func vector(_ access: borrowing Access) throws(PoolError) -> Vector<Offset<UInt8>> {
    Vector(at: try access.load(Offset<UInt32>(collections.raw + 4)))
  }
  public func set(_ access: borrowing Access) throws(PoolError) -> ShMap.Set<Bytes> {
    ShMap.Set(at: try access.load(Offset<UInt32>(collections.raw + 8)))
  }

  public func count(_ slot: Int, in access: inout Access) throws(PoolError) {
    let at = Offset<UInt64>(counters.raw + UInt32(8 * slot))
    try access.store(try access.load(at) + 1, at: at)
  }

  /// Operations of all workers so far.
  public func operations(_ access: borrowing Access) throws(PoolError) -> UInt64 {
    var sum: UInt64 = 0
    for slot in 0..<World.slots { sum += try access.load(Offset<UInt64>(counters.raw + UInt32(8 * slot))) }
    return sum
  }

  /// The value that belongs to a key.
  public static func value(of key: Span<UInt8>) -> UInt64 {
    var value: UInt64 = 0xcbf2_9ce4_8422_2325
    for index in key.indices { value = (value ^ UInt64(key[index])) &* 0x100_0000_01b3 }
    return value
  }

  /// Blocks that the vector holds carry their length and a byte that fills the rest.
  public static func fill(_ block: Offset<UInt8>, _ count: Int, _ mark: UInt8, _ access: inout Access) throws(PoolError)
  {
    try access.store(UInt32(count), at: Offset<UInt32>(block.raw))
    var bytes = try access.mutableSpan(block, count: count)
    for index in 4..<count { bytes[index] = mark }
  }

  public static func isWhole(_ block: Offset<UInt8>, _ access: borrowing Access) throws(PoolError) -> Bool {
    let count = Int(try access.load(Offset<UInt32>(block.raw)))
    guard count >= 5, count <= 4096 else { return false }
    let bytes = try access.span(block, count: count)
    for index in 5..<count where bytes[index] != bytes[4] { return false }
    return true
  }
}
