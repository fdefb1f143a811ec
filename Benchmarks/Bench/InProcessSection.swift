// The same questions as over D-Bus, asked by the Swift client in its exact mode while the mapper runs: answered in this process out of
// the pool. Built as ordinary Swift, which is a little slower than the Embedded code that is shipped.

import BenchSupport
import Database
import Foundation
import MapperClient

struct InProcessSection {
  static let title = "in-process"
  static let objectLine = "GetObject of a sensor, in-process"
  static let visitLine = "GetSubTreePaths of all sensors, visited in place, in-process"
  static let copyLine = "GetSubTreePaths of all sensors, copied, in-process"

  let treeName: String
  let stage: Stage

  /// Asks a mapper that has been running for a while.
  func run(_ mapper: MapperProcess, into report: inout Report) throws {
    var options = Client.Options()
    options.poolPath = ByteString(Array(mapper.poolPath.utf8))
    options.address = ByteString(Array(stage.bus.address.utf8))
    let client = Client(options: options)

    let sensorValue: InterfaceName = "xyz.openbmc_project.Sensor.Value"
    let sensor = Array((stage.tree.firstPath(with: "xyz.openbmc_project.Sensor.Value") ?? "/").utf8)
    let root = Array("/".utf8)
    var counter = Counter()
    try withNames([sensorValue]) { names throws(LookupError) in
      try add(InProcessSection.objectLine, calls: 2000, into: &report) { () throws(LookupError) in
        try client.ask(.getObject(sensor.span, names), &counter)
      }
      try client.ask(.getSubTreePaths(root.span, names), &counter)
      let answers = counter.paths
      try add(InProcessSection.visitLine, answers: answers, calls: 50, into: &report) { () throws(LookupError) in
        try client.ask(.getSubTreePaths(root.span, names), &counter)
      }
      try add(InProcessSection.copyLine, answers: answers, calls: 50, into: &report) { () throws(LookupError) in
        _ = try client.answer(.getSubTreePaths(root.span, names))
      }
    }
    let counts = client.statistics
    guard counts.inProcess > counts.overBus * 1000 else { throw Failure("the pool did not answer: \(counts)") }
  }

  private func add(
    _ line: String, answers: Int? = nil, calls: Int, into report: inout Report, _ body: () throws(LookupError) -> Void
  ) throws(LookupError) {
    var samples = Samples()
    for _ in 0..<30 {
      let start = processorMicroseconds()
      for _ in 0..<calls { try body() }
      samples.add((processorMicroseconds() - start) / Double(calls))
    }
    report.add(
      Measurement(
        tree: treeName, section: InProcessSection.title, line: line, unit: "us", subject: "shmapper", answers: answers,
        samples: samples))
  }
}

/// What this thread has used so far. Nothing here waits, so on an idle machine it is the time that passes.
private func processorMicroseconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
}

/// Looks at each path in place.
private struct Counter: ClientVisitor {
  var paths = 0
  private var bytes = 0

  init() {}
  mutating func restart() { paths = 0 }
  mutating func beginObject(_ path: borrowing Text) {}
  mutating func endObject() {}
  mutating func beginService(_ name: borrowing Text) { bytes += name.bytes.count }
  mutating func interface(_ name: borrowing Text) { bytes += name.bytes.count }
  mutating func endService() {}
  mutating func path(_ path: borrowing Text) {
    paths += 1
    bytes += path.bytes.count
  }
}
