// Processes that share a pool, are killed in the middle of anything, and what must hold afterwards.

import Foundation
import ShMap
import ShMapWorld
import TestSupport
import Testing

private func makeWorld(_ path: String) throws -> SharedPool {
  try SharedPool(creating: .file(Array(path.utf8)), user: World.bytes, reserve: World.reserve) {
    access throws(PoolError) in try World(&access).make(&access)
  }
}

private func worker(_ arguments: [String], output: Int32? = nil) throws -> Child {
  try Child([try Products.program("shmap-worker")] + arguments, output: output, error: 2)
}

/// How many blocks a collection's contents take, after it was found whole.
private func checkCollections(_ pool: borrowing SharedPool) throws -> Int {
  try pool.withAccess { access throws(PoolError) in
    let world = World(&access)
    let map = try world.map(access)
    let vector = try world.vector(access)
    let set = try world.set(access)
    var entries = 0
    var seen: [UInt64: Bool] = [:]
    try map.forEach(in: access) { key, value in
      if value != World.value(of: key) { Issue.record("a key with another's value") }
      if seen.updateValue(true, forKey: value) != nil { Issue.record("a key that is there twice") }
      entries += 1
    }
    // The sums may be one off where the last change was cut short; the next change mends them.
    try map.set([1, 2, 3].span, to: World.value(of: [1, 2, 3].span), in: &access)
    let mapCount = try map.count(in: access)
    if mapCount != entries + 1 { Issue.record("the map counts \(mapCount), holds \(entries + 1)") }
    var members = 0
    try set.forEach(in: access) { _ in members += 1 }
    try set.insert([1, 2, 3].span, in: &access)
    let setCount = try set.count(in: access)
    if setCount != members + 1 { Issue.record("the set counts \(setCount), holds \(members + 1)") }
    var elements: [UInt32: Bool] = [:]
    try vector.forEach(in: access) { block throws(PoolError) in
      if elements.updateValue(true, forKey: block.raw) != nil { Issue.record("an element that is there twice") }
      if try !World.isWhole(block, access) { Issue.record("an element that was overwritten") }
    }
    // The user block, three handles, the vector's block, two blocks of slots; keys; elements.
    return 7 + entries + 1 + members + 1 + elements.count
  }
}

