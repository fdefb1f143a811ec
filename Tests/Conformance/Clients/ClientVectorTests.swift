// The recorded answers once more, with every lookup made by a client instead of over D-Bus: the same answers.

import Database
import TestSupport
import Testing

@Suite(.lane)
struct ClientVectorTests {
  @Test("the Swift client answers as recorded", arguments: Vectors.names)
  func swift(_ name: String) throws {
    let caller = Kept<SwiftCaller>()
    try play(name) { world, _ in caller.keep(SwiftCaller(world)) }
    let counts = try #require(caller.value).client.statistics
    expectMostly(Int(counts.inProcess), outOf: Int(counts.inProcess + counts.overBus + counts.fromLastState))
  }

  @Test("libshmapper answers as recorded, to a callback", arguments: Vectors.names)
  func callback(_ name: String) throws { try library(name, []) }

  @Test("libshmapper answers as recorded, in an answer that is kept", arguments: Vectors.names.filter(isQuick))
  func iterator(_ name: String) throws { try library(name, ["--collect"]) }

  @Test("without a pool the Swift client answers as recorded, over D-Bus", arguments: Vectors.names.filter(isQuick))
  func withoutPool(_ name: String) throws {
    let caller = Kept<SwiftCaller>()
    try play(name) { world, _ in
      caller.keep(SwiftCaller(world) { $0.poolPath = ByteString(world.folder.file("none")) })
    }
    #expect(try #require(caller.value).client.statistics.inProcess == 0)
  }

  private func library(_ name: String, _ options: [String]) throws {
    var counts = (inProcess: 0, overBus: 0)
    let caller = Kept<LibraryCaller>()
    try play(name) { world, _ in caller.keep(try LibraryCaller(world, options)) }
    counts = try #require(caller.value).statistics()
    expectMostly(counts.inProcess, outOf: counts.inProcess + counts.overBus)
  }

  /// Few vectors suffice to see a second way of taking the same answers.
  private static func isQuick(_ name: String) -> Bool {
    ["association-basic", "bmc-small", "names", "random-2", "restart-kill", "subtree-by-id"].contains(name)
  }

  /// A client that answers over D-Bus shows nothing about the pool.
  private func expectMostly(_ inProcess: Int, outOf all: Int) {
    #expect(inProcess * 10 >= all * 9 || all - inProcess <= 8, "\(inProcess) of \(all) lookups were made in-process")
  }

  private func play(_ name: String, _ caller: (World, BusCaller) throws -> any MapperCaller) throws {
    let scenario = try Vectors.scenario(name)
    let player = try Player(scenario, caller: caller)
    let differences = Differences.between(
      want: try Vectors.golden(name), got: player.checks, ignoring: scenario.ignore)
    if !differences.isEmpty {
      let shown = differences.prefix(5).joined(separator: "\n")
      Issue.record("\(name): \(differences.count) differences, among them\n\(shown)")
    }
  }
}

/// A caller that outlives its scenario, to be asked how it answered.
private final class Kept<Caller> {
  private(set) var value: Caller?

  func keep(_ caller: Caller) -> Caller {
    value = caller
    return caller
  }
}
