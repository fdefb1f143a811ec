// The mapper's calls as values: what a client may ask, how it goes into a message, and how an answer is read.

import Foundation

public let mapperName = "xyz.openbmc_project.ObjectMapper"
public let mapperPath = "/xyz/openbmc_project/object_mapper"

public enum MapperCall: Sendable {
  case getObject(String, [String])
  case getAncestors(String, [String])
  case getSubTree(String, Int32, [String])
  case getSubTreePaths(String, Int32, [String])
  case getAssociatedSubTree(String, String, Int32, [String])
  case getAssociatedSubTreePathsByID(String, String, [String], String, [String])
  case endpoints(String)
  /// An empty method, answered by sd-bus itself: what the bus alone costs.
  case ping

  /// The message, ready to be sent.
  public func message(on connection: Connection) throws -> Message {
    switch self {
    case .ping:
      return try connection.methodCall(mapperName, mapperPath, "org.freedesktop.DBus.Peer", "Ping")
    case .endpoints(let path):
      let message = try connection.methodCall(mapperName, path, "org.freedesktop.DBus.Properties", "Get")
      message.append("xyz.openbmc_project.Association")
      message.append("endpoints")
      return message
    default:
      let message = try connection.methodCall(mapperName, mapperPath, mapperName, member)
      appendArguments(to: message)
      return message
    }
  }

  private var member: String {
    switch self {
    case .getObject: "GetObject"
    case .getAncestors: "GetAncestors"
    case .getSubTree: "GetSubTree"
    case .getSubTreePaths: "GetSubTreePaths"
    case .getAssociatedSubTree: "GetAssociatedSubTree"
    case .getAssociatedSubTreePathsByID: "GetAssociatedSubTreePathsById"
    case .endpoints: "endpoints"
    case .ping: "Ping"
    }
  }

  private func appendArguments(to message: Message) {
    switch self {
    case .getObject(let path, let interfaces), .getAncestors(let path, let interfaces):
      message.append(path)
      message.append(interfaces)
    case .getSubTree(let path, let depth, let interfaces), .getSubTreePaths(let path, let depth, let interfaces):
      message.append(path)
      message.append(depth)
      message.append(interfaces)
    case .getAssociatedSubTree(let association, let path, let depth, let interfaces):
      message.append(path: association)
      message.append(path: path)
      message.append(depth)
      message.append(interfaces)
    case .getAssociatedSubTreePathsByID(let id, let path, let interfaces, let association, let endpointInterfaces):
      message.append(id)
      message.append(path)
      message.append(interfaces)
      message.append(association)
      message.append(endpointInterfaces)
    case .endpoints, .ping: break
    }
  }

  /// The call as a person writes it, long paths and names cut down to what tells them apart.
  public var title: String {
    switch self {
    case .getObject(let path, let interfaces), .getAncestors(let path, let interfaces):
      "\(member)(\(short(path)), \(short(interfaces)))"
    case .getSubTree(let path, let depth, let interfaces), .getSubTreePaths(let path, let depth, let interfaces):
      "\(member)(\(short(path)), \(depth), \(short(interfaces)))"
    case .getAssociatedSubTree(let association, let path, let depth, let interfaces):
      "\(member)(\(short(association)), \(short(path)), \(depth), \(short(interfaces)))"
    case .getAssociatedSubTreePathsByID(let id, let path, let interfaces, let association, let endpointInterfaces):
      "\(member)(\(id), \(short(path)), \(short(interfaces)), \(association), \(short(endpointInterfaces)))"
    case .endpoints(let path): "endpoints of \(short(path))"
    case .ping: "empty method (Peer.Ping)"
    }
  }

  private func short(_ interfaces: [String]) -> String {
    let all = interfaces.map { $0.split(separator: ".").suffix(2).joined(separator: ".") }
    return all.count > 3 ? "[\(all.count) interfaces]" : "[\(all.joined(separator: ", "))]"
  }

  private func short(_ path: String) -> String {
    path.hasPrefix("/xyz/openbmc_project/") ? "…/" + path.dropFirst("/xyz/openbmc_project/".count) : path
  }
}

/// Services of one object with their interfaces, in the order of the answer.
public typealias Services = [(service: String, interfaces: [String])]

extension Message {
  /// The answer of GetObject.
  public func readServices() -> Services {
    readArray("{sas}") {
      enter("e", "sas") { readString().map { (service: $0, interfaces: readStrings()) } }
    }
  }

  /// The answer of GetSubTree, GetAncestors and GetAssociatedSubTree.
  public func readSubTree() -> [(path: String, services: Services)] {
    readArray("{sa{sas}}") {
      enter("e", "sa{sas}") { readString().map { (path: $0, services: readServices()) } }
    }
  }

  /// The answer of Properties.Get for `endpoints`.
  public func readEndpoints() -> [String] {
    enter("v", "as") { readStrings() } ?? []
  }

  /// How many items the answer of a call has.
  public func answerCount(of call: MapperCall) -> Int {
    switch call {
    case .getObject: readServices().count
    case .getAncestors, .getSubTree, .getAssociatedSubTree: readSubTree().count
    case .getSubTreePaths, .getAssociatedSubTreePathsByID: readStrings().count
    case .endpoints: readEndpoints().count
    case .ping: 0
    }
  }
}
