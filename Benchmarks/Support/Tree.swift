// A simulated BMC's objects, read from the JSON files in Benchmarks/Trees (format: make_tree.py).

import Foundation

public struct Tree {
  public struct Object: Decodable {
    public var ifaces: [String]
    /// Triples of forward, reverse, endpoint.
    public var assoc: [[String]]?

    public init(ifaces: [String]) { self.ifaces = ifaces }
  }
  private struct File: Decodable { var services: [String: [String: Object]] }

  public static let definitions = "xyz.openbmc_project.Association.Definitions"

  /// Service name -> object path -> object.
  public let services: [String: [String: Object]]

  public init(file: String) throws {
    guard let data = FileManager.default.contents(atPath: file) else { throw Failure("cannot read \(file)") }
    do {
      services = try JSONDecoder().decode(File.self, from: data).services
    } catch {
      throw Failure("\(file) is not a tree: \(error)")
    }
  }

  public var objectCount: Int { services.values.reduce(0) { $0 + $1.count } }

  /// Every path that a mapper knows from these services: the objects and all nodes above them.
  public var paths: Set<String> {
    var all: Set<String> = ["/"]
    for objects in services.values {
      for object in objects.keys {
        var path = object
        while path != "/", all.insert(path).inserted { path = Tree.parent(of: path) }
      }
    }
    return all
  }

  /// The association objects that a mapper makes of them.
  public var associations: Set<String> {
    let known = paths
    var all: Set<String> = []
    for objects in services.values {
      for (path, object) in objects {
        for triple in object.assoc ?? [] where known.contains(triple[2]) {
          if !triple[0].isEmpty { all.insert("\(path)/\(triple[0])") }
          if !triple[1].isEmpty { all.insert("\(triple[2])/\(triple[1])") }
        }
      }
    }
    return all
  }

  /// The first path in byte order that has an interface.
  public func firstPath(with interface: String) -> String? {
    services.values.flatMap { objects in objects.filter { $0.value.ifaces.contains(interface) }.keys }.min()
  }

  public static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
  }
}
