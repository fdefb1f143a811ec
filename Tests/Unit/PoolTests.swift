// What a pool promises its writer and its readers.

import CSystem
import Testing

@testable import ShMap

/// A pool in a temporary folder of its own, gone with the value.
struct PoolPath: ~Copyable {
  let path: [UInt8]
  private let folder: [CChar]

  init() {
    var template = Array("/tmp/shmap-test-XXXXXX".utf8CString)
    unsafe template.withUnsafeMutableBufferPointer { unsafe _ = mkdtemp($0.baseAddress!) }
    folder = template
    path = template.dropLast().map { UInt8(bitPattern: $0) } + Array("/pool".utf8)
  }

  deinit {
    PoolFile.remove(path)
    unsafe _ = rmdir(folder)
  }
}

private let kind: UInt32 = 0x7465_7374
private let identity = [UInt8](repeating: 7, count: 16)

private func makePool(_ place: borrowing PoolPath, reserve: Int = Pool.defaultReserve) throws -> Pool {
  var pool = try Pool(creating: place.path, mode: 0o600, contents: kind, identity: identity, reserve: reserve)
  try pool.commit()
  return pool
}

@Suite struct PoolTests {
  @Test func aReaderSeesWhatWasPublishedAndNothingElse() throws {
    let place = PoolPath()
    var pool = try makePool(place)
    let reader = try Reader(opening: place.path, contents: kind, identity: identity)
    #expect(throws: PoolError.wrongContents) { _ = try reader.withSnapshot { $0.generation } }
    let first = try pool.allocate(12)
    pool[first + 8] = 41
    pool.publish(root: first)
    let second = try pool.allocate(12)
    pool[second + 8] = 42
    let read = try reader.withSnapshot { snapshot throws(PoolError) in try snapshot.view.word(snapshot.root + 8) }
    #expect(try read.get() == 41)
    pool.publish(root: second)
    let again = try reader.withSnapshot { snapshot throws(PoolError) in
      (snapshot.generation, try snapshot.view.word(snapshot.root + 8))
    }
    #expect(try again.get() == (2, 42))
  }

  @Test func aPoolThatOutgrowsItsReserveMovesAndOffsetsStayRight() throws {
    let place = PoolPath()
    var pool = try makePool(place, reserve: 128 << 10)
    var reader = try Reader(opening: place.path, contents: kind, identity: identity, reserve: 128 << 10)
    var blocks: [UInt32] = []
    for index in 0..<2000 {
      let block = try pool.allocate(1000)
      pool[block] = UInt32(index)
      blocks.append(block)
    }
    for (index, block) in blocks.enumerated() {
      let kept = pool[block]
      #expect(kept == UInt32(index))
    }
    let root = try pool.allocate(16)
    pool[root + 8] = 9
    pool.publish(root: root)
    let outgrown = reader.isOutgrown
    #expect(outgrown)
    try reader.adopt()
    let read = try reader.withSnapshot { snapshot throws(PoolError) in try snapshot.view.word(snapshot.root + 8) }
    #expect(try read.get() == 9)
  }

  @Test func aStateWhoseBlocksWereRecycledIsStale() throws {
    let place = PoolPath()
    var pool = try makePool(place)
    pool.grace.generations = 1
    pool.grace.microseconds = 0
    var root = try pool.allocate(12)
    pool.publish(root: root)
    let reader = try Reader(opening: place.path, contents: kind, identity: identity)
    var tries = 0
    #expect(throws: PoolError.stale) {
      _ = try reader.withSnapshot { _ in
        for _ in 0..<4 {
          let next = try! pool.allocate(12)
          pool.retire(root)
          root = next
          pool.publish(root: root)
        }
        tries += 1
      }
    }
    #expect(tries == 1)
  }

  @Test("A new pool removes what killed makers left beside it, and nothing else")
  func sweepsTemporaryFiles() throws {
    let place = PoolPath()
    // No process has this number, and one has this test's own.
    let dead = place.path + Array(".003fffff".utf8)
    let others = [".0000000g", ".1234567", ".ffffffff"].map { place.path + Array($0.utf8) }
    for path in [dead] + others {
      let file = unsafe PoolFile.withPath(path) { unsafe shm_open_file($0, O_WRONLY | O_CREAT, 0o600) }
      _ = close(file)
    }
    let pool = try makePool(place)
    func exists(_ path: [UInt8]) -> Bool { unsafe PoolFile.withPath(path) { unsafe access($0, F_OK) == 0 } }
    let left = others.map { exists($0) }
    #expect(!exists(dead))
    #expect(left == [true, true, true])
    #expect(exists(place.path))
    for path in others { PoolFile.remove(path) }
    _ = pool.size
  }

  @Test func freedNeighboursBecomeOneBlock() throws {
    let place = PoolPath()
    var pool = try makePool(place)
    let used = pool.usedBytes
    let blocks = try (0..<100).map { _ in try pool.allocate(100) }
    for block in blocks where block / 8 % 2 == 0 { pool.free(block) }
    for block in blocks where block / 8 % 2 != 0 { pool.free(block) }
    let left = pool.usedBytes
    #expect(left == used)
    let whole = try pool.allocate(Heap.firstGrowth - 64)
    #expect(whole == blocks[0])
  }

  @Test func aFileThatIsNoPoolIsRefusedWithItsReason() throws {
    let place = PoolPath()
    #expect(throws: PoolError.system(ENOENT)) {
      _ = try Reader(opening: place.path, contents: kind, identity: nil).size
    }
    func write(_ bytes: [UInt8]) {
      let file = unsafe PoolFile.withPath(place.path) { unsafe shm_open_file($0, O_WRONLY | O_CREAT | O_TRUNC, 0o600) }
      unsafe bytes.withUnsafeBytes { unsafe _ = CSystem.write(file, $0.baseAddress!, $0.count) }
      _ = close(file)
    }
    write([1, 2, 3])
    #expect(throws: PoolError.tooShort) { _ = try Reader(opening: place.path, contents: kind, identity: nil).size }
    write([UInt8](repeating: 0x20, count: 8192))
    #expect(throws: PoolError.notAPool) { _ = try Reader(opening: place.path, contents: kind, identity: nil).size }
  }
}
