// The allocator of a pool: two-level segregated fit with boundary tags, so that allocate and free take constant time and
// neighbouring free blocks are always one block.
//
//     block    0  size        bytes of the block, this header included, a multiple of 8; bit 0: in use
//              4  before      bytes of the block before this one, 0 for the first of a region; bits 0 to 2: the arena
//              8  payload     what allocate() returns; in a free block: next and previous of its list
//
//     arena    0  lock        cell, see Cell.swift; a pool with one writer does without
//             40  used        bytes in blocks in use
//             44  broken      1: a holder of the lock died, the lists are to be made anew
//             48  firstLevel  one bit per level that has free blocks
//             52  secondLevel[27]   one bit per list of that level
//            160  lists[27][8]      first free block of each list
//
// Payloads are aligned to 8 bytes. The chain of blocks runs from the end of the pool's first pages to a mark, a header with
// size 0 in use. It is cut into regions, each of one arena; blocks of different arenas are never joined, so that whoever
// holds an arena's lock touches no block of another.
//
// Numbers that were read from the pool may be anything: arithmetic on them wraps (&+), and each access is checked.
//
// Promise: the chain can be walked at any instruction, whoever dies. Cutting a block writes the new header first and then, in
// one store, the shorter size of the old one; joining is one store of the longer size. Only lists, tags (`before`) and sums can
// be wrong after a death; `rebuild` makes them anew from the chain (HeapRecovery.swift).

import CSystem

/// One arena of a pool, for as long as its lock is held, or its pool has a single writer.
struct Heap {
  let memory: Memory
  let number: UInt32
  let arena: UInt32

  static let firstGrowth = 64 << 10
  static let headerBytes: UInt32 = 8
  static let smallestBlock: UInt32 = 16
  static let largestRequest = 1 << 30
  static let levels: UInt32 = 27

  static let usedAt: UInt32 = 40
  static let brokenAt: UInt32 = 44
  static let firstLevelAt: UInt32 = 48
  static let secondLevelAt: UInt32 = 52
  static let listsAt: UInt32 = 160

  @inline(__always)
  init(_ memory: Memory, arena number: UInt32) {
    self.memory = memory
    self.number = number
    arena = Layout.arenaTableAt &+ number &* Layout.arenaBytes
  }

  /// The block that a request for `bytes` needs. Throws `full` when no pool can hold it.
  @inline(__always)
  static func blockSize(_ bytes: Int) throws(PoolError) -> UInt32 {
    guard bytes >= 0, bytes <= largestRequest else { throw .full }
    return max(smallestBlock, (UInt32(bytes) &+ headerBytes &+ 7) & ~7)
  }

  @inline(__always)
  func word(_ at: UInt32) throws(PoolError) -> UInt32 { try memory.loadHere(at) }

  @inline(__always)
  func set(_ at: UInt32, _ value: UInt32) throws(PoolError) { try memory.storeHere(value, at: at) }

  // MARK: Blocks

  /// A block of `size` bytes taken out of the free ones; its payload. None when there is none long enough.
  func allocate(_ size: UInt32) throws(PoolError) -> UInt32? {
    let block = try findFree(size)
    guard block != 0 else { return nil }
    let found = try word(block)
    // A list that leads astray must not give away what is no free block.
    guard found & 7 == 0, found >= size, block >= Layout.headerBytes, block & 7 == 0,
      UInt64(block) + UInt64(found) + 8 <= UInt64(memory.size)
    else { throw .damaged }
    try unlink(block)
    try cut(block, to: size)
    let taken = try word(block)
    try set(block, taken | 1)
    try set(arena &+ Heap.usedAt, try word(arena &+ Heap.usedAt) &+ taken)
    return block &+ Heap.headerBytes
  }

  /// Gives a block back. Its neighbours join it when they are free. Throws `notAllocated`, and changes nothing, when `payload`
  /// is no block in use.
  func free(_ payload: UInt32) throws(PoolError) {
    let block = try check(payload)
    let size = try word(block) & ~7
    try set(arena &+ Heap.usedAt, try word(arena &+ Heap.usedAt) &- size)
    try join(block, size)
  }

