// A value as scenarios, recordings and tests write it: JSON, into which every D-Bus value fits.
//
// - Variants are unwrapped when they are read; `.variant(signature, value)` makes one to send.
// - A D-Bus dictionary is read as a list of [key, value] pairs, because the order of the mapper's answers counts. To send one,
//   either form does.
// - Strings compare byte for byte, not by Unicode's equivalences.

import Foundation

public enum Value: Sendable {
  case null
  case bool(Bool)
  case int(Int64)
  case double(Double)
  case string(String)
  case array([Value])
  case object([String: Value])
}

extension Value: Hashable {
  public static func == (a: Value, b: Value) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.bool(let x), .bool(let y)): x == y
    case (.int(let x), .int(let y)): x == y
    case (.double(let x), .double(let y)): x == y
    case (.int(let x), .double(let y)), (.double(let y), .int(let x)): Double(x) == y
    case (.string(let x), .string(let y)): sameBytes(x, y)
    case (.array(let x), .array(let y)): x == y
    case (.object(let x), .object(let y)): x == y
    default: false
    }
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(json) }

  private static func sameBytes(_ x: String, _ y: String) -> Bool {
    var x = x
    var y = y
    return x.withUTF8 { x in
      y.withUTF8 { y in x.count == y.count && (x.isEmpty || memcmp(x.baseAddress!, y.baseAddress!, x.count) == 0) }
    }
  }
}

extension Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByFloatLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int64) { self = .int(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(floatLiteral value: Double) { self = .double(value) }
  public init(arrayLiteral elements: Value...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, Value)...) {
    self = .object(Dictionary(elements) { _, last in last })
  }
}

extension Value {
  /// A list of strings.
  public init(_ strings: [String]) { self = .array(strings.map(Value.string)) }

  /// A D-Bus variant, to be sent.
  public static func variant(_ signature: String, _ value: Value) -> Value {
    .object(["variant": [.string(signature), value]])
  }

  public var string: String? { if case .string(let s) = self { s } else { nil } }
  public var int: Int? { if case .int(let n) = self { Int(n) } else { nil } }
  public var bool: Bool? { if case .bool(let b) = self { b } else { nil } }
  public var double: Double? {
    switch self {
    case .int(let n): Double(n)
    case .double(let d): d
    default: nil
    }
  }
  public var array: [Value]? { if case .array(let a) = self { a } else { nil } }
  public var object: [String: Value]? { if case .object(let o) = self { o } else { nil } }
  /// The strings of a list of strings.
  public var strings: [String]? {
    guard let array else { return nil }
    let all = array.compactMap(\.string)
    return all.count == array.count ? all : nil
  }

  /// Members and elements; nil where there is none.
  public subscript(key: String) -> Value? { object?[key] }
  public subscript(index: Int) -> Value? {
    guard let array, array.indices.contains(index) else { return nil }
    return array[index]
  }
}

/// The order of the bytes, in which D-Bus names are sorted everywhere in this project.
public func bytesBefore(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }
