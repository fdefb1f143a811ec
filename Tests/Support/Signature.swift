// D-Bus signatures, taken apart.

/// A D-Bus operation that did not work; `code` is a positive errno.
public struct BusError: Error, CustomStringConvertible {
  public var what: String
  public var code: Int32
  public var description: String { code == 0 ? what : "\(what): \(errnoText(code))" }

  public init(_ what: String, code: Int32 = 0) {
    self.what = what
    self.code = code
  }
}

/// One complete type of a signature.
indirect enum Type: Equatable {
  case basic(UInt8)  // its letter
  case variant
  case array(Type)
  case structure([Type])
  case entry(Type, Type)

  /// The types of a signature. Throws `BusError` on what is none.
  static func all(_ signature: String) throws -> [Type] {
    var parser = Parser(bytes: Array(signature.utf8))
    var types: [Type] = []
    while parser.at < parser.bytes.count { types.append(try parser.one()) }
    return types
  }

  var signature: String {
    switch self {
    case .basic(let letter): String(UnicodeScalar(letter))
    case .variant: "v"
    case .array(let element): "a" + element.signature
    case .structure(let members): "(" + members.map(\.signature).joined() + ")"
    case .entry(let key, let value): "{" + key.signature + value.signature + "}"
    }
  }

  private struct Parser {
    let bytes: [UInt8]
    var at = 0

    mutating func one() throws -> Type {
      guard at < bytes.count else { throw bad }
      let letter = bytes[at]
      at += 1
      switch letter {
      case UInt8(ascii: "v"): return .variant
      case UInt8(ascii: "a"): return .array(try one())
      case UInt8(ascii: "("): return .structure(try until(UInt8(ascii: ")")))
      case UInt8(ascii: "{"):
        let pair = try until(UInt8(ascii: "}"))
        guard pair.count == 2 else { throw bad }
        return .entry(pair[0], pair[1])
      case let basic where "ybnqiuxtdsogh".utf8.contains(basic): return .basic(basic)
      default: throw bad
      }
    }

    private mutating func until(_ end: UInt8) throws -> [Type] {
      var types: [Type] = []
      while at < bytes.count, bytes[at] != end { types.append(try one()) }
      guard at < bytes.count else { throw bad }
      at += 1
      return types
    }

    private var bad: BusError { BusError("no signature: \(String(decoding: bytes, as: UTF8.self))") }
  }
}
