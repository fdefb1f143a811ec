// The mapper's methods through the Swift client, in the form in which the recordings have their answers.

import Database
import MapperClient
import TestSupport

final class SwiftCaller: MapperCaller {
  let client: Client

  init(_ world: World, _ change: (inout Client.Options) -> Void = { _ in }) {
    var options = Client.Options()
    options.poolPath = ByteString(world.pool)
    options.address = ByteString(world.address)
    change(&options)
    client = Client(options: options)
  }

  func answer(_ call: MapperCall) throws -> Value? {
    do throws(LookupError) { return try lookUp(call) } catch {
      guard error == .resourceNotFound else { return ["error": .string("\(error)")] }
      return Answer.notFound(call)
    }
  }

  private func lookUp(_ call: MapperCall) throws(LookupError) -> Value? {
    if let association = call.association {
      return Answer.values("v", [paths(try client.endpoints(of: ObjectPath(association)))])
    }
    guard call.isLookup else { return nil }
    let some = call.arguments
    func path(_ index: Int) -> ObjectPath { ObjectPath(some[index].string!) }
    func word(_ index: Int) -> ByteString { ByteString(some[index].string!) }
    func names(_ index: Int) -> [InterfaceName] { some[index].strings!.map { InterfaceName($0) } }
    func depth(_ index: Int) -> Int32 { Int32(some[index].int!) }
    switch call.method {
    case "GetObject":
      return Answer.values("a{sas}", [services(try client.getObject(path(0), interfaces: names(1)))])
    case "GetAncestors":
      return objects(try client.getAncestors(path(0), interfaces: names(1)))
    case "GetSubTree":
      return objects(try client.getSubTree(path(0), depth: depth(1), interfaces: names(2)))
    case "GetSubTreePaths":
      return list(try client.getSubTreePaths(path(0), depth: depth(1), interfaces: names(2)))
    case "GetAssociatedSubTree":
      return objects(try client.getAssociatedSubTree(path(0), path(1), depth: depth(2), interfaces: names(3)))
    case "GetAssociatedSubTreePaths":
      return list(try client.getAssociatedSubTreePaths(path(0), path(1), depth: depth(2), interfaces: names(3)))
    case "GetAssociatedSubTreeById":
      return objects(
        try client.getAssociatedSubTreeByID(
          word(0), path(1), interfaces: names(2), association: word(3), endpointInterfaces: names(4)))
    default:
      return list(
        try client.getAssociatedSubTreePathsByID(
          word(0), path(1), interfaces: names(2), association: word(3), endpointInterfaces: names(4)))
    }
  }

  private func services(_ entries: [ServiceEntry]) -> Value {
    .array(entries.map { [text($0.service), .array($0.interfaces.map(text))] })
  }

  private func objects(_ entries: [ObjectEntry]) -> Value {
    Answer.values("a{sa{sas}}", [.array(entries.map { [text($0.path), services($0.services)] })])
  }

  private func paths(_ paths: [ObjectPath]) -> Value { .array(paths.map(text)) }
  private func list(_ paths: [ObjectPath]) -> Value { Answer.values("as", [self.paths(paths)]) }
  private func text<Kind>(_ name: Name<Kind>) -> Value { .string(String(decoding: name.bytes, as: UTF8.self)) }
}

extension Name {
  init(_ text: String) { self.init(Array(text.utf8)) }
}

extension Answer {
  /// What a client's "not found" is over D-Bus. A missing association object is sd-bus's own error there.
  static func notFound(_ call: MapperCall) -> Value {
    guard let association = call.association else {
      return error("xyz.openbmc_project.Common.Error.ResourceNotFound", "The resource is not found.")
    }
    return error("org.freedesktop.DBus.Error.UnknownObject", "Unknown object '\(association)'.")
  }
}
