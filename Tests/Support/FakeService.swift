// A scripted D-Bus service: one connection, its names, and the objects that it shows.
//
// It answers Introspect, Ping, and Get of xyz.openbmc_project.Association.Definitions.Associations; all other calls get the error
// UnknownMethod. Each object lists Peer, Introspectable and Properties, as an object of sd-bus or sdbusplus would.

import Foundation

public enum Interfaces {
  public static let properties = "org.freedesktop.DBus.Properties"
  public static let manager = "org.freedesktop.DBus.ObjectManager"
  public static let standard = ["org.freedesktop.DBus.Peer", "org.freedesktop.DBus.Introspectable", properties]
  public static let introspectable = "org.freedesktop.DBus.Introspectable"
  public static let association = "xyz.openbmc_project.Association"
  public static let definitions = "xyz.openbmc_project.Association.Definitions"
}

/// What a service shows and how it misbehaves.
public struct ServiceScript {
  public var names: [String]
  /// Path to interfaces.
  public var objects: [String: [String]] = [:]
  /// Path to [forward, reverse, endpoint] lists.
  public var associations: [String: [[String]]] = [:]
  /// Paths with an ObjectManager: the origin of InterfacesAdded and InterfacesRemoved.
  public var managers: Set<String> = ["/"]
  /// Path to introspection XML, sent as it stands.
  public var raw: [String: String] = [:]
  /// Path to the name of the error that Introspect answers.
  public var failures: [String: String] = [:]
  /// Paths whose Introspect is never answered.
  public var mute: Set<String> = []
  /// Seconds before each Introspect is answered.
  public var delay = 0.0

  public init(_ names: String..., objects: [String: [String]] = [:]) {
    self.names = names
    self.objects = objects
  }

  public init(names: [String]) { self.names = names }

  public mutating func add(_ interfaces: [String], to path: String) {
    for interface in interfaces where objects[path]?.contains(interface) != true {
      objects[path, default: []].append(interface)
    }
    if objects[path] == nil { objects[path] = [] }
  }

  public mutating func associate(_ path: String, _ value: [[String]]) {
    add([Interfaces.definitions], to: path)
    associations[path] = value
  }
}

public final class FakeService {
  public let connection: Connection
  public let names: [String]
  public private(set) var script: ServiceScript
  /// How many calls came, and how many of them were Introspect.
  public private(set) var calls = 0
  public private(set) var introspections = 0
  private let intercept: (Call) -> Bool

  private var children: [String: [String]]?

  /// Connects, and takes the script's names one after the other.
  ///
  /// - intercept: gets each call before the script does; true when it has dealt with it.
  public init(
    _ script: ServiceScript, at address: String, on loop: Loop, intercept: @escaping (Call) -> Bool = { _ in false }
  ) throws {
    self.script = script
    self.intercept = intercept
    names = script.names
    connection = try Connection(to: address, on: loop)
    connection.onCall = { [unowned self] call in
      do { try answer(call) } catch { preconditionFailure("a scripted answer cannot be sent: \(error)") }
    }
    for name in names { try connection.own(name) }
  }

  /// Leaves the bus, names and all.
  public func stop() { connection.close() }

  // MARK: What it shows

  /// Changes the script without a word to anybody.
  public func change(_ change: (inout ServiceScript) -> Void) {
    change(&script)
    children = nil
  }

  /// The introspection document of a path; nil where there is nothing.
  public func document(_ path: String) -> String? {
    if let raw = script.raw[path] { return raw }
    let below = childrenByParent()[path] ?? []
    guard script.objects[path] != nil || !below.isEmpty || path == "/" else { return nil }
    var interfaces = Interfaces.standard
    if script.managers.contains(path) { interfaces.append(Interfaces.manager) }
    interfaces += script.objects[path] ?? []
    return "<node>" + interfaces.map { "<interface name=\(quoted($0))></interface>" }.joined()
      + below.map { "<node name=\(quoted($0))/>" }.joined() + "</node>"
  }

  /// Each path's children, in the order of the paths' bytes.
  private func childrenByParent() -> [String: [String]] {
    if let children { return children }
    var all: [String: [String]] = [:]
    var seen: Set<String> = []
    for path in Set(script.objects.keys).union(script.raw.keys).sorted(by: bytesBefore) {
      var parent = "/"
      for part in path.split(separator: "/") {
        let child = parent == "/" ? "/\(part)" : "\(parent)/\(part)"
        if seen.insert(child).inserted { all[parent, default: []].append(String(part)) }
        parent = child
      }
    }
    children = all
    return all
  }

