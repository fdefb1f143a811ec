// `Value`s into and out of sd-bus messages, as a signature says.

import CLibSystemd
import Foundation

func errnoText(_ code: Int32) -> String { String(cString: strerror(code)) }

/// Throws when a call of libsystemd gave a negative errno.
@discardableResult
func check(_ result: Int32, _ what: @autoclosure () -> String) throws -> Int32 {
  guard result >= 0 else { throw BusError(what(), code: -result) }
  return result
}

enum Codec {
  /// Appends values, one for each complete type of the signature.
  static func append(_ values: [Value], as signature: String, to message: OpaquePointer) throws {
    let types = try Type.all(signature)
    guard types.count == values.count else { throw BusError("\(values.count) values for signature '\(signature)'") }
    for (type, value) in zip(types, values) { try append(value, as: type, to: message) }
  }

  private static func append(_ value: Value, as type: Type, to message: OpaquePointer) throws {
    switch type {
    case .basic(let letter): try append(value, basic: letter, to: message)
    case .variant:
      guard let pair = value["variant"], let signature = pair[0]?.string, let content = pair[1] else {
        throw BusError("no variant: \(value.json)")
      }
      try within(message, "v", signature) { try append([content], as: signature, to: message) }
    case .array(.entry(let key, let content)):
      let pairs: [(Value, Value)]
      if let members = value.object {
        pairs = members.sorted { bytesBefore($0.key, $1.key) }.map { (.string($0.key), $0.value) }
      } else {
        pairs = try elements(value).map { pair in
          guard let key = pair[0], let content = pair[1] else { throw BusError("no pair: \(pair.json)") }
          return (key, content)
        }
      }
      let entry = key.signature + content.signature
      try within(message, "a", "{" + entry + "}") {
        for pair in pairs {
          try within(message, "e", entry) {
            try append(pair.0, as: key, to: message)
            try append(pair.1, as: content, to: message)
          }
        }
      }
    case .array(let element):
      let all = try elements(value)
      try within(message, "a", element.signature) { for one in all { try append(one, as: element, to: message) } }
    case .structure(let members):
      let all = try elements(value)
      guard all.count == members.count else { throw BusError("\(all.count) members for \(type.signature)") }
      try within(message, "r", members.map(\.signature).joined()) {
        for (one, member) in zip(all, members) { try append(one, as: member, to: message) }
      }
    case .entry: throw BusError("a dictionary entry outside a dictionary")
    }
  }

  private static func elements(_ value: Value) throws -> [Value] {
    guard let array = value.array else { throw BusError("no list: \(value.json)") }
    return array
  }

  private static func within(
    _ message: OpaquePointer, _ kind: Unicode.Scalar, _ contents: String, _ body: () throws -> Void
  ) throws {
    try check(sd_bus_message_open_container(message, CChar(kind.value), contents), "opening \(kind) of \(contents)")
    try body()
    try check(sd_bus_message_close_container(message), "closing \(kind) of \(contents)")
  }

  private static func append(_ value: Value, basic letter: UInt8, to message: OpaquePointer) throws {
    func put(_ pointer: UnsafeRawPointer) throws {
      try check(
        sd_bus_message_append_basic(message, CChar(letter), pointer),
        "appending \(value.json) as \(UnicodeScalar(letter))")
    }
    func number<N: FixedWidthInteger>(_: N.Type) throws {
      guard let n = value.int else { throw BusError("no number: \(value.json)") }
      var truncated = N(truncatingIfNeeded: n)
      try put(&truncated)
    }
    switch UnicodeScalar(letter) {
    case "s", "o", "g":
      guard let text = value.string else { throw BusError("no string: \(value.json)") }
      try text.withCString { try put($0) }
    case "b":
      guard let truth = value.bool else { throw BusError("no truth value: \(value.json)") }
      var flag: Int32 = truth ? 1 : 0
      try put(&flag)
    case "d":
      guard var d = value.double else { throw BusError("no number: \(value.json)") }
      try put(&d)
    case "y": try number(UInt8.self)
    case "n", "q": try number(UInt16.self)
    case "i", "u", "h": try number(UInt32.self)
    default: try number(UInt64.self)
    }
  }

  /// Reads a message's whole body. Dictionaries become pairs: as they came when `ordered`, else sorted by their keys.
  static func body(of message: OpaquePointer, ordered: Bool) throws -> [Value] {
    try check(sd_bus_message_rewind(message, 1), "rewinding a message")
    return try rest(of: message, ordered: ordered)
  }

  private static func rest(of message: OpaquePointer, ordered: Bool) throws -> [Value] {
    var values: [Value] = []
    var kind: CChar = 0
    var contents: UnsafePointer<CChar>?
    while try check(sd_bus_message_peek_type(message, &kind, &contents), "reading a message") > 0 {
      values.append(try one(of: message, kind, contents, ordered: ordered))
    }
    return values
  }

  private static func one(
    of message: OpaquePointer, _ kind: CChar, _ contents: UnsafePointer<CChar>?, ordered: Bool
  ) throws -> Value {
    switch UnicodeScalar(UInt8(kind)) {
    case "a", "r", "e", "v":
      let isDictionary = kind == CChar(UInt8(ascii: "a")) && contents?.pointee == CChar(UInt8(ascii: "{"))
      let isBytes = kind == CChar(UInt8(ascii: "a")) && contents?.pointee == CChar(UInt8(ascii: "y"))
      let isVariant = kind == CChar(UInt8(ascii: "v"))
      try check(sd_bus_message_enter_container(message, kind, contents), "entering a container")
      let values = try rest(of: message, ordered: ordered)
      try check(sd_bus_message_exit_container(message), "leaving a container")
      if isVariant { return values.first ?? .null }
      if isDictionary, !ordered {
        return .array(values.sorted { bytesBefore($0[0]!.string ?? $0[0]!.json, $1[0]!.string ?? $1[0]!.json) })
      }
      if isBytes { return .string(values.map { String(format: "%02x", $0.int!) }.joined()) }
      return .array(values)
    case "s", "o", "g":
      var text: UnsafePointer<CChar>?
      try check(sd_bus_message_read_basic(message, kind, &text), "reading a string")
      return .string(text.map { String(cString: $0) } ?? "")
    case "b":
      var flag: Int32 = 0
      try check(sd_bus_message_read_basic(message, kind, &flag), "reading a truth value")
      return .bool(flag != 0)
    case "d":
      var d = 0.0
      try check(sd_bus_message_read_basic(message, kind, &d), "reading a number")
      return .double(d)
    case "y": return try number(UInt8.self, of: message, kind)
    case "n": return try number(Int16.self, of: message, kind)
    case "q": return try number(UInt16.self, of: message, kind)
    case "i", "h": return try number(Int32.self, of: message, kind)
    case "u": return try number(UInt32.self, of: message, kind)
    case "x": return try number(Int64.self, of: message, kind)
    default: return try number(UInt64.self, of: message, kind)
    }
  }

  private static func number<N: FixedWidthInteger>(_: N.Type, of message: OpaquePointer, _ kind: CChar) throws -> Value
  {
    var n: N = 0
    try check(sd_bus_message_read_basic(message, kind, &n), "reading a number")
    return .int(Int64(truncatingIfNeeded: n))
  }
}
