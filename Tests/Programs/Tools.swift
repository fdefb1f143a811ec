// What the tests of the installed programs share: a mapper with a service that changes, and programs that run beside it.

import Foundation
import TestSupport
import Testing

/// A program that runs while the test's loop goes on, with what it has written.
final class Running {
  private let child: Child
  private let folder: TemporaryFolder
  private let world: World

  init(_ command: [String], in world: World, _ environment: [String: String] = [:]) throws {
    folder = try TemporaryFolder()
    self.world = world
    let out = try folder.create("out")
    let err = try folder.create("err")
    child = try Child(
      command, environment: world.environment.merging(environment) { _, new in new }, output: out.fileDescriptor,
      error: err.fileDescriptor)
  }

  var isRunning: Bool { child.isRunning }
  var pid: pid_t { child.pid }
  var output: String { (try? folder.read("out")) ?? "" }
  var error: String { (try? folder.read("err")) ?? "" }
  func send(_ signal: Int32) { child.send(signal) }

  /// Runs the loop until the program ends; nil when it does not.
  func end(within seconds: Double = 10) -> Child.End? {
    _ = world.loop.run(within: seconds) { !child.isRunning }
    return child.end
  }

  /// Runs the loop until the program has written that.
  func hasWritten(_ text: String, within seconds: Double = 10) -> Bool {
    world.loop.run(within: seconds) { output.contains(text) }
  }
}

/// How a program finds the pool.
enum PoolAccess: String, CaseIterable, CustomTestStringConvertible {
  case pool = "with a pool"
  case none = "without a pool"

  var testDescription: String { rawValue }
  /// What the program is told; the mapper keeps its own.
  var environment: [String: String] { self == .pool ? [:] : ["SHMAPPER_POOL": "/nonexistent/pool"] }
}

extension World {
  /// Starts the mapper and waits until it answers.
  func startReadyMapper() throws {
    try startMapper()
    try awaitMapper()
  }

  func awaitMapper() throws {
    let probe = try connect()
    let isThere = loop.run(within: 10) { (try? ask(probe, "/xyz/openbmc_project/object_mapper")) == true }
    if !isThere { throw BusError("the mapper does not answer: \(mapperLog)") }
    probe.close()
  }

  /// Waits until the mapper knows a path, or knows it no more.
  func awaitPath(_ path: String, isKnown: Bool = true) throws -> Bool {
    let probe = try connect()
    defer { probe.close() }
    return loop.run(within: 10) { (try? ask(probe, path)) == isKnown }
  }

  private func ask(_ connection: Connection, _ path: String) throws -> Bool {
    let name = "xyz.openbmc_project.ObjectMapper"
    let reply = try connection.call(
      name, "/xyz/openbmc_project/object_mapper", name, "GetObject", "sas", [.string(path), .array([])], within: 2)
    return reply.values != nil
  }

  func run(_ command: [String], _ environment: [String: String] = [:], within seconds: Double = 10) throws -> Finished {
    let program = try Running(command, in: self, environment)
    let end = program.end(within: seconds)
    return Finished(end: end, output: program.output, error: program.error)
  }
}

struct Finished {
  var end: Child.End?
  var output: String
  var error: String
}
