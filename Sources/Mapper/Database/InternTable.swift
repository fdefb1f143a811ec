// Finds the one block that holds given contents. The writer's own table in ordinary memory: readers need none, and a writer
// that takes over a pool fills it again while it copies.

import ShMap

/// How the blocks of a table are hashed.
protocol Interned {
  static func hash(_ block: UInt32, _ pool: borrowing Pool) -> UInt32
}

/// An open-addressing hash set of block offsets. Hashes use all 32 bits, more than an Int of a 32-bit processor holds.
struct InternTable<Kind: Interned> {
  private var slots = [UInt32](repeating: 0, count: 64)
  private(set) var count = 0

  /// The block whose contents match; nil when there is none.
  func find(_ hash: UInt32, _ matches: (UInt32) -> Bool) -> UInt32? {
    var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[slot] != 0 {
      if matches(slots[slot]) { return slots[slot] }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  /// Adds a block that is not in the table.
  mutating func insert(_ block: UInt32, _ pool: borrowing Pool) {
    if (count + 1) * 4 > slots.count * 3 {
      let old = slots
      slots = [UInt32](repeating: 0, count: old.count * 2)
      for other in old where other != 0 { place(other, Kind.hash(other, pool)) }
    }
    place(block, Kind.hash(block, pool))
    count += 1
  }

  private mutating func place(_ block: UInt32, _ hash: UInt32) {
    var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = block
  }

  /// Takes a block out and closes the gap, so that later searches need no marks of what once was there.
  mutating func remove(_ block: UInt32, _ pool: borrowing Pool) {
    let mask = slots.count - 1
    var gap = Int(truncatingIfNeeded: Kind.hash(block, pool)) & mask
    while slots[gap] != block { gap = (gap + 1) & mask }
    var next = (gap + 1) & mask
    while slots[next] != 0 {
      let home = Int(truncatingIfNeeded: Kind.hash(slots[next], pool)) & mask
      if (next - home) & mask >= (next - gap) & mask {
        slots[gap] = slots[next]
        gap = next
      }
      next = (next + 1) & mask
    }
    slots[gap] = 0
    count -= 1
  }
}

/// FNV-1a, with the high bits mixed into the low ones that select a slot.
struct ContentHash {
  private var state: UInt32 = 0x811c_9dc5

  @inline(__always)
  mutating func add(_ byte: UInt8) { state = (state ^ UInt32(byte)) &* 0x0100_0193 }

  @inline(__always)
  mutating func add(_ word: UInt32) { state = (state ^ word) &* 0x0100_0193 &+ (word >> 15) }

  var value: UInt32 { (state ^ (state >> 15)) &* 0x2c1b_3c6d }

  @inline(__always)
  static func of(_ bytes: Span<UInt8>) -> UInt32 {
    var hash = ContentHash()
    for index in bytes.indices { hash.add(bytes[index]) }
    return hash.value
  }
}
