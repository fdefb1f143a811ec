// A scenario: what happens on the bus, and where answers are compared. Read from `vectors/NAME.scenario.json`.

import Foundation
import TestSupport

struct Scenario {
  var name: String
  var before: [ServiceScript]
  var steps: [Step]
  var ignore: Ignored
  /// Seconds of quiet after which the mapper counts as settled.
  var pause: Double
  /// How many calls of one connection the bus leaves unanswered.
  var maxReplies: Int

  /// What is not compared, because timing decides it.
  struct Ignored: OptionSet {
    var rawValue: Int
    static let signals = Ignored(rawValue: 1)
    static let endpointOrder = Ignored(rawValue: 2)
    static let tree = Ignored(rawValue: 4)
  }

  enum Step {
    case start(ServiceScript)
    case stop(service: String)
    case own(String, service: String)
    case disown(String, service: String)
    case add(path: String, Thing, service: String)
    case put(path: String, Thing, service: String)
    case remove([String], path: String, service: String)
    case associate(path: String, [[String]], service: String)
    case emit(path: String, interface: String, member: String, signature: String, body: [Value], service: String)
    case restartMapper(kill: Bool)
    case settle
    case sleep(Double)
    case check(calls: [MapperCall], sweep: Bool)
  }

  /// An object as a scenario writes it.
  struct Thing {
    var interfaces: [String]
    var associations: [[String]]?
    var properties: [String: [String: Value]] = [:]
  }
}

/// A file of the vectors that is not as it should be.
struct VectorError: Error, CustomStringConvertible {
  var description: String
}

enum Vectors {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("vectors")

  /// The names of all scenarios, or of those that SHMAPPER_VECTORS names, separated by spaces; those with long pauses first, so
  /// that they do not end last.
  static let names: [String] = {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    let ending = ".scenario.json"
    let wanted = ProcessInfo.processInfo.environment["SHMAPPER_VECTORS"]?.split(separator: " ").map(String.init)
    let names = files.filter { $0.hasSuffix(ending) }.map { String($0.dropLast(ending.count)) }
      .filter { wanted?.contains($0) ?? true }.sorted()
    func pause(_ name: String) -> Double { (try? scenario(name).pause) ?? 0 }
    return names.map { ($0, pause($0)) }.sorted { $0.1 != $1.1 ? $0.1 > $1.1 : $0.0 < $1.0 }.map(\.0)
  }()

  static func scenario(_ name: String) throws -> Scenario { try Scenario(try read("\(name).scenario.json")) }

  static func golden(_ name: String) throws -> [CheckRecord] { try CheckRecord.all(try read("\(name).golden.json")) }

  private static func read(_ file: String) throws -> Value {
    try Value(json: Array(try Data(contentsOf: folder.appendingPathComponent(file))))
  }
}

extension Scenario {
  init(_ json: Value) throws {
    name = try json.text("name")
    pause = json["pause"]?.double ?? 0.15
    maxReplies = json["max_replies"]?.int ?? 50000
    ignore = []
    for word in json["ignore"]?.strings ?? [] {
      switch word {
      case "signals": ignore.insert(.signals)
      case "endpoint-order": ignore.insert(.endpointOrder)
      case "tree": ignore.insert(.tree)
      default: throw VectorError(description: "unknown word to ignore: \(word)")
      }
    }
    before = try (json["before"]?.array ?? []).map(ServiceScript.init)
    steps = try (json["steps"]?.array ?? []).map(Step.init)
  }
}

extension Scenario.Step {
  fileprivate init(_ json: Value) throws {
    let what = try json.text("do")
    func service() throws -> String { try json.text("service") }
    switch what {
    case "start": self = .start(try ServiceScript(json))
    case "stop": self = .stop(service: try service())
    case "own": self = .own(try json.text("name"), service: try service())
    case "disown": self = .disown(try json.text("name"), service: try service())
    case "add":
      let thing = try Scenario.Thing(json["object"] ?? json["ifaces"] ?? [])
      self = .add(path: try json.text("path"), thing, service: try service())
    case "put":
      self = .put(path: try json.text("path"), try Scenario.Thing(json["object"] ?? []), service: try service())
    case "remove":
      self = .remove(json["ifaces"]?.strings ?? [], path: try json.text("path"), service: try service())
    case "assoc":
      self = .associate(path: try json.text("path"), try triples(json["value"]), service: try service())
    case "emit":
      self = .emit(
        path: try json.text("path"), interface: try json.text("interface"), member: try json.text("member"),
        signature: json["signature"]?.string ?? "", body: json["body"]?.array ?? [], service: try service())
    case "restart-mapper": self = .restartMapper(kill: json["kill"]?.bool ?? false)
    case "settle": self = .settle
    case "sleep": self = .sleep(json["seconds"]?.double ?? 0)
    case "check":
      self = .check(
        calls: try (json["calls"]?.array ?? []).map(MapperCall.init), sweep: json["sweep"]?.bool ?? false)
    default: throw VectorError(description: "unknown step \(what)")
    }
  }
}

extension Scenario.Thing {
  init(_ json: Value) throws {
    if let interfaces = json.strings {
      self.init(interfaces: interfaces)
      return
    }
    self.init(interfaces: json["ifaces"]?.strings ?? [])
    if json["assoc"] != nil { associations = try triples(json["assoc"]) }
    for (interface, values) in json["props"]?.object ?? [:] {
      properties[interface] = (values.object ?? [:]).mapValues { ["variant": $0] }
    }
  }
}

extension ServiceScript {
  fileprivate init(_ json: Value) throws {
    self.init(names: [try json.text("service")] + (json["also"]?.strings ?? []))
    for (path, object) in json["objects"]?.object ?? [:] { put(try Scenario.Thing(object), at: path) }
    if let paths = json["managers"]?.strings { managers = Set(paths) }
    raw = (json["raw"]?.object ?? [:]).compactMapValues(\.string)
    failures = (json["fail"]?.object ?? [:]).compactMapValues(\.string)
    mute = Set(json["mute"]?.strings ?? [])
    delay = (json["delay_ms"]?.double ?? 0) / 1000
  }

  mutating func put(_ thing: Scenario.Thing, at path: String) {
    add(thing.interfaces, to: path)
    if let associations = thing.associations { associate(path, associations) }
  }
}

extension Value {
  fileprivate func text(_ key: String) throws -> String {
    guard let text = self[key]?.string else { throw VectorError(description: "no \(key) in \(json.prefix(200))") }
    return text
  }
}

private func triples(_ value: Value?) throws -> [[String]] {
  try (value?.array ?? []).map {
    guard let triple = $0.strings, triple.count == 3 else {
      throw VectorError(description: "no association: \($0.json)")
    }
    return triple
  }
}
