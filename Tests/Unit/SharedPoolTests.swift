// What a pool that processes share promises, seen from one process.

import CSystem
import Testing

@testable import ShMap

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// A pool for one test, in a folder of its own.
func withPool(
  reserve: Int = Pool.defaultReserve, _ body: (borrowing SharedPool, Place) throws -> Void
) throws {
  let place = PoolPath()
  let pool = try SharedPool(creating: .file(place.path), reserve: reserve)
  try body(pool, .file(place.path))
}

@Suite struct SharedPoolTests {
  @Test func whatOneAttachmentWritesTheOtherReads() throws {
    try withPool { pool, place in
      let other = try SharedPool(attaching: place)
      let number = try pool.withAccess { access throws(PoolError) in
        let number = try access.allocate(UInt64.self)
        try access.store(42, at: number)
        return number
      }
      #expect(try other.withAccess { access throws(PoolError) in try access.load(number) } == 42)
    }
  }

  @Test func aPoolThatOutgrowsItsReserveMovesInEveryAttachment() throws {
    try withPool(reserve: 128 << 10) { pool, place in
      let other = try SharedPool(attaching: place, reserve: 128 << 10)
      var blocks: [Offset<UInt32>] = []
      for round in 0..<200 {
        let made = try pool.withAccess { access throws(PoolError) in
          let block = try access.allocate(UInt32.self, count: 2500)
          try access.store(UInt32(round), at: block)
          return block
        }
        blocks.append(made)
        #expect(try other.withAccess { access throws(PoolError) in try access.load(made) } == UInt32(round))
      }
      let report = try other.withAccess { access throws(PoolError) in try access.checkHeap() }
      #expect(report.isSound)
      #expect(report.usedBlocks == 200)
    }
  }

  @Test func whoComesSecondToGrowThePoolLeavesTheFirstsBytesAlone() throws {
    try withPool { first, place in
      let second = try SharedPool(attaching: place)
      let seen = try second.withAccess { access throws(PoolError) in access.size }
      let (block, grown) = try first.withAccess { access throws(PoolError) in
        let block = try access.allocate(UInt64.self, count: 1 << 20)
        try access.store(7, at: block)
        return (block, access.size)
      }
      // It found the pool full before, and gets the write lock only now.
      try unsafe second.attachment.grow(shm_thread_self(), size: 4096, arena: 0, seen: seen)
      #expect(try first.withAccess { access throws(PoolError) in access.size } == grown)
      #expect(try second.withAccess { access throws(PoolError) in try access.load(block) } == 7)
      let report = try second.withAccess { access throws(PoolError) in try access.checkHeap() }
      #expect(report.isSound)
    }
  }

  @Test func theLastOneOutRemovesTheFile() throws {
    let place = PoolPath()
    func exists() -> Bool { unsafe PoolFile.withPath(place.path) { unsafe access($0, F_OK) } == 0 }
    do {
      let first = try SharedPool(creating: .file(place.path))
      do {
        let second = try SharedPool(attaching: .file(place.path))
        _ = try second.withAccess { access throws(PoolError) in access.size }
      }
      #expect(exists())
      _ = try first.withAccess { access throws(PoolError) in access.size }
    }
    #expect(!exists())
  }

  @Test func aPoolThatIsKeptCanBeAttachedLater() throws {
    let place = PoolPath()
    do {
      _ = try SharedPool(creating: .file(place.path), keep: true, user: 8) { access throws(PoolError) in
        try access.store(5, at: access.user(as: Int64.self))
      }
    }
    #expect(throws: PoolError.system(EEXIST)) { _ = try SharedPool(creating: .file(place.path), keep: true) }
    let again = try SharedPool(attaching: .file(place.path))
    #expect(try again.withAccess { access throws(PoolError) in try access.load(access.user(as: Int64.self)) } == 5)
  }

  @Test func aPoolInUseIsNotCreatedAgain() throws {
    try withPool { _, place in
      #expect(throws: PoolError.inUse) { _ = try SharedPool(creating: place) }
    }
  }

  @Test func aFileThatIsNoPoolIsLeftAlone() throws {
    let place = PoolPath()
    try writeFile(place.path, bytes("these are somebody's data, not a pool"))
    #expect(throws: PoolError.notAPool) { _ = try SharedPool(creating: .file(place.path)) }
    #expect(throws: PoolError.tooShort) { _ = try SharedPool(attaching: .file(place.path)) }
  }

