// The allocator of a pool: two-level segregated fit with boundary tags, so that allocate and free take constant time and
// neighbouring free blocks are always one block.
//
//     block    0  size        bytes of the block, this header included; bit 0: in use
//              4  before      bytes of the block before this one; 0 for the first
//              8  payload     what allocate() returns; in a free block: next and previous of its list
//
//     heap     0  last        the last block, which growth extends
//              4  used        bytes in blocks in use
//              8  firstLevel  one bit per power of two that has free blocks
//             12  secondLevel[28]   one bit per list below it
//            124  lists[28][8]      first free block of each list
//
// Payloads are aligned to 8 bytes.

import CSystem

enum Heap {
  static let firstGrowth = 64 << 10
  static let headerBytes: UInt32 = 8
  static let smallestBlock: UInt32 = 16
  static let levels = 28
  static let lists = 8

  static let lastAt = Layout.heapAt
  static let usedAt = Layout.heapAt + 4
  static let firstLevelAt = Layout.heapAt + 8
  static let secondLevelAt = Layout.heapAt + 12
  static let listsAt = Layout.heapAt + 12 + 4 * UInt32(levels)

  /// The list that holds blocks of `size` bytes: rounded down, as for a free block.
  static func list(of size: UInt32) -> (level: Int, list: Int) {
    let power = 31 - size.leadingZeroBitCount
    return (power - 4, Int((size >> UInt32(power - 3)) & 7))
  }
}

extension Pool {
  /// Gives `bytes` bytes whose contents are undefined, aligned to 8. Grows the pool when needed.
  public mutating func allocate(_ bytes: Int) throws(PoolError) -> UInt32 {
    guard bytes >= 0, bytes < 1 << 31 else { throw .full }
    let size = max(Heap.smallestBlock, (UInt32(bytes) + Heap.headerBytes + 7) & ~7)
    var block = findFree(size)
    while block == 0 {
      try extend(size)
      block = findFree(size)
    }
    unlink(block)
    split(block, size)
    self[block] |= 1
    self[Heap.usedAt] += self[block] & ~7
    return block + Heap.headerBytes
  }

  /// Gives a block back. Its neighbours join it when they are free.
  public mutating func free(_ payload: UInt32) {
    var block = payload - Heap.headerBytes
    precondition(self[block] & 1 == 1, "freed twice, or not from this pool")
    var size = self[block] & ~7
    self[Heap.usedAt] -= size
    let before = self[block + 4]
    if before != 0, self[block - before] & 1 == 0 {
      block -= before
      unlink(block)
      size += self[block]
    }
    if block + size != endOfHeap, self[block + size] & 1 == 0 {
      unlink(block + size)
      size += self[block + size]
    }
    self[block] = size
    tagNext(block, size)
    link(block)
  }

  /// Bytes that a block can hold, at least what was asked for.
  public func capacity(of payload: UInt32) -> Int { Int((self[payload - Heap.headerBytes] & ~7) - Heap.headerBytes) }

  /// Bytes in blocks that are in use, their headers included.
  public var usedBytes: Int { Int(self[Heap.usedAt]) }

  mutating func initializeHeap() {
    let first = Layout.headerBytes
    self[first] = UInt32(size) - first
    self[first + 4] = 0
    self[Heap.lastAt] = first
    link(first)
  }

  private var endOfHeap: UInt32 { UInt32(size) }

  private mutating func extend(_ wanted: UInt32) throws(PoolError) {
    let end = endOfHeap
    try grow(by: max(Int(wanted), Heap.firstGrowth, size / 8))
    let last = self[Heap.lastAt]
    let more = endOfHeap - end
    if self[last] & 1 == 0 {
      unlink(last)
      self[last] += more
      link(last)
    } else {
      self[end] = more
      self[end + 4] = self[last] & ~7
      self[Heap.lastAt] = end
      link(end)
    }
  }

  /// Cuts a free block, out of its list, down to `size`; the rest becomes a free block when it can be one.
  private mutating func split(_ block: UInt32, _ size: UInt32) {
    let rest = self[block] - size
    guard rest >= Heap.smallestBlock else { return }
    let next = block + size
    self[next] = rest
    self[next + 4] = size
    self[block] = size
    tagNext(next, rest)
    link(next)
  }

  /// Tells the block behind `block` how long that one is.
  private mutating func tagNext(_ block: UInt32, _ size: UInt32) {
    if block + size == endOfHeap { self[Heap.lastAt] = block } else { self[block + size + 4] = size }
  }

  // MARK: Lists of free blocks

  private func findFree(_ size: UInt32) -> UInt32 {
    // Rounded up to the next list, so that any block found there is long enough.
    let power = 31 - size.leadingZeroBitCount
    let rounded = size + (UInt32(1) << UInt32(power - 3)) - 1
    guard rounded >= size else { return 0 }
    var (level, list) = Heap.list(of: rounded)
    var second = self[Heap.secondLevelAt + 4 * UInt32(level)] & (~0 << UInt32(list))
    if second == 0 {
      let first = self[Heap.firstLevelAt] & (level + 1 < 32 ? ~0 << UInt32(level + 1) : 0)
      guard first != 0 else { return 0 }
      level = first.trailingZeroBitCount
      second = self[Heap.secondLevelAt + 4 * UInt32(level)]
    }
    list = second.trailingZeroBitCount
    return self[Heap.listsAt + 4 * UInt32(level * Heap.lists + list)]
  }

  private mutating func link(_ block: UInt32) {
    let (level, list) = Heap.list(of: self[block])
    let head = Heap.listsAt + 4 * UInt32(level * Heap.lists + list)
    let next = self[head]
    self[block + 8] = next
    self[block + 12] = 0
    if next != 0 { self[next + 12] = block }
    self[head] = block
    self[Heap.firstLevelAt] |= 1 << UInt32(level)
    self[Heap.secondLevelAt + 4 * UInt32(level)] |= 1 << UInt32(list)
  }

  private mutating func unlink(_ block: UInt32) {
    let (level, list) = Heap.list(of: self[block])
    let head = Heap.listsAt + 4 * UInt32(level * Heap.lists + list)
    let next = self[block + 8]
    let previous = self[block + 12]
    if next != 0 { self[next + 12] = previous }
    if previous != 0 { self[previous + 8] = next } else { self[head] = next }
    if self[head] == 0 {
      self[Heap.secondLevelAt + 4 * UInt32(level)] &= ~(1 << UInt32(list))
      if self[Heap.secondLevelAt + 4 * UInt32(level)] == 0 { self[Heap.firstLevelAt] &= ~(1 << UInt32(level)) }
    }
  }
}
