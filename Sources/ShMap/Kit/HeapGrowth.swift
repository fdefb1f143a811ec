// Regions: how a longer file becomes blocks, and how an arena is made whole after a holder of its lock died. Both run alone in
// the pool: in a shared pool under its write lock.

extension Heap {
  /// Makes the first region of a new pool of `size` bytes.
  static func initialize(_ memory: Memory) throws(PoolError) {
    let first = Layout.headerBytes
    try memory.store(1, at: first)  // the mark that ends the chain
    try memory.store(0, at: first + 4)
    try memory.store(first, at: Layout.endAt)
    try memory.store(1, at: Layout.arenasAt)
    try Heap(memory, arena: 0).addRegion()
  }

  /// Turns what lies between the end of the chain and the end of `memory` into free bytes of this arena.
  func addRegion() throws(PoolError) {
    var end = try word(Layout.endAt)
    // One that died while it did this has left a mark that is a block by now.
    while try word(end) & ~7 != 0 {
      end += try word(end) & ~7
      guard Int(end) + 8 <= memory.size else { throw .damaged }
    }
    let newEnd = UInt32(memory.size) - Heap.headerBytes
    guard newEnd >= end + Heap.smallestBlock else {
      try set(Layout.endAt, end)
      return
    }
    let before = try word(end + 4)
    if before & 7 != number { try set(end + 4, number) }
    let size = newEnd - end
    try set(arena + Heap.brokenAt, 1)
    try set(newEnd, 1)
    try set(newEnd + 4, size | number)
    try set(end, size)
    try set(Layout.endAt, newEnd)
    try join(end, size)
    try set(arena + Heap.brokenAt, 0)
  }

  /// Makes lists, tags and sums anew from the chain of blocks, and joins free neighbours.
  func rebuild() throws(PoolError) {
    try clearLists()
    var used: UInt32 = 0
    var block = Layout.headerBytes
    var before: UInt32 = 0
    while try word(block) & ~7 != 0 {
      let tag = try word(block + 4)
      var size = try word(block) & ~7
      guard Int(block) + Int(size) + 8 <= memory.size, size >= Heap.smallestBlock else { throw .damaged }
      if tag & 7 == number {
        if tag & ~7 != 0, before != 0 { try set(block + 4, before | number) }
        if try word(block) & 1 == 1 {
          used += size
        } else {
          // Free blocks behind it join it, one store each.
          var next = block + size
          while true {
            let header = try word(next)
            let nextTag = try word(next + 4)
            guard header & 1 == 0, header >= Heap.smallestBlock, nextTag & 7 == number, nextTag & ~7 != 0 else { break }
            size += header
            try set(block, size)
            try set(next, 0)
            next = block + size
            guard Int(next) + 8 <= memory.size else { throw .damaged }
          }
          try link(block, size)
        }
        before = size
      } else {
        before = 0
      }
      block += size
    }
    let tag = try word(block + 4)
    if tag & 7 == number, tag & ~7 != 0, before != 0 { try set(block + 4, before | number) }
    try set(arena + Heap.usedAt, used)
    try set(arena + Heap.brokenAt, 0)
  }
}
