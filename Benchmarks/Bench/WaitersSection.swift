// What a boot costs that waits: 101 processes, each waiting for one object, and then all services of a BMC come at once.

import BenchSupport
import Foundation

import class TestSupport.Child
import class TestSupport.PrivateBus
import class TestSupport.TemporaryFolder

/// A program that waits as `mapper wait PATH` does, and the mapper that it waits on.
struct WaitingTool {
  var name: String
  /// A shell command, to which `wait PATH` is added.
  var command: String
  var mapper: String
}

struct WaitersSection {
  static let title = "waiting for a boot"
  static let waitersLine = "CPU time of 101 waiting processes"
  static let mapperLine = "CPU time of the mapper meanwhile"
  static let busLine = "CPU time of the bus meanwhile"
  static let lastLine = "from the first service until the last process ended"
  private static let count = 101

  let treeName: String
  let tree: Tree
  let treeFile: String

  /// One boot: a mapper on an empty bus, the processes, and then the services.
  func run(_ tool: WaitingTool, into report: inout Report) throws {
    let folder = try TemporaryFolder(under: access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp")
    Cleanup.shared.remove(folder.path)
    let bus = try PrivateBus(in: folder, maxReplies: 128)
    let environment = ["DBUS_SYSTEM_BUS_ADDRESS": bus.address, "SHMAPPER_POOL": folder.file("pool")]
    let log = try folder.create("log")
    func start(_ command: String) throws -> Child {
      try Child(
        ["/bin/sh", "-c", "exec \(command)"], environment: environment, output: log.fileDescriptor,
        error: log.fileDescriptor)
    }
    let mapper = try start(tool.mapper)
    try awaitMapper(mapper, bus)

    let childrenBefore = childrenSeconds()
    var waiting = try paths().map { try start("\(tool.command) wait \($0)") }
    usleep(1_500_000)  // all of them sleep
    guard waiting.allSatisfy(\.isRunning) else { throw Failure("a wait ended too early: \(try folder.read("log"))") }
    let (mapperBefore, busBefore) = (cpuSeconds(of: mapper.pid), cpuSeconds(of: bus.pid))

    let lines = LineReader()
    let begin = ContinuousClock.now
    let fleet = try Child(
      [Programs.fleet, "--tree", treeFile, "--address", bus.address], output: lines.writer, error: 2)
    lines.closeWriter()
    while !waiting.isEmpty {
      guard ContinuousClock.now - begin < .seconds(120) else {
        throw Failure("\(waiting.count) processes wait for ever")
      }
      usleep(2000)
      for child in waiting {
        if let end = child.wait(within: 0), end != .exit(0) { throw Failure("a wait ended with \(end)") }
      }
      waiting.removeAll { !$0.isRunning }
    }
    let seconds = (ContinuousClock.now - begin) / .seconds(1)
    func add(_ line: String, _ seconds: Double) {
      report.add(
        Measurement(
          tree: treeName, section: WaitersSection.title, line: line, unit: "ms", subject: tool.name,
          samples: Samples([seconds * 1e3])))
    }
    add(WaitersSection.waitersLine, childrenSeconds() - childrenBefore)
    add(WaitersSection.mapperLine, cpuSeconds(of: mapper.pid) - mapperBefore)
    add(WaitersSection.busLine, cpuSeconds(of: bus.pid) - busBefore)
    add(WaitersSection.lastLine, seconds)
    fleet.stop()
    mapper.stop()
    bus.stop()
  }

  /// Paths from all over the tree.
  private func paths() -> [String] {
    let all = tree.paths.filter { $0.split(separator: "/").count > 2 }.sorted()
    return (0..<WaitersSection.count).map { all[$0 * all.count / WaitersSection.count] }
  }

  private func awaitMapper(_ mapper: Child, _ bus: PrivateBus) throws {
    let connection = try Connection(address: bus.address)
    for _ in 0..<500 {
      guard mapper.isRunning else { throw Failure("the mapper ended") }
      let probe = MapperCall.getSubTreePaths("/", 0, [])
      if (try? connection.call(probe.message(on: connection))) != nil { return }
      usleep(10_000)
    }
    throw Failure("the mapper does not answer")
  }

  /// CPU seconds of all children that have ended and been collected.
  private func childrenSeconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_CHILDREN.rawValue), &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }
}
