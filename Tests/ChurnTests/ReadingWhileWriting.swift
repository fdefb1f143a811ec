// Reading while writing, with real processes: a writer that changes the pool without pause is killed again and again, each time
// another takes over, and readers that map the pool read-only must find one whole state in each answer.

import Foundation
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(7))) struct ReadingWhileWriting {
  /// The program as it ships, when that has been built; else the one beside the tests, which is some thirty times slower.
  private let embedded: String? = {
    let folder = ProcessInfo.processInfo.environment["SHMAPPER_BIN"] ?? "\(Products.package)/.build-embedded/release"
    return access("\(folder)/churn", X_OK) == 0 ? "\(folder)/churn" : nil
  }()

  // How much there has to be of everything before the test is over.
  private var changes: UInt32 { embedded == nil ? 20_000 : 1_000_000 }
  private var kills: Int { embedded == nil ? 30 : 300 }
  private var answers: UInt32 { embedded == nil ? 2_000 : 100_000 }

  @Test("Readers find whole states while a writer changes everything and is killed hundreds of times")
  func readersFindWholeStates() throws {
    let folder = try TemporaryFolder()
    let board = try Board(folder.file("board"))
    let churn = try embedded ?? Products.program("churn")
    let errors = try folder.create("errors")
    func said() -> String { (try? folder.read("errors")) ?? "" }
    let readers = try (1...2).map { slot in
      try Child(
        [churn, "read", folder.file("pool"), folder.file("board"), "\(slot)", "\(slot)"], error: errors.fileDescriptor)
    }

    var random = SystemRandomNumberGenerator()
    let seed = UInt32.random(in: 1...999_999, using: &random)
    var killed = 0
    let end = ContinuousClock.now + .seconds(300)
    while killed < kills || board.done(slot: 3) < changes || board.done(slot: 1) + board.done(slot: 2) < answers {
      try #require(ContinuousClock.now < end, "\(killed) kills, \(board.done(slot: 3)) changes: too slow")
      for reader in readers { try #require(reader.isRunning, "seed \(seed): \(said())") }
      let writer = try Child(
        [churn, "write", folder.file("pool"), folder.file("board"), "3", "\(seed + UInt32(killed))"],
        error: errors.fileDescriptor)
      // Most are killed in the middle of their work, some while they take over; the last ones may work longer.
      let life = killed < kills ? Double.random(in: 0.001...0.12, using: &random) : 2
      if let end = writer.wait(within: life) {
        try #require(end == .exit(3), "seed \(seed): a writer ended by itself: \(end), \(said())")
        continue
      }
      writer.stop(signal: SIGKILL, within: 0)
      killed += 1
    }

    // The last state stays readable although nobody writes any more.
    let before = board.done(slot: 1)
    let patience = ContinuousClock.now + .seconds(20)
    while board.done(slot: 1) < before + 1000, ContinuousClock.now < patience { usleep(1000) }
    #expect(board.done(slot: 1) >= before + 1000)
    board.stop()
    for reader in readers {
      #expect(reader.wait(within: 20) == .exit(0), "seed \(seed): \(said())")
    }
    #expect(said() == "")
    // What the killed left half made is not left for ever.
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("pool") }
    #expect(files.count <= 2, "\(files)")
  }
}

/// The file by which the processes of this test count and end: see Tests/Churn/Board.swift.
final class Board {
  private let base: UnsafeMutableRawPointer

  init(_ path: String) throws {
    let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0, ftruncate(file, 4096) == 0,
      let start = mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), start != MAP_FAILED
    else { throw BusError("the board", code: errno) }
    close(file)
    base = start
  }

  deinit { munmap(base, 4096) }

  func done(slot: Int) -> UInt32 { base.load(fromByteOffset: 64 * slot, as: UInt32.self) }
  func stop() { base.storeBytes(of: 1, as: UInt32.self) }
}
