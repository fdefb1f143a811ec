// What readers of a pool learn when another pool takes its name, and how their sleep ends.

import CSystem
import Foundation
import Testing

@testable import ShMap

@Suite struct RetirementTests {
  private let kind: UInt32 = 0x7465_7374
  private let identity = [UInt8](repeating: 7, count: 16)

  private func makePool(_ place: borrowing PoolPath) throws -> Pool {
    var pool = try Pool(creating: place.path, mode: 0o600, contents: kind, identity: identity)
    try pool.commit()
    return pool
  }

  @Test("a pool whose writer is gone is retired by the next of its name, and its readers wake up")
  func retired() throws {
    let place = PoolPath()
    var old: Pool? = try makePool(place)
    let reader = try Reader(opening: place.path, contents: kind, identity: identity)
    old = nil
    _ = consume old
    let before = reader.isRetired
    #expect(!before)
    let seen = reader.generationWord
    let path = place.path
    let (kind, identity) = (kind, identity)
    let keeper = Thread {
      usleep(50_000)
      let pool = try? Pool(creating: path, mode: 0o600, contents: kind, identity: identity)
      guard var pool else { return }
      try? pool.commit()
      usleep(500_000)
    }
    keeper.start()
    var word: UInt32 = 0
    let start = shm_now_us()
    unsafe withUnsafePointer(to: &word) { unsafe reader.waitForChange(from: seen, or: $0, from: 0) }
    #expect(shm_now_us() - start < 900_000)
    let woken = reader.generationWord
    #expect(woken != seen)
    let after = reader.isRetired
    #expect(after)
  }

  @Test("a pool whose writer lives is not retired")
  func living() throws {
    let place = PoolPath()
    let old = try makePool(place)
    let reader = try Reader(opening: place.path, contents: kind, identity: identity)
    let new = try makePool(place)
    let (isRetired, isAlive) = (reader.isRetired, reader.writerIsAlive)
    #expect(!isRetired && isAlive)
    withExtendedLifetime((old.size, new.size)) {}
  }

  @Test("a sleep for a change of the pool ends by a word of this process's own, too")
  func stopped() throws {
    let place = PoolPath()
    let pool = try makePool(place)
    let reader = try Reader(opening: place.path, contents: kind, identity: identity)
    let word = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
    unsafe word.initialize(to: 0)
    defer { unsafe word.deallocate() }
    let address = UInt(bitPattern: word)
    Thread {
      usleep(50_000)
      unsafe shm_store32_release(UnsafeMutableRawPointer(bitPattern: address)!, 1)
      unsafe Reader.wake(UnsafeMutableRawPointer(bitPattern: address)!)
    }.start()
    let start = shm_now_us()
    unsafe reader.waitForChange(from: reader.generationWord, or: word, from: 0)
    let slept = shm_now_us() - start
    #expect(slept > 30_000 && slept < 900_000)
    withExtendedLifetime(pool.size) {}
  }
}