@Suite(.serialized) struct ProcessTests {
  @Test(.timeLimit(.minutes(2))) func eightProcessesLoseNothing() throws {
    let folder = try TemporaryFolder()
    let pool = try makeWorld(folder.file("pool"))
    let workers = try (0..<8).map { try worker(["stress", folder.file("pool"), "\($0 + 1)", "\($0)", "40000"]) }
    for worker in workers { #expect(worker.wait(within: 60) == .exit(0)) }
    let blocks = try checkCollections(pool)
    let (report, operations) = try pool.withAccess { access throws(PoolError) in
      let operations = try World(&access).operations(access)
      return (try access.checkHeap(), operations)
    }
    #expect(report.fault == nil)
    #expect(report.usedBlocks == blocks)
    #expect(operations == 320_000)
  }

  @Test(.timeLimit(.minutes(4))) func killsLoseOnlyWhatTheDeadHeld() throws {
    let folder = try TemporaryFolder()
    let pool = try makeWorld(folder.file("pool"))
    var workers: [Child] = []
    var random = SystemRandomNumberGenerator()
    var seed = 100
    var kills = 0
    func start(_ slot: Int) throws -> Child {
      seed += 1
      return try worker(["stress", folder.file("pool"), "\(seed)", "\(slot)", "100000000"])
    }
    for slot in 0..<8 { workers.append(try start(slot)) }
    var done: UInt64 = 0
    while done < 1_000_000 {
      usleep(UInt32.random(in: 5000...80_000, using: &random))
      let slot = Int.random(in: 0..<8, using: &random)
      #expect(workers[slot].isRunning)
      workers[slot].stop(signal: SIGKILL)
      kills += 1
      workers[slot] = try start(slot)
      let before = done
      done = try pool.withAccess { access throws(PoolError) in try World(&access).operations(access) }
      if done == before { usleep(20_000) }
    }
    for worker in workers { worker.stop(signal: SIGKILL) }
    kills += 8
    let blocks = try checkCollections(pool)
    let report = try pool.withAccess { access throws(PoolError) in try access.checkHeap() }
    #expect(report.fault == nil)
    #expect(report.usedBlocks >= blocks)
    // A worker holds up to 40 blocks of its own, and a few on their way to or from a collection.
    #expect(report.usedBlocks - blocks <= kills * 45)
    // And everything goes on working.
    let last = try worker(["stress", folder.file("pool"), "7", "9", "20000"])
    #expect(last.wait(within: 60) == .exit(0))
    print("1,000,000 operations, \(kills) kills, \(report.usedBlocks - blocks) blocks lost with the dead")
  }

  @Test(.timeLimit(.minutes(1)), arguments: ["mutex", "read", "write", "pool"])
  func aLockWhoseHolderIsKilledGoesToTheNextAndSaysSo(what: String) throws {
    let folder = try TemporaryFolder()
    let pool = try makeWorld(folder.file("pool"))
    let output = try folder.create("out")
    let holder = try worker(["hold", folder.file("pool"), what], output: output.fileDescriptor)
    while try folder.read("out").isEmpty { usleep(2000) }
    let victim = holder.pid
    let killer = Thread {
      usleep(100_000)
      kill(victim, SIGKILL)
    }
    killer.start()
    // Waits until the holder is killed.
    let taken = try pool.withAccess { access throws(PoolError) -> [Acquisition] in
      let world = World(&access)
      func take(_ access: inout Access) throws(PoolError) -> Acquisition {
        switch what {
        case "mutex": return try access.withLock(world.mutex) { _, taken in taken }
        case "pool":
          // Growing needs everybody out of the pool.
          try access.free(try access.allocate(UInt8.self, count: 1 << 20))
          return .clean
        default: return try access.withExclusiveLock(world.mapLock) { _, taken in taken }
        }
      }
      return [try take(&access), try take(&access)]
    }
    // A reader's death leaves nothing half changed.
    #expect(taken == [what == "read" || what == "pool" ? .clean : .holderDied, .clean])
    #expect(holder.wait(within: 5) == .signal(SIGKILL))
  }

  @Test(.timeLimit(.minutes(1))) func aReaderIsToldThatTheWriterDied() throws {
    let folder = try TemporaryFolder()
    let pool = try makeWorld(folder.file("pool"))
    let output = try folder.create("out")
    let holder = try worker(["hold", folder.file("pool"), "write"], output: output.fileDescriptor)
    while try folder.read("out").isEmpty { usleep(2000) }
    holder.stop(signal: SIGKILL)
    let taken = try pool.withAccess { access throws(PoolError) -> [Acquisition] in
      let world = World(&access)
      let first = try access.withSharedLock(world.mapLock) { _, taken in taken }
      return [first, try access.withSharedLock(world.mapLock) { _, taken in taken }]
    }
    #expect(taken == [.holderDied, .clean])
  }

  @Test(.timeLimit(.minutes(1))) func aThreadThatWaitsLetsThePoolGrow() throws {
    let folder = try TemporaryFolder()
    let pool = try makeWorld(folder.file("pool"))
    let output = try folder.create("out")
    let holder = try worker(["pass", folder.file("pool"), "1", "1"], output: output.fileDescriptor)
    usleep(200_000)  // it waits on the condition by now
    try pool.withAccess { access throws(PoolError) in
      try access.free(try access.allocate(UInt8.self, count: 4 << 20))
      let world = World(&access)
      try access.withLock(world.mutex) { access, _ throws(PoolError) in
        try access.store(1, at: world.turn)
        try access.broadcast(world.changed)
      }
    }
    #expect(holder.wait(within: 10) == .exit(0))
  }

  @Test(.timeLimit(.minutes(1))) func twoProcessesHandATurnBackAndForth() throws {
    let folder = try TemporaryFolder()
    let pool = try makeWorld(folder.file("pool"))
    let workers = try ["0", "1"].map { try worker(["pass", folder.file("pool"), $0, "5000"]) }
    for worker in workers { #expect(worker.wait(within: 30) == .exit(0)) }
    _ = try pool.withAccess { access throws(PoolError) in access.size }
  }

  @Test func theFileOfAPoolWhoseUsersWereAllKilledIsReplaced() throws {
    let folder = try TemporaryFolder()
    let output = try folder.create("out")
    do {
      var pool: SharedPool? = try makeWorld(folder.file("pool"))
      let holder = try worker(["hold", folder.file("pool"), "mutex"], output: output.fileDescriptor)
      while try folder.read("out").isEmpty { usleep(2000) }
      pool = nil
      #expect(throws: PoolError.inUse) { _ = try makeWorld(folder.file("pool")) }
      holder.stop(signal: SIGKILL)
      _ = consume pool
    }
    #expect(FileManager.default.fileExists(atPath: folder.file("pool")))
    let pool = try makeWorld(folder.file("pool"))
    _ = try pool.withAccess { access throws(PoolError) in access.size }
  }
}