  @Test func aSymbolicLinkIsNotFollowed() throws {
    let place = PoolPath()
    let link = PoolPath()
    _ = try SharedPool(creating: .file(place.path), keep: true)
    unsafe PoolFile.withPath(place.path) { target in
      unsafe PoolFile.withPath(link.path) { name in _ = unsafe symlink(target, name) }
    }
    #expect(throws: PoolError.untrusted) { _ = try SharedPool(attaching: .file(link.path)) }
    #expect(throws: PoolError.untrusted) { _ = try SharedPool(creating: .file(link.path)) }
  }

  @Test func eachKindOfBadFileHasItsError() throws {
    let place = PoolPath()
    func attach() throws { _ = try SharedPool(attaching: .file(place.path)) }
    func withDamage(_ at: UInt32, _ word: UInt32) throws {
      PoolFile.remove(place.path)
      _ = try SharedPool(creating: .file(place.path), keep: true)
      let file = unsafe PoolFile.withPath(place.path) { unsafe shm_open_file($0, O_RDWR, 0) }
      var word = word
      unsafe _ = pwrite(file, &word, 4, off_t(at))
      _ = close(file)
    }
    #expect(throws: PoolError.system(ENOENT)) { try attach() }
    try withDamage(Layout.magicAt, 7)
    #expect(throws: PoolError.notAPool) { try attach() }
    try withDamage(Layout.versionAt, 99)
    #expect(throws: PoolError.wrongVersion) { try attach() }
    try withDamage(Layout.magicAt + 4, 0x7000_0201)  // the other byte order
    #expect(throws: PoolError.wrongVersion) { try attach() }
    try withDamage(Layout.contentsAt, 1)
    #expect(throws: PoolError.wrongContents) { try attach() }
    try withDamage(Layout.sizeAt, 1 << 30)
    #expect(throws: PoolError.tooShort) { try attach() }
    try withDamage(Layout.sizeAt, 12)
    #expect(throws: PoolError.damaged) { try attach() }
    try withDamage(Layout.arenasAt, 77)
    #expect(throws: PoolError.damaged) { try attach() }
    // Thread numbers of another namespace name other threads here. 0: whoever made it could not tell.
    try withDamage(Layout.namespaceAt, 7)
    #expect(throws: PoolError.otherNamespace) { try attach() }
    try withDamage(Layout.namespaceAt, 0)
    try attach()
    try withDamage(Layout.versionAt, Layout.version)
    unsafe PoolFile.withPath(place.path) { _ = unsafe chmod($0, 0o606) }
    #expect(throws: PoolError.untrusted) { try attach() }
    unsafe PoolFile.withPath(place.path) { _ = unsafe chmod($0, 0o600) }
    unsafe PoolFile.withPath(place.path) { _ = unsafe truncate($0, 30000) }
    #expect(throws: PoolError.tooShort) { try attach() }
    unsafe PoolFile.withPath(place.path) { _ = unsafe truncate($0, 64) }
    #expect(throws: PoolError.tooShort) { try attach() }
  }

  @Test func namesThatCannotBeAPoolsAreRefused() {
    for name in ["", "/", "a/b", ".", "..", String(repeating: "x", count: 201), "a\0b"] {
      #expect(throws: PoolError.badName) { _ = try SharedPool(attaching: .named(bytes(name))) }
    }
  }

