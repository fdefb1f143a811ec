// Everything a mapper needs to be looked at: a private bus, a fleet on it, and a place for its pool.

import Foundation

import class TestSupport.Child
import class TestSupport.PrivateBus
import class TestSupport.TemporaryFolder

public final class Stage {
  public let tree: Tree
  public let folder: TemporaryFolder
  public let bus: PrivateBus
  public let fleet: Child

  /// Starts a bus with a system bus's limits and a fleet; returns when the fleet owns all its names. `fleet` is the program's path.
  public init(treeFile: String, fleet program: String) throws {
    tree = try Tree(file: treeFile)
    // In memory, as /run is on a BMC: the disk must not be part of a measurement.
    let inMemory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    folder = try TemporaryFolder(under: ProcessInfo.processInfo.environment["TMPDIR"] ?? inMemory)
    Cleanup.shared.remove(folder.path)
    bus = try PrivateBus(in: folder, maxReplies: 128)

    let lines = LineReader()
    fleet = try Child([program, "--tree", treeFile, "--address", bus.address], output: lines.writer, error: 2)
    lines.closeWriter()
    guard let line = lines.next(timeout: 60), line.hasPrefix("ready ") else { throw Failure("the fleet did not start") }
  }

  deinit {
    fleet.stop()
    bus.stop()
  }
}

/// A mapper that runs on a stage. It ends with this object.
public final class MapperProcess {
  public let process: Child
  public let poolPath: String
  /// A caller's connection to the same bus.
  public let connection: Connection
  /// From the start of the process until it knew the whole tree.
  public private(set) var secondsToWhole = 0.0
  public private(set) var cpuSecondsToWhole = 0.0
  /// Association objects when the tree was whole.
  public private(set) var associationCount = 0

  /// Starts a mapper, given as a shell command, and waits until it knows every path and association of the tree.
  public init(command: String, on stage: Stage, within seconds: Double = 120) throws {
    poolPath = stage.folder.file("pool")
    connection = try Connection(address: stage.bus.address)
    var waitingFor = Set(stage.tree.services.keys)
    try connection.match(
      "type='signal',interface='\(mapperName).Private',member='IntrospectionComplete'"
    ) { message in
      if let service = message.readString() { waitingFor.remove(service) }
    }
    let expected = stage.tree.associations

    let log = try stage.folder.create("mapper.log")
    let start = ContinuousClock.now
    process = try Child(
      ["/bin/sh", "-c", "exec \(command)"],
      environment: ["DBUS_SYSTEM_BUS_ADDRESS": stage.bus.address, "SHMAPPER_POOL": poolPath],
      output: log.fileDescriptor, error: log.fileDescriptor)
    let end = start + .seconds(seconds)
    func mustGoOn() throws {
      guard process.isRunning else {
        throw Failure("the mapper ended: \((try? stage.folder.read("mapper.log")) ?? "")")
      }
      guard ContinuousClock.now < end else { throw Failure("the mapper did not find the whole tree in \(seconds) s") }
    }
    while !waitingFor.isEmpty {
      try mustGoOn()
      try connection.process(timeout: 0.1)
    }
    while true {
      let paths = try connection.call(
        MapperCall.getSubTreePaths("/", 0, ["xyz.openbmc_project.Association"]).message(on: connection)
      ).readStrings()
      associationCount = paths.count
      if paths.count >= expected.count, expected.isSubset(of: paths) { break }
      try mustGoOn()
      usleep(2000)
    }
    secondsToWhole = (ContinuousClock.now - start) / .seconds(1)
    cpuSecondsToWhole = cpuSeconds(of: process.pid)

    let known = Set(try connection.call(MapperCall.getSubTreePaths("/", 0, []).message(on: connection)).readStrings())
    let lost = stage.tree.paths.subtracting(known)
    if let example = lost.first { throw Failure("the mapper lacks \(lost.count) paths, \(example) is one") }
  }

  deinit { process.stop() }
}
