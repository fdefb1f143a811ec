// A check of the whole heap: the chain of blocks, the tags, the lists and the sums against each other. For tests, tools and
// whoever doubts a pool. It changes nothing and works on a read-only mapping too.

/// What a heap holds, and the first thing that is wrong with it.
public struct HeapReport: Sendable {
  public var usedBlocks = 0
  public var freeBlocks = 0
  /// Bytes in blocks, their headers included.
  public var usedBytes = 0
  public var freeBytes = 0
  public var largestFreeBlock = 0
  /// Arenas that have blocks.
  public var arenas = 0
  public var fault: HeapFault?

  public var isSound: Bool { fault == nil }
}

/// Something in a heap that contradicts the rest. The numbers are offsets of blocks, or of an arena.
public enum HeapFault: Error, Equatable, Sendable {
  /// A block's size leads outside of the pool, or is no size.
  case chain(UInt32)
  /// A block states another length of the one before it than that has.
  case tag(UInt32)
  /// Two free neighbours were not joined.
  case unjoined(UInt32)
  /// A list leads to something that is no free block of its size, or misses one.
  case list(UInt32)
  /// An arena's bits or sums are not those of its blocks.
  case sums(UInt32)
}

/// One walk over a heap that nobody changes meanwhile.
struct HeapCheck {
  private let memory: Memory
  private(set) var report = HeapReport()
  private var used: [UInt32]
  private var free: [UInt32]

  init(_ memory: Memory) {
    self.memory = memory
    used = Array(repeating: 0, count: Int(Layout.arenaLimit))
    free = used
  }

  static func run(_ memory: Memory) -> HeapReport {
    var check = HeapCheck(memory)
    do throws(PoolError) {
      try check.walkChain()
      if check.report.fault == nil { try check.walkArenas() }
    } catch {
      if check.report.fault == nil { check.report.fault = .chain(0) }
    }
    return check.report
  }

  private mutating func fail(_ fault: HeapFault) { if report.fault == nil { report.fault = fault } }

  private mutating func walkChain() throws(PoolError) {
    var block = Layout.headerBytes
    var before: UInt32 = 0
    var beforeIsFree = false
    var region: UInt32 = Layout.arenaLimit
    while true {
      let header = try memory.load(block)
      let tag = try memory.load(block + 4)
      let size = header & ~7
      let arena = tag & 7
      if arena != region || tag & ~7 == 0 {
        if tag & ~7 != 0 { return fail(.tag(block)) }
        beforeIsFree = false
      } else if tag & ~7 != before {
        return fail(.tag(block))
      }
      if size == 0 { return }
      guard header & 6 == 0, size >= Heap.smallestBlock, arena < Layout.arenaLimit,
        lies(block, 8, within: memory.size), lies(size, Int(block) + 8, within: memory.size)
      else { return fail(.chain(block)) }
      if header & 1 == 1 {
        report.usedBlocks += 1
        report.usedBytes += Int(size)
        used[Int(arena)] += size
      } else {
        if beforeIsFree { return fail(.unjoined(block)) }
        report.freeBlocks += 1
        report.freeBytes += Int(size)
        report.largestFreeBlock = max(report.largestFreeBlock, Int(size))
        free[Int(arena)] += 1
      }
      beforeIsFree = header & 1 == 0
      before = size
      region = arena
      block += size
    }
  }

  private mutating func walkArenas() throws(PoolError) {
    report.arenas = Int(clamping: try memory.load(Layout.arenasAt))
    for number in 0..<Layout.arenaLimit {
      let heap = Heap(memory, arena: number)
      let arena = heap.arena
      guard try memory.load(arena + Heap.usedAt) == used[Int(number)] else { return fail(.sums(arena)) }
      var listed: UInt32 = 0
      var levels: UInt32 = 0
      for level in 0..<Heap.levels {
        var lists: UInt32 = 0
        for list in UInt32(0)..<8 {
          var block = try memory.load(arena + Heap.listsAt + 4 * (level * 8 + list))
          if block != 0 { lists |= 1 << list }
          var previous: UInt32 = 0
          while block != 0 {
            let size = try memory.load(block)
            guard size & 7 == 0, try memory.load(block + 4) & 7 == number, try memory.load(block + 12) == previous,
              Heap.list(of: size) == (level, list), listed < free[Int(number)]
            else { return fail(.list(block)) }
            listed += 1
            previous = block
            block = try memory.load(block + 8)
          }
        }
        guard try memory.load(arena + Heap.secondLevelAt + 4 * level) == lists else { return fail(.sums(arena)) }
        if lists != 0 { levels |= 1 << level }
      }
      guard listed == free[Int(number)] else { return fail(.list(arena)) }
      guard try memory.load(arena + Heap.firstLevelAt) == levels else { return fail(.sums(arena)) }
    }
  }
}

extension Pool {
  /// Checks the whole heap. Takes time in proportion to the number of blocks.
  public func checkHeap() -> HeapReport { HeapCheck.run(memory) }
}

extension Reader {
  /// Checks the whole heap of a pool whose writer is at rest or gone. While it writes, a fault can be only apparent: compare
  /// the generation before and after, and check again.
  public borrowing func checkHeap() -> HeapReport { HeapCheck.run(memory) }
}
