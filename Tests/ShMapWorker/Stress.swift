// Random work on one map, one vector, one set and the heap. Everything that is read is checked.

import ShMap
import ShMapWorld

struct Stress {
  private var random: UInt64
  private let slot: Int
  private var held: [(block: Offset<UInt8>, count: Int)] = []

  init(seed: UInt64, slot: Int) {
    random = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    self.slot = slot
  }

  private mutating func next(_ below: Int) -> Int {
    random ^= random << 13
    random ^= random >> 7
    random ^= random << 17
    return Int(random >> 11) % below
  }

  /// Most blocks that a worker holds at a time, in its own list and on the way to or from a collection.
  static let mostHeld = 40

  mutating func run(_ pool: borrowing SharedPool, operations: Int) throws(PoolError) {
    for _ in 0..<operations {
      try pool.withAccess { access throws(PoolError) in
        let world = World(&access)
        switch next(4) {
        case 0: try useHeap(&access)
        case 1: try useMap(world, &access)
        case 2: try useVector(world, &access)
        default: try useSet(world, &access)
        }
        try world.count(slot, in: &access)
      }
    }
    try pool.withAccess { access throws(PoolError) in
      while let one = held.popLast() { try giveBack(one.block, &access) }
    }
  }

  private mutating func newBlock(_ access: inout Access) throws(PoolError) -> (block: Offset<UInt8>, count: Int) {
    let count = next(10) == 0 ? 5 + next(4000) : 5 + next(200)
    let block = try access.allocate(UInt8.self, count: count)
    try World.fill(block, count, UInt8(truncatingIfNeeded: next(256)), &access)
    return (block, count)
  }

  private func giveBack(_ block: Offset<UInt8>, _ access: inout Access) throws(PoolError) {
    guard try World.isWhole(block, access) else { fail("a block was overwritten") }
    try access.free(block)
  }

  private mutating func useHeap(_ access: inout Access) throws(PoolError) {
    if held.count < Stress.mostHeld, next(2) == 0 {
      held.append(try newBlock(&access))
    } else if !held.isEmpty {
      try giveBack(held.remove(at: next(held.count)).block, &access)
    }
  }

  private mutating func key(_ prefix: StaticString) -> [UInt8] {
    let number = next(2000)
    var key = unsafe Array(UnsafeBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount))
    key.append(contentsOf: Array(String(number).utf8))
    key.append(contentsOf: [UInt8](repeating: 0x2e, count: number % 30))
    return key
  }

  private mutating func useMap(_ world: World, _ access: inout Access) throws(PoolError) {
    let key = key("/map/")
    let what = next(3)
    let value = World.value(of: key.span)
    if what == 0 {
      let found = try access.withSharedLock(world.mapLock) { access, _ throws(PoolError) in
        try world.map(access).get(key.span, in: access)
      }
      if let found, found != value { fail("a key has another's value") }
    } else {
      try access.withExclusiveLock(world.mapLock) { access, _ throws(PoolError) in
        let map = try world.map(access)
        if what == 1 { try map.set(key.span, to: value, in: &access) } else { try map.remove(key.span, in: &access) }
      }
    }
  }

  private mutating func useSet(_ world: World, _ access: inout Access) throws(PoolError) {
    let key = key("/set/")
    let what = next(3)
    if what == 0 {
      _ = try access.withSharedLock(world.setLock) { access, _ throws(PoolError) in
        try world.set(access).contains(key.span, in: access)
      }
    } else {
      try access.withExclusiveLock(world.setLock) { access, _ throws(PoolError) in
        let set = try world.set(access)
        if what == 1 { try set.insert(key.span, in: &access) } else { try set.remove(key.span, in: &access) }
      }
    }
  }

  private mutating func useVector(_ world: World, _ access: inout Access) throws(PoolError) {
    let what = next(4)
    let place = next(1000)
    if what < 2 {
      let new = try newBlock(&access).block
      let isFull = try access.withLock(world.mutex) { access, _ throws(PoolError) in
        let vector = try world.vector(access)
        let count = try vector.count(in: access)
        guard count < 300 else { return true }
        try vector.insert(new, at: what == 0 ? count : place % (count + 1), in: &access)
        return false
      }
      if isFull { try giveBack(new, &access) }
    } else {
      let old = try access.withLock(world.mutex) { access, _ throws(PoolError) -> Offset<UInt8>? in
        let vector = try world.vector(access)
        let count = try vector.count(in: access)
        guard count > 0 else { return nil }
        if what == 2 { return try vector.popLast(in: &access) }
        let old = try vector.get(place % count, in: access)
        try vector.remove(at: place % count, in: &access)
        return old
      }
      if let old { try giveBack(old, &access) }
    }
  }
}
