// Everything that one test of the daemon needs: a folder, a private bus, the loop, and the mapper as a process.
//
// All of it ends with the `World`, in the right order.

import Foundation

public final class World {
  public let folder: TemporaryFolder
  public let bus: PrivateBus
  public let loop = Loop()
  /// The last mapper that was started.
  public private(set) var mapper: Child?

  public var address: String { bus.address }
  public var pool: String { folder.file("pool") }
  private let log: FileHandle
  private var services: [FakeService] = []

  public init(_ kind: PrivateBus.Kind = .daemon, maxReplies: Int = 50000) throws {
    folder = try TemporaryFolder()
    bus = try PrivateBus(kind, in: folder, maxReplies: maxReplies)
    log = try folder.create("mapper.log")
  }

  deinit {
    mapper?.stop(within: 2)
    bus.stop()
  }

  /// What a mapper is told: the bus, the pool file, and the folder for everything else.
  public var environment: [String: String] {
    [
      "DBUS_SYSTEM_BUS_ADDRESS": address, "DBUS_STARTER_BUS_TYPE": "", "DBUS_STARTER_ADDRESS": "",
      "SHMAPPER_POOL": pool, "TMPDIR": folder.path,
    ]
  }

  /// Starts the mapper; its output goes to `log`. Does not wait for its name.
  @discardableResult
  public func startMapper(_ options: [String] = [], environment more: [String: String] = [:]) throws -> Child {
    let child = try Child(
      try Products.daemon() + options, environment: environment.merging(more) { _, new in new },
      output: log.fileDescriptor, error: log.fileDescriptor)
    mapper = child
    return child
  }

  /// Ends the mapper, with SIGKILL if it takes longer than 5 s. Services go on answering meanwhile.
  @discardableResult
  public func stopMapper(signal: Int32 = SIGTERM) -> Child.End? {
    guard let mapper else { return nil }
    mapper.send(signal)
    _ = loop.run(within: 5) { !mapper.isRunning }
    return mapper.stop(signal: SIGKILL, within: 1)
  }

  /// Everything that mappers of this world have written to standard output and standard error.
  public var mapperLog: String { (try? folder.read("mapper.log")) ?? "" }

  public func connect() throws -> Connection { try Connection(to: address, on: loop) }

  /// Starts a service, which stays until it is stopped or the world ends.
  ///
  /// - intercept: must not keep the world alive, which keeps the service alive.
  public func start(
    _ script: ServiceScript, intercept: @escaping (Call) -> Bool = { _ in false }
  ) throws -> FakeService {
    let service = try FakeService(script, at: address, on: loop, intercept: intercept)
    services.append(service)
    return service
  }
}
