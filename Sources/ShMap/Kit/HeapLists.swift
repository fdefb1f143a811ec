// The lists of free blocks of an arena. Below 64 bytes each size has its list; above, each power of two has eight. One bit
// per level and one per list tell which are not empty, so that the smallest block that surely fits is found by two bit scans.

extension Heap {
  /// The list that holds free blocks of `size` bytes.
  @inline(__always)
  static func list(of size: UInt32) -> (level: UInt32, list: UInt32) {
    if size < 64 { return (0, size >> 3) }
    let power = UInt32(31 &- size.leadingZeroBitCount)
    return (power &- 5, (size >> (power &- 3)) & 7)
  }

  @inline(__always)
  private func head(_ level: UInt32, _ list: UInt32) -> UInt32 { arena &+ Heap.listsAt &+ 4 &* (level &* 8 &+ list) }

  /// A free block of at least `size` bytes; 0 when there is none.
  func findFree(_ size: UInt32) throws(PoolError) -> UInt32 {
    // Rounded up to the next list, so that any block found there is long enough.
    let step: UInt32 = size < 64 ? 8 : 1 << UInt32(28 &- size.leadingZeroBitCount)
    let (level, list) = Heap.list(of: size &+ step &- 1)
    guard level < Heap.levels else { return try findInOwnList(size) }
    let second = try word(arena &+ Heap.secondLevelAt &+ 4 &* level) & (~0 << list)
    if second != 0 { return try word(head(level, UInt32(second.trailingZeroBitCount))) }
    let first = try word(arena &+ Heap.firstLevelAt) & (~0 << (level &+ 1))
    guard first != 0 else { return try findInOwnList(size) }
    let above = UInt32(first.trailingZeroBitCount)
    guard above < Heap.levels else { throw .damaged }
    let lists = try word(arena &+ Heap.secondLevelAt &+ 4 &* above)
    guard lists & 0xff != 0 else { throw .damaged }
    return try word(head(above, UInt32(lists.trailingZeroBitCount)))
  }

  /// The last resort before the pool grows: the list that `size` itself belongs to may hold a block that is long enough.
  private func findInOwnList(_ size: UInt32) throws(PoolError) -> UInt32 {
    let (level, list) = Heap.list(of: size)
    guard level < Heap.levels else { return 0 }
    var block = try word(head(level, list))
    var looks = 0
    while block != 0, looks < 32 {
      if try word(block) >= size { return block }
      block = try word(block &+ 8)
      looks &+= 1
    }
    return 0
  }

  func link(_ block: UInt32, _ size: UInt32) throws(PoolError) {
    let (level, list) = Heap.list(of: size)
    let head = head(level, list)
    let next = try word(head)
    try set(block &+ 8, next)
    try set(block &+ 12, 0)
    if next != 0 { try set(next &+ 12, block) }
    try set(head, block)
    let second = arena &+ Heap.secondLevelAt &+ 4 &* level
    let lists = try word(second)
    try set(second, lists | 1 << list)
    if lists == 0 { try set(arena &+ Heap.firstLevelAt, try word(arena &+ Heap.firstLevelAt) | 1 << level) }
  }

  func unlink(_ block: UInt32) throws(PoolError) {
    let size = try word(block)
    guard size & 7 == 0, size >= Heap.smallestBlock else { throw .damaged }
    let next = try word(block &+ 8)
    let previous = try word(block &+ 12)
    if next != 0 { try set(next &+ 12, previous) }
    if previous != 0 {
      try set(previous &+ 8, next)
      return
    }
    let (level, list) = Heap.list(of: size)
    try set(head(level, list), next)
    guard next == 0 else { return }
    let second = arena &+ Heap.secondLevelAt &+ 4 &* level
    let lists = try word(second) & ~(1 << list)
    try set(second, lists)
    if lists == 0 { try set(arena &+ Heap.firstLevelAt, try word(arena &+ Heap.firstLevelAt) & ~(1 << level)) }
  }

  /// Forgets all free blocks.
  func clearLists() throws(PoolError) {
    var at = arena &+ Heap.firstLevelAt
    while at < arena &+ Layout.arenaBytes {
      try set(at, 0)
      at &+= 4
    }
  }
}