  private func quoted(_ text: String) -> String {
    let escaped = text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
      .replacingOccurrences(of: ">", with: "&gt;")
    return "\"\(escaped.replacingOccurrences(of: "\"", with: "&quot;"))\""
  }

  // MARK: What it answers

  private func answer(_ call: Call) throws {
    calls += 1
    if intercept(call) { return }
    let message = call.message
    switch message.member {
    case "Introspect": try introspect(call)
    case "Get" where message.body == [.string(Interfaces.definitions), "Associations"]:
      if let value = associationsValue(message.path) {
        try call.reply("v", [value])
      } else {
        try call.fail("org.freedesktop.DBus.Error.UnknownProperty", "none")
      }
    case "Ping": try call.reply()
    default: try call.fail("org.freedesktop.DBus.Error.UnknownMethod", "scripted service")
    }
  }

  private func introspect(_ call: Call) throws {
    introspections += 1
    let path = call.message.path
    if script.mute.contains(path) { return }
    if let name = script.failures[path] { return try call.fail(name, "scripted") }
    guard let document = document(path) else {
      return try call.fail("org.freedesktop.DBus.Error.UnknownObject", "no such object")
    }
    if script.delay > 0 {
      connection.loop.after(script.delay) { try? call.reply("s", [.string(document)]) }
    } else {
      try call.reply("s", [.string(document)])
    }
  }

  private func associationsValue(_ path: String) -> Value? {
    script.associations[path].map { .variant("a(sss)", .array($0.map(Value.init))) }
  }

  // MARK: What it announces; each returns once the bus has routed the signal

  /// Shows more interfaces on a path, and sends InterfacesAdded with them.
  ///
  /// - associations: the object's Associations property, sent along.
  /// - properties: interface to property to variant.
  public func add(
    _ interfaces: [String], to path: String, associations: [[String]]? = nil,
    properties: [String: [String: Value]] = [:]
  ) throws {
    change { script in
      script.add(interfaces, to: path)
      if let associations { script.associate(path, associations) }
    }
    var sent: [(interface: String, values: [String: Value])] = interfaces.map { ($0, [:]) }
    func send(_ values: [String: Value], of interface: String) {
      if let n = sent.firstIndex(where: { $0.interface == interface }) {
        sent[n].values.merge(values) { _, new in new }
      } else {
        sent.append((interface, values))
      }
    }
    if associations != nil { send(["Associations": associationsValue(path)!], of: Interfaces.definitions) }
    for (interface, values) in properties.sorted(by: { bytesBefore($0.key, $1.key) }) { send(values, of: interface) }
    let pairs = sent.map { Value.array([.string($0.interface), .object($0.values)]) }
    try emit(
      manager(of: path), Interfaces.manager, "InterfacesAdded", "oa{sa{sv}}", [.string(path), .array(pairs)])
  }

  /// Takes interfaces away from a path, and sends InterfacesRemoved.
  public func remove(_ interfaces: [String], from path: String) throws {
    change { script in
      let left = (script.objects[path] ?? []).filter { !interfaces.contains($0) }
      script.objects[path] = left.isEmpty ? nil : left
      if interfaces.contains(Interfaces.definitions) { script.associations[path] = nil }
    }
    try emit(manager(of: path), Interfaces.manager, "InterfacesRemoved", "oas", [.string(path), Value(interfaces)])
  }

  /// Changes the Associations property of a path, and sends PropertiesChanged.
  public func associate(_ path: String, _ value: [[String]]) throws {
    change { $0.associations[path] = value }
    let changed: Value = ["Associations": associationsValue(path)!]
    try emit(
      path, Interfaces.properties, "PropertiesChanged", "sa{sv}as", [.string(Interfaces.definitions), changed, []])
  }

  /// Sends any signal.
  public func emit(
    _ path: String, _ interface: String, _ member: String, _ signature: String, _ body: [Value]
  ) throws {
    try connection.signal(path, interface, member, signature, body)
    try connection.flush()
  }

  /// The nearest ObjectManager at or above a path: the one whose signals speak of it.
  private func manager(of path: String) -> String {
    var at = path
    while true {
      if script.managers.contains(at) { return at }
      if at == "/" || at.isEmpty { return script.managers.sorted(by: bytesBefore).first ?? "/" }
      let parent = at[..<(at.lastIndex(of: "/") ?? at.startIndex)]
      at = parent.isEmpty ? "/" : String(parent)
    }
  }
}
