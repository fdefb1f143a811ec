// The reference mapper's recorded answers, played against shmapperd.

import TestSupport
import Testing

@Suite(.lane)
struct VectorTests {
  @Test("shmapperd answers as recorded, over D-Bus", arguments: Vectors.names)
  func overBus(_ name: String) throws { try play(name, on: .daemon) }

  /// A scenario of each kind: the broker must not matter, and does not need all of them.
  @Test(
    "shmapperd answers as recorded on dbus-broker, too", .enabled(if: PrivateBus.Kind.broker.isInstalled),
    arguments: [
      "association-by-signal", "association-pending", "interfaces-added-removed", "introspection", "names",
      "parents-swept",
      "poison-signal-stranger", "random-3", "restart-kill", "services-first", "wrong-arguments", "xml-odd",
    ])
  func overBroker(_ name: String) throws { try play(name, on: .broker) }

  private func play(_ name: String, on kind: PrivateBus.Kind) throws {
    let scenario = try Vectors.scenario(name)
    let player = try Player(scenario, on: kind)
    let differences = Differences.between(
      want: try Vectors.golden(name), got: player.checks, ignoring: scenario.ignore)
    if !differences.isEmpty {
      let shown = differences.prefix(5).joined(separator: "\n")
      Issue.record("\(name): \(differences.count) differences, among them\n\(shown)")
    }
  }
}