  /// Makes a block shorter or, when the one behind it is free and long enough, longer. False: it takes another block.
  func resize(_ payload: UInt32, to size: UInt32) throws(PoolError) -> Bool {
    let block = try check(payload)
    let old = try memory.load(block) & ~7
    var now = old
    if now < size {
      let next = block &+ now
      guard try isFree(next) else { return false }
      let more = try memory.load(next)
      guard more >= size &- now else { return false }
      try unlink(next)
      now &+= more
      try memory.store(now | 1, at: block)
      try memory.store(0, at: next)
      try tagNext(block, now)
    }
    if now &- size >= Heap.smallestBlock {
      let rest = block &+ size
      try memory.store((now &- size) | 1, at: rest)
      try memory.store(size | number, at: rest &+ 4)
      try memory.store(size | 1, at: block)
      try join(rest, now &- size)
      now = size
    }
    try memory.store(try memory.load(arena &+ Heap.usedAt) &+ now &- old, at: arena &+ Heap.usedAt)
    return true
  }

  /// The block of a payload that is in use, belongs to this arena, and agrees with its neighbours.
  @inline(never)
  func check(_ payload: UInt32) throws(PoolError) -> UInt32 {
    guard payload & 7 == 0, payload >= Layout.headerBytes &+ Heap.headerBytes, lies(payload, 1, within: memory.size)
    else {
      throw .notAllocated
    }
    let block = payload &- Heap.headerBytes
    let size = try word(block)
    let before = try word(block &+ 4)
    guard size & 7 == 1, size > Heap.smallestBlock, before & 7 == number else { throw .notAllocated }
    guard UInt64(block) + UInt64(size & ~7) + 8 <= UInt64(memory.size) else { throw .notAllocated }
    let after = try word(block &+ (size & ~7) &+ 4)
    guard after & 7 != number || after & ~7 == 0 || after & ~7 == size & ~7 else { throw .notAllocated }
    if before & ~7 != 0 {
      guard before & ~7 <= block &- Layout.headerBytes, try word(block &- (before & ~7)) & ~7 == before & ~7 else {
        throw .notAllocated
      }
    }
    return block
  }

  /// Whether a block lies in the same region, so that the two may be joined.
  @inline(__always)
  private func isMine(_ next: UInt32) throws(PoolError) -> Bool {
    let before = try word(next &+ 4)
    return before & 7 == number && before & ~7 != 0
  }

  @inline(__always)
  private func isFree(_ next: UInt32) throws(PoolError) -> Bool {
    guard try isMine(next) else { return false }
    return try word(next) & 1 == 0
  }

  /// Makes a block in use of `size` bytes free, together with its free neighbours.
  func join(_ freed: UInt32, _ length: UInt32) throws(PoolError) {
    var block = freed
    var size = length
    let next = block &+ size
    let before = try word(block &+ 4) & ~7
    let joinsNext = try isFree(next)
    if joinsNext {
      try unlink(next)
      size &+= try word(next)
    }
    if before != 0, try word(block &- before) & 1 == 0 {
      block &-= before
      try unlink(block)
      size &+= before
    }
    try set(block, size)
    // What were headers must not look like blocks in use any more: that is how a second free is told.
    if block != freed { try set(freed, 0) }
    if joinsNext { try set(next, 0) }
    try tagNext(block, size)
    try link(block, size)
  }

  /// Cuts a free block, out of its list, down to `size`; the rest becomes a free block when it can be one.
  private func cut(_ block: UInt32, to size: UInt32) throws(PoolError) {
    let rest = try word(block) &- size
    guard rest >= Heap.smallestBlock else { return }
    let next = block &+ size
    try set(next, rest)
    try set(next &+ 4, size | number)
    try set(block, size)
    try tagNext(next, rest)
    try link(next, rest)
  }

  /// Tells the block behind `block` how long that one is, if they are neighbours in one region.
  private func tagNext(_ block: UInt32, _ size: UInt32) throws(PoolError) {
    if try isMine(block &+ size) { try set(block &+ size &+ 4, size | number) }
  }
}
