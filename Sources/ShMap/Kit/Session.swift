// One thread inside of a shared pool: it holds the pool's read lock, and may allocate, free, and take the locks that live in
// the pool. Swift programs see it as `Access`, which the compiler keeps to the time of the lock; the C library, whose callers
// have no compiler that checks, makes one for each call.

import CSystem

@safe package struct Session {
  package unowned(unsafe) let attachment: Attachment
  var memory: Memory
  let thread: UnsafeMutablePointer<shm_thread>

  /// The calling thread holds the read lock of `attachment`.
  @inline(__always)
  package init(_ attachment: Attachment) {
    unsafe self.attachment = attachment
    memory = attachment.memory
    unsafe thread = shm_thread_self()
  }

  mutating func refresh() { memory = unsafe attachment.memory }

  /// The block that the pool's creator made for the application; 0 when it made none.
  package var user: UInt32 { (try? memory.load(Layout.userAt)) ?? 0 }

  /// The address of `count` bytes that begin a block or a part of one aligned to 8.
  package func address(_ at: UInt32, _ count: Int) throws(PoolError) -> UnsafeMutableRawPointer {
    try unsafe memory.pointer(at, bytes: count)
  }

  /// The address of `count` bytes anywhere behind the first pages.
  package func bytes(_ at: UInt32, _ count: Int) throws(PoolError) -> UnsafeMutableRawPointer {
    guard count >= 0, at >= Layout.headerBytes, lies(at, count, within: memory.size) else { throw .damaged }
    return unsafe memory.base + Int(at)
  }

  // MARK: Heap

  private enum Attempt {
    case taken(UInt32)
    case full(arena: UInt32)
    case broken
  }

  /// A block of at least `bytes` bytes, aligned to 8; the pool may grow and move.
  @inline(never)
  package mutating func allocate(_ bytes: Int) throws(PoolError) -> UInt32 {
    let size = try Heap.blockSize(bytes)
    while true {
      switch try attempt(size) {
      case .taken(let payload):
        return payload
      case .full(let arena):
        try unsafe attachment.grow(thread, size: size, arena: arena, seen: memory.size)
      case .broken:
        _ = try unsafe attachment.repair(thread)
      }
      refresh()
    }
  }

  private mutating func attempt(_ size: UInt32) throws(PoolError) -> Attempt {
    let count = max(1, min(try memory.load(Layout.arenasAt), Layout.arenaLimit))
    let hint = unsafe thread.pointee.arena_hint
    let preferred = hint < count ? hint : 0
    var busy: UInt32 = 0
    for step in 0..<count {
      let number = (preferred + step) % count
      guard let taken = unsafe arenaLock(number).tryLock(thread) else {
        busy += 1
        continue
      }
      let result = try allocate(size, in: number, taken)
      if case .full = result { continue }
      unsafe thread.pointee.arena_hint = number
      return result
    }
    guard busy == count else { return .full(arena: preferred) }
    // Everybody is allocating: an arena more is worth its memory in a pool that is not small.
    if count < Layout.arenaLimit, memory.size >> 20 > Int(count) { return .full(arena: count) }
    return try allocate(size, in: preferred, try arenaLock(preferred).lock())
  }

  private func arenaLock(_ number: UInt32) -> Cell {
    unsafe Cell(memory.base + Int(Layout.arenaTableAt + number * Layout.arenaBytes))
  }

  /// Allocates in an arena whose lock was just taken, and gives the lock up.
  @inline(never)
  private func allocate(_ size: UInt32, in number: UInt32, _ taken: Acquisition) throws(PoolError) -> Attempt {
    var result = Attempt.broken
    try inArena(number, taken) { heap throws(PoolError) in
      if let payload = try heap.allocate(size) { result = .taken(payload) } else { result = .full(arena: number) }
    }
    return result
  }

  /// Runs `body` if the arena is whole, and gives its lock up. False: the arena has to be repaired first.
  @discardableResult
  private func inArena(
    _ number: UInt32, _ taken: Acquisition, _ body: (Heap) throws(PoolError) -> Void
  ) throws(PoolError) -> Bool {
    let heap = Heap(memory, arena: number)
    let lock = arenaLock(number)
    if taken == .holderDied { try heap.set(heap.arena + Heap.brokenAt, 1) }
    if try heap.word(heap.arena + Heap.brokenAt) != 0 {
      try lock.unlock()
      return false
    }
    do throws(PoolError) { try body(heap) } catch {
      try lock.unlock()
      throw error
    }
    try lock.unlock()
    return true
  }

  /// Takes the lock of the arena that a block belongs to, and runs `body` on it.
  private mutating func inArena(
    of payload: UInt32, _ body: (Heap) throws(PoolError) -> Void
  ) throws(PoolError) {
    guard payload & 7 == 0, payload > Layout.headerBytes, lies(payload, 1, within: memory.size) else {
      throw .notAllocated
    }
    while true {
      let number = try memory.load(payload - 4) & 7
      guard number < Layout.arenaLimit else { throw .notAllocated }
      if try inArena(number, try arenaLock(number).lock(), body) { return }
      _ = try unsafe attachment.repair(thread)
      refresh()
    }
  }

  /// Gives a block back; 0 is none. Throws `notAllocated`, and changes nothing, for what is no block in use.
  @inline(never)
  package mutating func free(_ payload: UInt32) throws(PoolError) {
    guard payload != 0 else { return }
    try inArena(of: payload) { heap throws(PoolError) in try heap.free(payload) }
  }

  /// A block with the contents of `payload`, as far as they fit, of at least `bytes` bytes. The old one is gone when it is
  /// another.
  package mutating func reallocate(_ payload: UInt32, _ bytes: Int) throws(PoolError) -> UInt32 {
    guard payload != 0 else { return try allocate(bytes) }
    let size = try Heap.blockSize(bytes)
    var done = false
    try inArena(of: payload) { heap throws(PoolError) in done = try heap.resize(payload, to: size) }
    if done { return payload }
    let old = Int(clamping: (try memory.load(payload - Heap.headerBytes) & ~7) &- Heap.headerBytes)
    let copy = try allocate(bytes)
    let count = min(old, bytes)
    let from = try unsafe memory.pointer(payload, bytes: count)
    let to = try unsafe memory.pointer(copy, bytes: count)
    unsafe to.copyMemory(from: from, byteCount: count)
    try free(payload)
    return copy
  }

  /// Bytes in blocks in use, their headers included, and bytes of the pool.
  package func usage() throws(PoolError) -> (used: Int, size: Int) {
    var used: UInt64 = 0
    for number in 0..<Layout.arenaLimit {
      used += UInt64(try memory.load(Heap(memory, arena: number).arena + Heap.usedAt))
    }
    return (Int(clamping: used), memory.size)
  }

  package mutating func checkHeap() throws(PoolError) -> HeapReport {
    let report = try unsafe attachment.repair(thread, thenCheck: true)
    refresh()
    return report ?? HeapReport()
  }

  // MARK: Waiting

  /// Lets go of the pool's read lock before the thread sleeps; `back` takes it again as often as it was held.
  func away() -> UInt32 { unsafe attachment.suspend(thread) }

  @inline(never)
  mutating func back(_ depth: UInt32) throws(PoolError) {
    try unsafe attachment.resume(depth, thread)
    refresh()
  }

  /// Runs `body`, which sleeps for a lock, without the pool's read lock.
  mutating func outside(_ body: () throws(PoolError) -> Acquisition) throws(PoolError) -> Acquisition {
    let depth = away()
    let taken: Acquisition
    do throws(PoolError) { taken = try body() } catch {
      try back(depth)
      throw error
    }
    try back(depth)
    return taken
  }
}
