// The fleet is what the demo and the benchmark rely on: it must show exactly the tree that it was given.

import BenchSupport
import Foundation
import FoundationXML
import Testing

@Suite struct FleetTests {
  private let stage: Stage
  private let connection: Connection

  init() throws {
    stage = try Stage(treeFile: Programs.tree("small"), fleet: builtProgram("fleet"))
    connection = try Connection(address: stage.bus.address)
  }

  private func introspect(_ service: String, _ path: String) throws -> [String: Set<String>] {
    let call = try connection.methodCall(service, path, "org.freedesktop.DBus.Introspectable", "Introspect")
    let document = try XMLNames(try connection.call(call).readString() ?? "")
    return ["interface": document.interfaces, "node": document.nodes]
  }

  @Test func everyServiceOfTheTreeOwnsItsNameWithAConnectionOfItsOwn() throws {
    var owners: Set<String> = []
    for service in stage.tree.services.keys {
      let call = try connection.methodCall(
        "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner")
      call.append(service)
      owners.insert(try connection.call(call).readString() ?? "")
    }
    #expect(owners.count == stage.tree.services.count)
  }

  @Test func aWalkFromTheRootFindsTheObjectsOfTheTreeAndNoOthers() throws {
    for (service, objects) in stage.tree.services {
      var found: [String: Set<String>] = [:]
      var queue = ["/"]
      while let path = queue.popLast() {
        let names = try introspect(service, path)
        #expect(
          names["interface"]!.isSuperset(
            of: ["Peer", "Introspectable", "Properties"].map { "org.freedesktop.DBus.\($0)" }))
        let own = names["interface"]!.filter {
          !$0.hasPrefix("org.freedesktop.DBus.") || $0.hasSuffix(".ObjectManager")
        }
        if !own.isEmpty { found[path] = own }
        queue += names["node"]!.map { path == "/" ? "/\($0)" : "\(path)/\($0)" }
      }
      let wanted = objects.mapValues { object in
        Set(object.ifaces + (object.assoc == nil ? [] : [Tree.definitions]))
      }
      #expect(found == wanted, "\(service)")
    }
  }

  @Test func anObjectTellsItsAssociations() throws {
    for (service, objects) in stage.tree.services {
      for (path, object) in objects where object.assoc != nil {
        let call = try connection.methodCall(service, path, "org.freedesktop.DBus.Properties", "Get")
        call.append(Tree.definitions)
        call.append("Associations")
        let reply = try connection.call(call)
        let triples = reply.enter("v", "a(sss)") {
          reply.readArray("(sss)") {
            reply.enter("r", "sss") { reply.readString().map { [$0, reply.readString()!, reply.readString()!] } }
          }
        }
        #expect(triples == object.assoc, "\(path)")
      }
    }
  }
}

/// The names that a document's own elements have, nested ones left out.
private final class XMLNames: NSObject, XMLParserDelegate {
  private(set) var interfaces: Set<String> = []
  private(set) var nodes: Set<String> = []
  private var depth = 0

  init(_ text: String) throws {
    super.init()
    let parser = XMLParser(data: Data(text.utf8))
    parser.delegate = self
    guard parser.parse() else { throw Failure("not well-formed: \(text)") }
  }

  func parser(
    _ parser: XMLParser, didStartElement element: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    if depth == 1, let name = attributes["name"] {
      if element == "interface" { interfaces.insert(name) }
      if element == "node" { nodes.insert(name) }
    }
    depth += 1
  }

  func parser(_ parser: XMLParser, didEndElement element: String, namespaceURI: String?, qualifiedName: String?) {
    depth -= 1
  }
}

/// A program of this package as `swift test` has built it, beside the test bundle.
func builtProgram(_ name: String) -> String {
  let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundlePath
  let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
  return ((bundle ?? own) as NSString).deletingLastPathComponent + "/\(name)"
}
