// A process of the multi-process tests: attaches to a pool and does random work in it until the pool tells it to stop, or it
// is killed.
//
//     shmap-worker stress POOL SEED SLOT OPERATIONS    heap, map, vector and set
//     shmap-worker hold POOL WHAT                      takes a lock, says so on its output, and never gives it up
//     shmap-worker pass POOL SLOT ROUNDS               hands a turn back and forth under a mutex and a condition
//     shmap-worker attach POOL USER                    says what that user gets who attaches, and who only reads
//     shmap-worker fill|cramped POOL                   works in a pool that cannot grow (Pressure.swift)

import CSystem
import Foundation
import ShMap
import ShMapWorld

func fail(_ what: String) -> Never {
  FileHandle.standardError.write(Data("shmap-worker: \(what)\n".utf8))
  exit(1)
}

let arguments = CommandLine.arguments
guard arguments.count >= 3 else { fail("what, and in which pool?") }
if arguments[1] == "attach" { attach(as: UInt32(arguments[3])!) }
if arguments[1] == "fill" || arguments[1] == "cramped" {
  let path = Array(arguments[2].utf8)
  do throws(PoolError) {
    if arguments[1] == "fill" { try fill(path) } else { try beCramped(path) }
  } catch { fail("\(error)") }
  exit(0)
}
do throws(PoolError) {
  let pool = try SharedPool(attaching: .file(Array(arguments[2].utf8)), reserve: World.reserve)
  switch arguments[1] {
  case "stress":
    var stress = Stress(seed: UInt64(arguments[3])!, slot: Int(arguments[4])!)
    try stress.run(pool, operations: Int(arguments[5])!)
  case "hold":
    try hold(pool, arguments[3])
  case "pass":
    try passTurns(pool, slot: UInt32(arguments[3])!, rounds: Int(arguments[4])!)
  default:
    fail("unknown work: \(arguments[1])")
  }
} catch {
  fail("\(error)")
}

func attach(as user: UInt32) -> Never {
  guard setgid(user) == 0, setuid(user) == 0 else { fail("not allowed to become user \(user)") }
  let path = Array(arguments[2].utf8)
  do throws(PoolError) {
    _ = try SharedPool(attaching: .file(path))
    print("attached")
  } catch { print(error) }
  do throws(PoolError) {
    let reader = try Reader(opening: path, contents: 0, identity: nil)
    print("reads \(reader.size)")
  } catch { print(error) }
  exit(0)
}

func sayAndSleep(_ what: String) -> Never {
  FileHandle.standardOutput.write(Data("\(what)\n".utf8))
  while true { sleep(100) }
}

func hold(_ pool: borrowing SharedPool, _ what: String) throws(PoolError) {
  try pool.withAccess { access throws(PoolError) in
    let world = World(&access)
    switch what {
    case "mutex": try access.withLock(world.mutex) { _, _ in sayAndSleep("held") }
    case "read": try access.withSharedLock(world.mapLock) { _, _ in sayAndSleep("held") }
    case "write": try access.withExclusiveLock(world.mapLock) { _, _ in sayAndSleep("held") }
    case "pool": sayAndSleep("held")
    default: fail("hold what?")
    }
  }
}

func passTurns(_ pool: borrowing SharedPool, slot: UInt32, rounds: Int) throws(PoolError) {
  try pool.withAccess { access throws(PoolError) in
    let world = World(&access)
    for _ in 0..<rounds {
      try access.withLock(world.mutex) { access, _ throws(PoolError) in
        while try access.load(world.turn) != slot { _ = try access.wait(for: world.changed, releasing: world.mutex) }
        try access.store(1 - slot, at: world.turn)
        try access.broadcast(world.changed)
      }
    }
  }
}
