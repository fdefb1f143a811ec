// Regions: how a longer file becomes blocks, and how an arena is made whole after a holder of its lock died. Both run alone in
// the pool: in a shared pool under its write lock.

extension Heap {
  /// Makes the first region of a new pool of `size` bytes.
  static func initialize(_ memory: Memory) throws(PoolError) {
    let first = Layout.headerBytes
    try memory.store(1, at: first)  // the mark that ends the chain
    try memory.store(0, at: first &+ 4)
    try memory.store(first, at: Layout.endAt)
    try memory.store(1, at: Layout.arenasAt)
    try Heap(memory, arena: 0).addRegion()
  }

  /// Turns what lies between the end of the chain and the end of `memory` into free bytes of this arena.
  func addRegion() throws(PoolError) {
    var end = try memory.load(Layout.endAt)
    // One that died while it did this has left a mark that is a block by now.
    while try memory.load(end) & ~7 != 0 {
      end = try memory.behind(end, try memory.load(end) & ~7)
    }
    let newEnd = UInt32(memory.size) &- Heap.headerBytes
    guard lies(end, Int(Heap.smallestBlock) &+ 8, within: memory.size) else { throw .damaged }
    let before = try memory.load(end &+ 4)
    if before & 7 != number { try memory.store(number, at: end &+ 4) }
    let size = newEnd &- end
    try memory.store(1, at: arena &+ Heap.brokenAt)
    try memory.store(1, at: newEnd)
    try memory.store(size | number, at: newEnd &+ 4)
    try memory.store(size, at: end)
    try memory.store(newEnd, at: Layout.endAt)
    try join(end, size)
    try memory.store(0, at: arena &+ Heap.brokenAt)
  }

  /// Makes lists, tags and sums anew from the chain of blocks, and joins free neighbours.
  func rebuild() throws(PoolError) {
    try clearLists()
    var used: UInt32 = 0
    var block = Layout.headerBytes
    var before: UInt32 = 0
    while try memory.load(block) & ~7 != 0 {
      let tag = try memory.load(block &+ 4)
      var size = try memory.load(block) & ~7
      guard try memory.behind(block, size) > block, size >= Heap.smallestBlock else { throw .damaged }
      if tag & 7 == number {
        if tag & ~7 != 0, before != 0 { try memory.store(before | number, at: block &+ 4) }
        if try memory.load(block) & 1 == 1 {
          used &+= size
        } else {
          // Free blocks behind it join it, one store each.
          var next = block &+ size
          while true {
            let header = try memory.load(next)
            let nextTag = try memory.load(next &+ 4)
            guard header & 1 == 0, header >= Heap.smallestBlock, nextTag & 7 == number, nextTag & ~7 != 0 else { break }
            let behind = try memory.behind(next, header)
            size &+= header
            try memory.store(size, at: block)
            try memory.store(0, at: next)
            next = behind
          }
          try link(block, size)
        }
        before = size
      } else {
        before = 0
      }
      block &+= size
    }
    let tag = try memory.load(block &+ 4)
    if tag & 7 == number, tag & ~7 != 0, before != 0 { try memory.store(before | number, at: block &+ 4) }
    try memory.store(used, at: arena &+ Heap.usedAt)
    try memory.store(0, at: arena &+ Heap.brokenAt)
  }
}
