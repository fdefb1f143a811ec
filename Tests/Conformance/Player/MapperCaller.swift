// Calls of the mapper, and who makes them: over D-Bus, or through anything else that promises the same answers.

import TestSupport

enum Mapper {
  static let name = "xyz.openbmc_project.ObjectMapper"
  static let path = "/xyz/openbmc_project/object_mapper"
  static let interface = name
  static let privateInterface = "xyz.openbmc_project.ObjectMapper.Private"

  static let signatures = [
    "GetObject": "sas", "GetAncestors": "sas", "GetSubTree": "sias", "GetSubTreePaths": "sias",
    "GetAssociatedSubTree": "ooias", "GetAssociatedSubTreePaths": "ooias",
    "GetAssociatedSubTreeById": "ssassas", "GetAssociatedSubTreePathsById": "ssassas",
  ]
}

/// One call, as a scenario writes it: [method, arguments] or [method, arguments, {path, interface, signature}].
struct MapperCall: Hashable {
  var method: String
  var arguments: [Value]
  /// What differs from a call of the mapper's own methods.
  var extra: Value = [:]

  init(_ method: String, _ arguments: Value..., extra: Value = [:]) {
    self.method = method
    self.arguments = arguments
    self.extra = extra
  }

  init(_ json: Value) throws {
    guard let method = json[0]?.string, let arguments = json[1]?.array else {
      throw VectorError(description: "no call: \(json.json)")
    }
    self.method = method
    self.arguments = arguments
    extra = json[2] ?? [:]
  }

  /// The property of an association object.
  static func endpoints(of association: String) -> MapperCall {
    MapperCall(
      "Get", .string(Interfaces.association), "endpoints",
      extra: ["path": .string(association), "interface": .string(Interfaces.properties), "signature": "ss"])
  }

  var path: String { extra["path"]?.string ?? Mapper.path }
  var interface: String { extra["interface"]?.string ?? Mapper.interface }
  var signature: String { extra["signature"]?.string ?? Mapper.signatures[method] ?? "" }

  /// One of the eight methods with arguments of the right types: a call that clients may answer by themselves.
  var isLookup: Bool { extra == [:] && Mapper.signatures[method] != nil }

  /// The association object whose endpoints the call reads.
  var association: String? {
    guard method == "Get", interface == Interfaces.properties, signature == "ss",
      arguments == [.string(Interfaces.association), "endpoints"]
    else { return nil }
    return path
  }

  var description: String { method + Value.array(arguments).json + (extra == [:] ? "" : extra.json) }
}

/// What came back, in the form in which it is recorded.
enum Answer {
  static func values(_ signature: String, _ values: [Value]) -> Value {
    let recorded = signature.hasPrefix("a{") && values.count == 1 ? [folded(values[0])] : values
    return ["signature": .string(signature), "reply": .array(recorded)]
  }

  /// The ...ById methods may give a path twice. The recordings have it once, where it came first, with what came last:
  /// that is how they were read from the wire.
  private static func folded(_ dictionary: Value) -> Value {
    var pairs: [Value] = []
    var places: [Value: Int] = [:]
    for pair in dictionary.array ?? [] {
      guard let key = pair[0] else { continue }
      if let place = places[key] {
        pairs[place] = pair
      } else {
        places[key] = pairs.count
        pairs.append(pair)
      }
    }
    return .array(pairs)
  }

  static func error(_ name: String, _ message: String) -> Value {
    ["error": .string(name), "message": .string(message)]
  }
  static func interfaces(_ signature: String, _ interfaces: Value) -> Value {
    ["signature": .string(signature), "interfaces": interfaces]
  }
}

/// Whoever answers a scenario's calls of the mapper. It is used on one thread, and lives as long as its scenario, restarts of
/// the mapper included.
protocol MapperCaller {
  /// The answer in its recorded form (see `Answer`), a dictionary as a list of pairs; nil for a call that this caller does not
  /// serve, which then goes over D-Bus.
  func answer(_ call: MapperCall) throws -> Value?
}

/// Makes every call over D-Bus.
struct BusCaller: MapperCaller {
  let connection: Connection

  func answer(_ call: MapperCall) throws -> Value? {
    let seconds = 20.0
    let reply = try connection.call(
      Mapper.name, call.path, call.interface, call.method, call.signature, call.arguments,
      ordered: call.interface == Mapper.interface, within: seconds)
    switch reply {
    case .silence: return ["error": "no answer in 20 s"]
    case .error(let name, let message): return Answer.error(name, message)
    case .values(let signature, let values):
      if call.method == "Introspect", let document = values.first?.string {
        return Answer.interfaces(signature, try Introspection.members(document))
      }
      return Answer.values(signature, values)
    }
  }
}
