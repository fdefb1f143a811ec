// JSON text to `Value` and back. Written text has ", " and ": " between its parts, object members in the order of their bytes,
// and everything outside ASCII escaped, so that equal values give equal text.

public struct JSONError: Error, CustomStringConvertible {
  public var offset: Int
  public var description: String { "no JSON at byte \(offset)" }
}

extension Value {
  /// Throws `JSONError` unless the text is one JSON value.
  public init(json text: [UInt8]) throws {
    self = try text.withUnsafeBufferPointer { bytes in
      var parser = JSONParser(bytes: bytes)
      return try parser.document()
    }
  }

  public init(json text: String) throws { try self.init(json: Array(text.utf8)) }

  public var json: String {
    var out: [UInt8] = []
    write(to: &out)
    return String(decoding: out, as: UTF8.self)
  }

  private func write(to out: inout [UInt8]) {
    switch self {
    case .null: out += "null".utf8
    case .bool(let b): out += (b ? "true" : "false").utf8
    case .int(let n): out += String(n).utf8
    case .double(let d): out += String(d).utf8
    case .string(let s): Value.write(s, to: &out)
    case .array(let a):
      out.append(UInt8(ascii: "["))
      for (n, value) in a.enumerated() {
        if n > 0 { out += ", ".utf8 }
        value.write(to: &out)
      }
      out.append(UInt8(ascii: "]"))
    case .object(let o):
      out.append(UInt8(ascii: "{"))
      for (n, key) in o.keys.sorted(by: bytesBefore).enumerated() {
        if n > 0 { out += ", ".utf8 }
        Value.write(key, to: &out)
        out += ": ".utf8
        o[key]!.write(to: &out)
      }
      out.append(UInt8(ascii: "}"))
    }
  }

  private static func write(_ string: String, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    for unit in string.utf16 {
      switch unit {
      case 0x22: out += "\\\"".utf8
      case 0x5c: out += "\\\\".utf8
      case 0x0a: out += "\\n".utf8
      case 0x0d: out += "\\r".utf8
      case 0x09: out += "\\t".utf8
      case 0x20..<0x7f: out.append(UInt8(unit))
      default:
        let hex = String(unit, radix: 16)
        out += ("\\u" + String(repeating: "0", count: 4 - hex.count) + hex).utf8
      }
    }
    out.append(UInt8(ascii: "\""))
  }
}

private struct JSONParser {
  var bytes: UnsafeBufferPointer<UInt8>
  var at = 0

  mutating func document() throws -> Value {
    let value = try value()
    skipSpace()
    guard at == bytes.count else { throw JSONError(offset: at) }
    return value
  }

  private mutating func skipSpace() {
    while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x0a || bytes[at] == 0x0d || bytes[at] == 0x09 { at += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard at < bytes.count, bytes[at] == byte else { return false }
    at += 1
    return true
  }

  private mutating func word(_ text: StaticString, _ value: Value) throws -> Value {
    guard at + text.utf8CodeUnitCount <= bytes.count else { throw JSONError(offset: at) }
    for n in 0..<text.utf8CodeUnitCount where bytes[at + n] != text.utf8Start[n] { throw JSONError(offset: at + n) }
    at += text.utf8CodeUnitCount
    return value
  }

  private mutating func value() throws -> Value {
    skipSpace()
    guard at < bytes.count else { throw JSONError(offset: at) }
    switch bytes[at] {
    case UInt8(ascii: "{"): return try object()
    case UInt8(ascii: "["): return try array()
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func object() throws -> Value {
    at += 1
    var members: [String: Value] = [:]
    if take(UInt8(ascii: "}")) { return .object(members) }
    repeat {
      skipSpace()
      let key = try string()
      guard take(UInt8(ascii: ":")) else { throw JSONError(offset: at) }
      members[key] = try value()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw JSONError(offset: at) }
    return .object(members)
  }

  private mutating func array() throws -> Value {
    at += 1
    var elements: [Value] = []
    if take(UInt8(ascii: "]")) { return .array(elements) }
    repeat { elements.append(try value()) } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw JSONError(offset: at) }
    return .array(elements)
  }

  private mutating func number() throws -> Value {
    let start = at
    while at < bytes.count, "+-0123456789.eE".utf8.contains(bytes[at]) { at += 1 }
    let text = String(decoding: bytes[start..<at], as: UTF8.self)
    if let n = Int64(text) { return .int(n) }
    guard let d = Double(text) else { throw JSONError(offset: start) }
    return .double(d)
  }

  private mutating func string() throws -> String {
    guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw JSONError(offset: at) }
    at += 1
    let start = at
    while at < bytes.count, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\") { at += 1 }
    if at < bytes.count, bytes[at] == UInt8(ascii: "\"") {  // the usual case: nothing escaped
      defer { at += 1 }
      return String(decoding: bytes[start..<at], as: UTF8.self)
    }
    var units: [UInt16] = Array(String(decoding: bytes[start..<at], as: UTF8.self).utf16)
    while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
      if bytes[at] == UInt8(ascii: "\\") {
        units.append(try escape())
      } else {
        let from = at
        while at < bytes.count, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\") { at += 1 }
        units += String(decoding: bytes[from..<at], as: UTF8.self).utf16
      }
    }
    guard at < bytes.count else { throw JSONError(offset: at) }
    at += 1
    return String(decoding: units, as: UTF16.self)
  }

  private mutating func escape() throws -> UInt16 {
    guard at + 1 < bytes.count else { throw JSONError(offset: at) }
    let letter = bytes[at + 1]
    at += 2
    switch letter {
    case UInt8(ascii: "n"): return 0x0a
    case UInt8(ascii: "r"): return 0x0d
    case UInt8(ascii: "t"): return 0x09
    case UInt8(ascii: "b"): return 0x08
    case UInt8(ascii: "f"): return 0x0c
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return UInt16(letter)
    case UInt8(ascii: "u"):
      guard at + 4 <= bytes.count, let unit = UInt16(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16)
      else {
        throw JSONError(offset: at)
      }
      at += 4
      return unit
    default: throw JSONError(offset: at)
    }
  }
}
