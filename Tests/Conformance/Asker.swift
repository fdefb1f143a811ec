// Asking a running mapper, for tests that write their own story instead of playing a recorded one.

import Foundation
import TestSupport

final class Asker {
  let connection: Connection
  let world: World

  /// Starts the mapper in a world, and waits until it answers.
  convenience init(startingIn world: World, _ options: [String] = []) throws {
    try world.startMapper(options)
    try self.init(in: world)
    try awaitName()
    _ = try services(at: "/")
  }

  init(in world: World) throws {
    self.world = world
    connection = try world.connect()
  }

  func awaitName() throws {
    let named = try eventually { try connection.nameHasOwner(Mapper.name) }
    guard named else { throw BusError("the mapper does not take its name; its log:\n\(world.mapperLog)") }
  }

  func call(_ call: MapperCall, within seconds: Double = 20) throws -> Reply {
    try connection.call(
      Mapper.name, call.path, call.interface, call.method, call.signature, call.arguments, ordered: true,
      within: seconds)
  }

  /// GetSubTreePaths without limit of depth; an unknown root has no paths.
  func paths(below root: String, _ interfaces: [String] = []) throws -> [String] {
    let reply = try call(MapperCall("GetSubTreePaths", .string(root), 0, Value(interfaces)))
    switch reply {
    case .values(_, let values): return values[0].strings!
    case .error("xyz.openbmc_project.Common.Error.ResourceNotFound", _): return []
    default: throw BusError("GetSubTreePaths: \(reply)")
    }
  }

  /// The services at a path, each with its interfaces; nil where there is nothing.
  func services(at path: String) throws -> [String: [String]]? {
    let reply = try call(MapperCall("GetObject", .string(path), []))
    switch reply {
    case .values(_, let values):
      return Dictionary(uniqueKeysWithValues: values[0].array!.map { ($0[0]!.string!, $0[1]!.strings!) })
    case .error("xyz.openbmc_project.Common.Error.ResourceNotFound", _): return nil
    default: throw BusError("GetObject: \(reply)")
    }
  }

  /// The endpoints of an association object, in their order; nil where there is none.
  func endpoints(of association: String) throws -> [String]? {
    try call(.endpoints(of: association)).values?[0].strings
  }

  /// Waits until something holds of the mapper's answers.
  func eventually(within seconds: Double = 10, _ holds: () throws -> Bool) throws -> Bool {
    let until = now() + seconds
    while now() < until {
      if try holds() { return true }
      world.loop.run(for: 0.02)
    }
    return try holds()
  }

  /// Records the services named by IntrospectionComplete from now on.
  func watchCompletions(_ note: @escaping (String) -> Void) throws {
    connection.onSignal = { signal in
      if signal.interface == Mapper.privateInterface, signal.member == "IntrospectionComplete" {
        note(signal.body.first?.string ?? "")
      }
    }
    try connection.match("type='signal',sender='\(Mapper.name)'")
  }
}

extension Child {
  /// Resident memory in KiB.
  var residentMemory: Int {
    let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
    return Int(line.split(whereSeparator: \.isWhitespace).dropFirst().first ?? "") ?? 0
  }
}
