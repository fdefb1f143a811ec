// Whole states for readers that write nothing. The writer changes a pool by writing new blocks and leaving the old ones
// alone; `publish` then makes a new root visible in one store. A reader that loaded the root before goes on reading the old
// state, whose blocks are kept for a while.
//
// Blocks that a new state no longer needs are retired, and used again after a grace: once enough newer states have been
// published and enough time has passed. Before the first of them is touched, `floor` is raised to the generation that
// retired it. A reader checks at its end that the floor has not risen above its own generation: then every block it has
// walked was still whole. Else it reads again, from a newer root. (The order of the stores is that of a sequence lock: floor,
// release fence, blocks; the reader: blocks, acquire fence, floor.)
//
// The writer may be killed at any instruction: what it wrote since the last `publish` is reachable from no root.

import CSystem

/// How long retired blocks are kept. Both bounds hold, unless `bytes` of retired blocks have gathered.
public struct Grace: Sendable {
  public var generations: UInt64 = 16
  public var microseconds: UInt64 = 20_000
  /// More than this many bytes of retired blocks: then time no longer counts, generations still do.
  public var bytes: Int = 512 << 10
  public init() {}
}

/// Blocks on their way back to the heap. Private to the writer; a writer that dies takes the list along, and its successor
/// starts with a new pool.
struct Recycler {
  private struct Batch {
    var generation: UInt64
    var retiredAt: UInt64
    var bytes: Int
    var blocks: [UInt32]
  }
  private var batches: [Batch] = []
  private var first = 0
  private(set) var waitingBytes = 0
  var open: [UInt32] = []
  var openBytes = 0
  var generation: UInt64 = 0
  var grace = Grace()

  mutating func close(generation: UInt64, now: UInt64) {
    guard !open.isEmpty else { return }
    batches.append(Batch(generation: generation, retiredAt: now, bytes: openBytes, blocks: open))
    waitingBytes += openBytes
    open = []
    openBytes = 0
  }

  /// The blocks of the oldest generation whose grace is over.
  mutating func next(generation: UInt64, now: UInt64) -> (generation: UInt64, blocks: [UInt32])? {
    guard first < batches.count else { return nil }
    let batch = batches[first]
    guard generation >= batch.generation + grace.generations else { return nil }
    guard now >= batch.retiredAt + grace.microseconds || waitingBytes > grace.bytes else { return nil }
    batches[first].blocks = []
    first += 1
    waitingBytes -= batch.bytes
    if first > 64, first * 2 > batches.count {
      batches.removeFirst(first)
      first = 0
    }
    return (batch.generation, batch.blocks)
  }
}

extension Pool {
  /// The generation that is published; 0 before the first.
  public private(set) var generation: UInt64 {
    get { recycler.generation }
    set { recycler.generation = newValue }
  }

  public var grace: Grace {
    get { recycler.grace }
    set { recycler.grace = newValue }
  }

  /// A block that published states still reach and the next one does not. It goes back to the heap after the grace.
  public mutating func retire(_ block: UInt32) {
    recycler.open.append(block)
    recycler.openBytes += capacity(of: block) + Int(Heap.headerBytes)
  }

  /// Makes `root`, whose contents are complete, the state that readers see, and wakes those that sleep on the generation.
  /// The root's block begins with the generation as two words, low and high, which this writes.
  public mutating func publish(root: UInt32) {
    generation += 1
    self[root] = UInt32(truncatingIfNeeded: generation)
    self[root + 4] = UInt32(truncatingIfNeeded: generation >> 32)
    unsafe shm_store32_release(headerWord(Layout.rootAt), root)
    unsafe shm_store32_release(headerWord(Layout.generationAt), UInt32(truncatingIfNeeded: generation))
    unsafe _ = shm_futex_wake(headerWord(Layout.generationAt), Int32.max)
    let now = shm_now_us()
    recycler.close(generation: generation, now: now)
    while let batch = recycler.next(generation: generation, now: now) {
      unsafe shm_store32(headerWord(Layout.floorEpochAt), Layout.epoch(batch.generation))
      unsafe shm_store32(headerWord(Layout.floorAt), UInt32(truncatingIfNeeded: batch.generation))
      shm_fence_release()
      for block in batch.blocks { free(block) }
    }
  }

  /// States a moment, in microseconds of CLOCK_MONOTONIC, up to which the published state is complete.
  public mutating func stamp(_ moment: UInt64) {
    let high = UInt32(truncatingIfNeeded: moment >> 32)
    unsafe shm_store32_release(headerWord(Layout.stampAt), high)
    unsafe shm_store32_release(headerWord(Layout.stampAt + 4), UInt32(truncatingIfNeeded: moment))
    unsafe shm_store32_release(headerWord(Layout.stampAt + 8), high)
  }
}
