// The recorded answers a third time: made by a C program with plain sd_bus_call, under the preload library.

import TestSupport
import Testing

@Suite(.lane)
struct PreloadVectorTests {
  @Test("a program under the preload library gets the answers as recorded", arguments: Vectors.names)
  func exact(_ name: String) throws { try play(name, .exact) }

  @Test(
    "so does one that asks for fast answers, and nearly all of them come out of shared memory",
    arguments: ["bmc-small", "association-many-owners", "restart-kill", "random-2", "subtree-by-id"])
  func fast(_ name: String) throws {
    let (calls, statistics) = try play(name, .fast)
    #expect(calls > 0)
    // An object without endpoints is the mapper's to refuse.
    #expect(statistics.inProcess * 10 >= calls * 9, "\(calls) calls: \(statistics.counts)")
  }

  @discardableResult
  private func play(_ name: String, _ preload: Preload) throws -> (calls: Int, statistics: PreloadStatistics) {
    let scenario = try Vectors.scenario(name)
    var caller: PreloadCaller?
    let player = try Player(
      scenario,
      caller: { world, _ in
        let made = try PreloadCaller(in: world, preload)
        caller = made
        return made
      })
    let differences = Differences.between(
      want: try Vectors.golden(name), got: player.checks, ignoring: scenario.ignore)
    if !differences.isEmpty {
      let shown = differences.prefix(5).joined(separator: "\n")
      Issue.record("\(name): \(differences.count) differences, among them\n\(shown)")
    }
    let statistics = try caller!.finish()
    #expect(statistics.inProcess + statistics.passed == caller!.calls)
    if caller!.calls > 20 { #expect(statistics.inProcess > 0, "\(caller!.calls) calls: \(statistics.counts)") }
    return (caller!.calls, statistics)
  }
}
