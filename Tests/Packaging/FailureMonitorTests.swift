// phosphor-unit-failure-monitor as a process, against a systemd that is scripted here, on a private bus.

import Foundation
import TestSupport
import Testing

/// Answers GetUnit, ActiveState, StartUnit and StopUnit for units that the test gives, and writes down what was asked.
private final class FakeSystemd {
  private let connection: Connection
  /// Unit to ActiveState.
  private let states: [String: String]
  /// What changes something, as "StartUnit a.service replace".
  private(set) var jobs: [String] = []
  private(set) var calls = 0

  init(_ states: [String: String], in world: World) throws {
    self.states = states
    connection = try world.connect()
    try connection.own("org.freedesktop.systemd1")
    connection.onCall = { [unowned self] call in try! answer(call) }
  }

  private static func path(of unit: String) -> String {
    "/org/freedesktop/systemd1/unit/" + unit.utf8.map { String(format: "_%02x", $0) }.joined()
  }

  private func answer(_ call: Call) throws {
    calls += 1
    let message = call.message
    let arguments = message.body.compactMap(\.string)
    switch (message.interface, message.member) {
    case ("org.freedesktop.systemd1.Manager", "GetUnit") where states[arguments[0]] != nil:
      try call.reply("o", [.string(Self.path(of: arguments[0]))])
    case ("org.freedesktop.systemd1.Manager", "StartUnit"), ("org.freedesktop.systemd1.Manager", "StopUnit"):
      guard states[arguments[0]] != nil else { fallthrough }
      jobs.append(([message.member] + arguments).joined(separator: " "))
      try call.reply("o", ["/org/freedesktop/systemd1/job/1"])
    case ("org.freedesktop.systemd1.Manager", _):
      try call.fail("org.freedesktop.systemd1.NoSuchUnit", "Unit \(arguments[0]) not loaded.")
    case ("org.freedesktop.DBus.Properties", "Get")
    where arguments == ["org.freedesktop.systemd1.Unit", "ActiveState"]:
      let state = states.first { Self.path(of: $0.key) == message.path }?.value
      try call.reply("v", [.variant("s", .string(try #require(state)))])
    default:
      try call.fail("org.freedesktop.DBus.Error.UnknownMethod", message.member)
    }
  }
}

@Suite(.lane)
struct FailureMonitorTests {
  private struct Outcome {
    var end: Child.End?
    var output: String
    var error: String
    var jobs: [String]
    var calls: Int
  }

  /// Runs the program to its end with a systemd that knows these units.
  private func run(_ arguments: [String], _ states: [String: String] = [:]) throws -> Outcome {
    let world = try World()
    let systemd = try FakeSystemd(states, in: world)
    let output = try world.folder.create("output")
    let error = try world.folder.create("error")
    let child = try Child(
      [try Products.program("phosphor-unit-failure-monitor")] + arguments, environment: world.environment,
      output: output.fileDescriptor, error: error.fileDescriptor)
    _ = world.loop.run(within: 10) { !child.isRunning }
    return Outcome(
      end: child.end, output: try world.folder.read("output"), error: try world.folder.read("error"),
      jobs: systemd.jobs, calls: systemd.calls)
  }

  @Test(
    "a target is started or stopped, in place of other jobs, when the source has failed",
    arguments: [
      (["-s", "bad.service", "-t", "rescue.target", "-a", "start"], "StartUnit rescue.target replace"),
      (
        ["--source", "bad.service", "--target=rescue.target", "--action", "stop"],
        "StopUnit rescue.target replace"
      ),
    ])
  func failed(_ arguments: [String], _ job: String) throws {
    let outcome = try run(arguments, ["bad.service": "failed", "rescue.target": "inactive"])
    #expect(outcome.end == .exit(0))
    #expect(outcome.jobs == [job])
    #expect(outcome.error.contains("bad.service has failed"))
  }

  @Test(
    "nothing happens in any other state",
    arguments: ["active", "inactive", "activating", "deactivating", "reloading", "maintenance", "failed-not"])
  func notFailed(_ state: String) throws {
    let outcome = try run(
      ["-s", "a.service", "-t", "b.target", "-a", "start"], ["a.service": state, "b.target": "failed"])
    #expect(outcome.end == .exit(0))
    #expect(outcome.jobs == [])
    #expect(outcome.error == "")
    #expect(outcome.calls == 2)
  }

  @Test("what systemd refuses is said in its own words, with status 1", arguments: ["a.service", "b.target"])
  func refused(_ known: String) throws {
    let outcome = try run(["-s", "a.service", "-t", "b.target", "-a", "start"], [known: "failed"])
    #expect(outcome.end == .exit(1))
    #expect(outcome.jobs == [])
    let missing = known == "a.service" ? "b.target" : "a.service"
    #expect(outcome.error.hasSuffix("phosphor-unit-failure-monitor: Unit \(missing) not loaded.\n"))
  }

  @Test(
    "a command line that is not whole is refused before systemd is asked, with status 1",
    arguments: [
      [], ["-s", "a"], ["-s", "a", "-t", "b"], ["-t", "b", "-a", "stop"], ["-s", "a", "-t", "b", "-a", "restart"],
      ["-s", "a", "-t", "b", "-a", "stop", "c"], ["--nonsense"], ["-s"],
    ])
  func usage(_ arguments: [String]) throws {
    let outcome = try run(arguments, ["a": "failed", "b": "failed"])
    #expect(outcome.end == .exit(1))
    #expect(outcome.calls == 0)
    #expect(outcome.output == "")
    #expect(outcome.error.split(separator: "\n").count == 1)
  }

  @Test("help goes to standard output, with status 0", arguments: ["-h", "--help"])
  func help(_ option: String) throws {
    let outcome = try run([option])
    #expect(outcome.end == .exit(0))
    #expect(outcome.output.hasPrefix("Usage: phosphor-unit-failure-monitor "))
    #expect(outcome.error == "")
  }

  @Test("without a bus there is one line, with status 1")
  func noBus() throws {
    let run = try Run(
      [try Products.program("phosphor-unit-failure-monitor"), "-s", "a", "-t", "b", "-a", "start"],
      environment: ["DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"])
    #expect(run.end == .exit(1))
    #expect(run.error.hasPrefix("phosphor-unit-failure-monitor: the system bus cannot be reached: "))
  }
}