  @Test func whatWasFreedCannotBeFreedAgain() throws {
    try withPool { pool, _ in
      try pool.withAccess { access throws(PoolError) in
        let blocks = [try access.allocate(UInt8.self, count: 100), try access.allocate(UInt8.self, count: 100)]
        let guardian = try access.allocate(UInt8.self, count: 100)
        try access.free(blocks[0])
        for again in [blocks[0], Offset<UInt8>(blocks[1].raw + 8), Offset(4), Offset(7), Offset(~7), Offset(~0)] {
          do throws(PoolError) {
            try access.free(again)
            Issue.record("freed \(again.raw)")
          } catch {
            #expect(error == .notAllocated)
          }
        }
        try access.free(blocks[1])
        do throws(PoolError) {
          try access.free(blocks[1])
          Issue.record("freed twice")
        } catch { #expect(error == .notAllocated) }
        try access.free(Offset<UInt8>.none)
        try access.free(guardian)
        let report = try access.checkHeap()
        #expect(report.isSound)
        #expect(report.usedBlocks == 0)
        #expect(report.freeBlocks == 1)
      }
    }
  }

  @Test func sizesThatOverflowAreRefused() throws {
    try withPool { pool, _ in
      try pool.withAccess { access throws(PoolError) in
        for count in [-1, Int.max, Int.max / 8 + 1, 1 << 40] {
          do throws(PoolError) {
            _ = try access.allocate(UInt64.self, count: count)
            Issue.record("allocated \(count)")
          } catch { #expect(error == .full) }
        }
        let block = try access.allocate(UInt64.self, count: 4)
        for (at, count) in [(block, 1 << 60), (block, -1), (Offset<UInt64>(~7), 1), (Offset<UInt64>(block.raw + 4), 1)]
        {
          do throws(PoolError) {
            _ = try access.span(at, count: count).count
            Issue.record("a span of \(count) at \(at.raw)")
          } catch { #expect(error == .damaged) }
        }
      }
    }
  }

  @Test func reallocatingKeepsTheContents() throws {
    try withPool { pool, _ in
      try pool.withAccess { access throws(PoolError) in
        var block = try access.allocate(UInt32.self, count: 10)
        for index in 0..<10 { try access.store(UInt32(index), at: Offset<UInt32>(block.raw + UInt32(4 * index))) }
        let other = try access.allocate(UInt8.self, count: 10)
        block = try access.reallocate(block, count: 5000)
        block = try access.reallocate(block, count: 10)
        try access.free(other)
        block = try access.reallocate(block, count: 200)
        for index in 0..<10 {
          let kept = try access.load(Offset<UInt32>(block.raw + UInt32(4 * index)))
          #expect(kept == UInt32(index))
        }
        try access.free(block)
        let left = try access.checkHeap().usedBlocks
        #expect(left == 0)
      }
    }
  }

  @Test func whoeverAllocatesInAnArenaWhoseHolderDiedFindsItWhole() throws {
    try withPool { pool, _ in
      try pool.withAccess { access throws(PoolError) in
        let kept = try access.allocate(UInt8.self, count: 1000)
        let memory = access.session.memory
        // As a holder leaves it that was killed in the middle: lists, sums and tags gone, the lock marked by the kernel.
        let heap = Heap(memory, arena: 0)
        try heap.clearLists()
        try memory.store(77, at: heap.arena + Heap.usedAt)
        try memory.store(Cell.ownerDied, at: heap.arena)
        let next = try access.allocate(UInt8.self, count: 1000)
        let report = try access.checkHeap()
        #expect(report.isSound)
        #expect(report.usedBlocks == 2)
        try access.free(kept)
        try access.free(next)
      }
    }
  }

  @Test func threadsAllocateSideBySide() async throws {
    let place = PoolPath()
    let pool = try SharedPool(creating: .file(place.path), reserve: 256 << 10)
    let path = place.path
    await withTaskGroup(of: Void.self) { group in
      for seed in 0..<4 {
        group.addTask {
          do {
            let mine = try SharedPool(attaching: .file(path), reserve: 256 << 10)
            try allocateAndFree(mine, seed: UInt64(seed), rounds: 20_000)
          } catch { Issue.record("\(error)") }
        }
      }
    }
    let report = try pool.withAccess { access throws(PoolError) in try access.checkHeap() }
    #expect(report.isSound)
    #expect(report.usedBlocks == 0)
  }
}

private func writeFile(_ path: [UInt8], _ bytes: [UInt8]) throws {
  let file = unsafe PoolFile.withPath(path) { unsafe shm_open_file($0, O_WRONLY | O_CREAT | O_TRUNC, 0o600) }
  unsafe bytes.withUnsafeBytes { unsafe _ = CSystem.write(file, $0.baseAddress!, $0.count) }
  _ = close(file)
}

private func allocateAndFree(_ pool: borrowing SharedPool, seed: UInt64, rounds: Int) throws {
  var random = SplitMix(seed)
  var held: [(block: Offset<UInt8>, count: Int, mark: UInt8)] = []
  func check(_ one: (block: Offset<UInt8>, count: Int, mark: UInt8), _ access: inout Access) throws(PoolError) {
    var wrong = 0
    do {
      let bytes = try access.span(one.block, count: one.count)
      for index in 0..<one.count where bytes[index] != one.mark { wrong += 1 }
    }
    if wrong != 0 { Issue.record("somebody else wrote into a block") }
    try access.free(one.block)
  }
  for _ in 0..<rounds {
    try pool.withAccess { access throws(PoolError) in
      if held.count < 40, random.next() % 2 == 0 {
        let count = Int(random.next() % 600) + 1
        let block = try access.allocate(UInt8.self, count: count)
        let mark = UInt8(truncatingIfNeeded: random.next())
        var bytes = try access.mutableSpan(block, count: count)
        for index in bytes.indices { bytes[index] = mark }
        held.append((block, count, mark))
      } else if !held.isEmpty {
        try check(held.remove(at: Int(random.next() % UInt64(held.count))), &access)
      }
    }
  }
  try pool.withAccess { access throws(PoolError) in
    while let one = held.popLast() { try check(one, &access) }
  }
}

/// Random numbers that a test can repeat.
struct SplitMix {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
