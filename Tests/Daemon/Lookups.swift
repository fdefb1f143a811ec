// What the tests of the daemon ask it, and waiting until it says so.

import TestSupport

enum Mapper {
  static let name = "xyz.openbmc_project.ObjectMapper"
  static let path = "/xyz/openbmc_project/object_mapper"
  static let privateInterface = "xyz.openbmc_project.ObjectMapper.Private"
  static let notFound = "xyz.openbmc_project.Common.Error.ResourceNotFound"
}

/// A caller of the mapper that also hears its signals.
final class Witness {
  private let connection: Connection
  private(set) var signals: [Message] = []
  /// Runs at each signal of the mapper, as it arrives.
  var onSignal: (Message) -> Void = { _ in }

  init(in world: World) throws {
    connection = try world.connect()
    connection.onSignal = { [unowned self] signal in
      guard signal.sender != "org.freedesktop.DBus" else { return }
      signals.append(signal)
      onSignal(signal)
    }
    try connection.match("type='signal',sender='\(Mapper.name)'")
  }

  /// Waits until the mapper has its name.
  func awaitMapper() throws {
    let until = now() + 10
    while try !connection.nameHasOwner(Mapper.name) {
      guard now() < until else { throw BusError("the mapper does not take its name") }
      connection.loop.run(for: 0.01)
    }
  }

  func call(_ method: String, _ signature: String, _ arguments: [Value]) throws -> Reply {
    try connection.call(Mapper.name, Mapper.path, Mapper.name, method, signature, arguments)
  }

  /// The services that GetObject names for a path; none: ResourceNotFound.
  func services(of path: String) throws -> [String] {
    let reply = try call("GetObject", "sas", [.string(path), []])
    if reply.errorName == Mapper.notFound { return [] }
    guard let pairs = reply.values?.first?.array else { throw BusError("GetObject: \(reply)") }
    return pairs.compactMap { $0[0]?.string }
  }

  /// Whether an object is known.
  func knows(_ path: String) throws -> Bool { try !services(of: path).isEmpty }

  /// The known paths below one, its own not included.
  func paths(below root: String) throws -> [String] {
    let reply = try call("GetSubTreePaths", "sias", [.string(root), 0, []])
    return reply.values?.first?.array?.compactMap(\.string) ?? []
  }

  /// The services whose scan the mapper has said to be complete.
  var scanned: [String] {
    signals.filter { $0.member == "IntrospectionComplete" }.compactMap { $0.body.first?.string }
  }

  /// Waits until the scan of a service is complete.
  func awaitScan(of service: String, within seconds: Double = 10) throws {
    guard connection.loop.run(within: seconds, until: { scanned.contains(service) }) else {
      throw BusError("no IntrospectionComplete of \(service)")
    }
  }

  /// Waits until something is so, asking again and again.
  func await(within seconds: Double = 10, _ done: () throws -> Bool) throws {
    let until = now() + seconds
    while try !done() {
      guard now() < until else { throw BusError("it does not come to be within \(seconds) s") }
      connection.loop.run(for: 0.01)
    }
  }
}

/// Keeps calls back until the test lets them go.
final class Gate {
  private var held: [Call] = []
  private let holds: (Call) -> Bool
  private var isOpen = false

  init(_ holds: @escaping (Call) -> Bool) { self.holds = holds }

  /// Holds the Introspect of these paths.
  convenience init(introspectionOf paths: String...) {
    self.init { $0.message.member == "Introspect" && paths.contains($0.message.path) }
  }

  var isHolding: Bool { !held.isEmpty }

  func intercept(_ call: Call) -> Bool {
    guard !isOpen, holds(call) else { return false }
    held.append(call)
    return true
  }

  /// Answers what was held, with these documents by path, and lets everything through from now on.
  func open(_ documents: (String) -> String?) throws {
    isOpen = true
    for call in held {
      if let document = documents(call.message.path) {
        try call.reply("s", [.string(document)])
      } else {
        try call.fail("org.freedesktop.DBus.Error.UnknownObject", "gone")
      }
    }
    held = []
  }
}
