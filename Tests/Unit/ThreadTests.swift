// Threads of one process that share one attachment: the same mapping, so that ThreadSanitizer sees what they do to each other's
// memory, and whether the pool's locks order it. The mapping has room to grow where it is: once it has moved, the same lock has two
// addresses, and the sanitizer takes it for two locks. (SharedPoolTests and the tests with processes let it move.)

import CSystem
import Foundation
import Testing

@testable import ShMap

/// One attachment for many threads.
private final class Shared: Sendable {
  let pool: SharedPool
  init(_ pool: consuming SharedPool) { self.pool = pool }
}

/// Runs `body` in `count` threads at once, until all have ended.
private func inThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) {
  let group = DispatchGroup()
  for number in 0..<count {
    group.enter()
    Thread {
      do { try body(number) } catch { Issue.record("\(error)") }
      group.leave()
    }.start()
  }
  group.wait()
}

private struct Scene {
  let mutex: Offset<Mutex>
  let lock: Offset<SharedLock>
  let changed: Offset<Condition>
  let turn: Offset<UInt32>
  let sum: Offset<UInt64>
  let map: Offset<UInt32>

  static let bytes = 128

  init(_ access: borrowing Access) {
    let start = access.user(as: UInt8.self).raw
    mutex = Offset(start)
    lock = Offset(start + 40)
    changed = Offset(start + 80)
    turn = Offset(start + 88)
    sum = Offset(start + 96)
    map = Offset(start + 104)
  }
}

private func withScene(_ body: (Shared) throws -> Void) throws {
  let place = PoolPath()
  let shared = Shared(
    try SharedPool(creating: .file(place.path), user: Scene.bytes) { access throws(PoolError) in
      let map = try Map<UInt32, UInt64>(in: &access)
      try access.store(map.offset, at: Scene(access).map)
    })
  try body(shared)
  let report = try shared.pool.withAccess { access throws(PoolError) in try access.checkHeap() }
  #expect(report.isSound)
}

@Suite struct ThreadTests {
  @Test func aMutexLetsOneThreadInAtATime() throws {
    try withScene { shared in
      inThreads(4) { _ in
        for _ in 0..<5000 {
          try shared.pool.withAccess { access throws(PoolError) in
            let sum = Scene(access).sum
            try access.withLock(Scene(access).mutex) { access, taken throws(PoolError) in
              if taken != .clean { Issue.record("nobody died") }
              let before = try access.span(sum, count: 1)[0]
              var place = try access.mutableSpan(sum, count: 1)
              place[0] = before + 1
            }
          }
        }
      }
      let sum = try shared.pool.withAccess { access throws(PoolError) in try access.load(Scene(access).sum) }
      #expect(sum == 20_000)
    }
  }

  @Test func aConditionHandsTurnsOn() throws {
    try withScene { shared in
      inThreads(3) { number in
        for _ in 0..<300 {
          try shared.pool.withAccess { access throws(PoolError) in
            let scene = Scene(access)
            try access.withLock(scene.mutex) { access, _ throws(PoolError) in
              while try access.load(scene.turn) % 3 != UInt32(number) {
                _ = try access.wait(for: scene.changed, releasing: scene.mutex)
              }
              try access.store(try access.load(scene.turn) + 1, at: scene.turn)
              try access.broadcast(scene.changed)
            }
          }
        }
      }
      let turns = try shared.pool.withAccess { access throws(PoolError) in try access.load(Scene(access).turn) }
      #expect(turns == 900)
    }
  }

  @Test func readersAndWritersOfAMapKeepApartWhileThePoolGrows() throws {
    try withScene { shared in
      inThreads(4) { number in
        var random = SplitMix(UInt64(number))
        for _ in 0..<2000 {
          let key = UInt32(truncatingIfNeeded: random.next() % 5000)
          try shared.pool.withAccess { access throws(PoolError) in
            let scene = Scene(access)
            let map = Map<UInt32, UInt64>(at: try access.load(scene.map))
            if random.next() % 4 == 0 {
              try access.withExclusiveLock(scene.lock) { access, _ throws(PoolError) in
                try map.set(key, to: UInt64(key) * 3, in: &access)
              }
            } else {
              let found = try access.withSharedLock(scene.lock) { access, _ throws(PoolError) in
                try map.get(key, in: access)
              }
              if let found, found != UInt64(key) * 3 { Issue.record("a key with another's value") }
            }
            try access.free(try access.allocate(UInt8.self, count: Int(random.next() % 9000)))
          }
        }
      }
    }
  }
}
