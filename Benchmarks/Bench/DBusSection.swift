// A mapper as its clients see it: how long it needs to know a tree, what that costs, and how fast its answers come.

import BenchSupport
import Foundation

/// A mapper under test.
struct Subject {
  var name: String
  /// A shell command.
  var command: String
  /// Whether it is shmapper, with a pool that can be asked.
  var isOurs = false
}

struct DBusSection {
  static let startTitle = "start and memory"
  static let callTitle = "calls over D-Bus"
  static let wholeLine = "start to whole tree"
  static let cpuLine = "CPU time until then"
  static let whole = "tree whole"
  static let residentLine = "resident, \(whole)"

  /// At most so many calls of each shape in a pass, and so many seconds.
  private static let callsPerPass = 50
  private static let secondsPerPass = 0.05
  private static let passes = 8

  let treeName: String
  let stage: Stage

  /// One round on one mapper: starts it, makes all calls, ends it.
  func run(_ subject: Subject, into report: inout Report) throws {
    let mapper = try MapperProcess(command: subject.command, on: stage)

    func fact(_ line: String, _ value: Double, _ unit: String) {
      report.add(
        Measurement(
          tree: treeName, section: DBusSection.startTitle, line: line, unit: unit, subject: subject.name,
          samples: Samples([value])))
    }
    fact(DBusSection.wholeLine, mapper.secondsToWhole * 1e3, "ms")
    fact(DBusSection.cpuLine, mapper.cpuSecondsToWhole * 1e3, "ms")
    func memoryFacts(_ moment: String) {
      let memory = memory(of: mapper.process.pid, pool: mapper.poolPath)
      fact("private dirty, \(moment)", Double(memory.privateDirty) / 1024, "KB")
      fact("pool, \(moment)", Double(max(memory.pool, allocatedBytes(of: mapper.poolPath))) / 1024, "KB")
      fact("resident, \(moment)", Double(memory.resident) / 1024, "KB")
    }
    // What a mapper puts off for a second, it shall have done, and have given back what it needed only until then.
    usleep(1_300_000)
    memoryFacts(DBusSection.whole)
    fact("resident at the most, until then", Double(peakMemory(of: mapper.process.pid)) / 1024, "KB")
    for measurement in try calls(on: mapper, subject) { report.add(measurement) }
    memoryFacts("after all calls")
    guard subject.isOurs else { return }
    try InProcessSection(treeName: treeName, stage: stage).run(mapper, into: &report)
    guard treeName == "stress" else { return }
    let preload = PreloadSection(treeName: treeName, stage: stage)
    try preload.run(mapper, into: &report)
    try preload.runStarts(into: &report)
    try WakeSection(treeName: treeName, stage: stage).run(mapper, into: &report)
  }

  /// All shapes in turn, several times over, so that a disturbance of the machine hits all of them alike.
  private func calls(on mapper: MapperProcess, _ subject: Subject) throws -> [Measurement] {
    let shapes = shapes(of: stage.tree)
    var samples = Array(repeating: Samples(), count: shapes.count)
    var cpu = samples
    var answers = Array(repeating: Int?.none, count: shapes.count)
    for pass in 0...DBusSection.passes {
      for (index, shape) in shapes.enumerated() {
        if pass == 0 {
          answers[index] = try answerCount(of: shape, on: mapper.connection)
          continue
        }
        let end = ContinuousClock.now + .seconds(DBusSection.secondsPerPass)
        let (before, known) = (cpuSeconds(of: mapper.process.pid), samples[index].count)
        for _ in 0..<DBusSection.callsPerPass where ContinuousClock.now < end {
          samples[index].add(try microseconds(of: shape, on: mapper.connection))
        }
        let used = cpuSeconds(of: mapper.process.pid) - before
        cpu[index].add(used * 1e6 / Double(samples[index].count - known))
      }
    }
    return shapes.indices.map { index in
      Measurement(
        tree: treeName, section: DBusSection.callTitle, line: shapes[index].title, unit: "us", subject: subject.name,
        answers: answers[index], samples: samples[index], cpu: cpu[index])
    }
  }

  /// From sending the call to having the whole reply in memory; neither writing the call nor reading the reply counts.
  private func microseconds(of call: MapperCall, on connection: Connection) throws -> Double {
    let message = try call.message(on: connection)
    let start = ContinuousClock.now
    do {
      let reply = try connection.call(message)
      let elapsed = ContinuousClock.now - start
      withExtendedLifetime(reply) {}
      return elapsed / .microseconds(1)
    } catch is RemoteError {
      return (ContinuousClock.now - start) / .microseconds(1)
    }
  }

  private func answerCount(of call: MapperCall, on connection: Connection) throws -> Int {
    do {
      return try connection.call(call.message(on: connection)).answerCount(of: call)
    } catch is RemoteError {
      return 0
    }
  }
}
