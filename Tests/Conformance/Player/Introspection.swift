// What an introspection document declares, free of order and layout.

import Foundation
import FoundationXML
import TestSupport

enum Introspection {
  /// Interface name to its sorted members, each [kind, name, type, access, [[type, direction], ...]].
  static func members(_ document: String) throws -> Value {
    let reader = Reader()
    let parser = XMLParser(data: Data(document.utf8))
    parser.delegate = reader
    guard parser.parse() else { throw VectorError(description: "no XML: \(document)") }
    return .object(reader.interfaces.mapValues { .array($0.sorted { bytesBefore($0.json, $1.json) }) })
  }

  private final class Reader: NSObject, XMLParserDelegate {
    var interfaces: [String: [Value]] = [:]
    private var open: [String] = []
    private var interface = ""
    private var member: [Value] = []
    private var arguments: [Value] = []

    func parser(
      _ parser: XMLParser, didStartElement element: String, namespaceURI: String?, qualifiedName: String?,
      attributes: [String: String]
    ) {
      func attribute(_ name: String) -> Value { .string(attributes[name] ?? "") }
      open.append(element)
      switch (open.count, element) {
      case (2, "interface"):
        interface = attributes["name"] ?? ""
        interfaces[interface] = []
      case (3, "method"), (3, "signal"), (3, "property"):
        member = [.string(element), attribute("name"), attribute("type"), attribute("access")]
        arguments = []
      case (4, "arg"): arguments.append([attribute("type"), attribute("direction")])
      default: break
      }
    }

    func parser(
      _ parser: XMLParser, didEndElement element: String, namespaceURI: String?, qualifiedName: String?
    ) {
      if open.count == 3, open[1] == "interface", ["method", "signal", "property"].contains(element) {
        interfaces[interface]?.append(.array(member + [.array(arguments)]))
      }
      open.removeLast()
    }
  }
}
