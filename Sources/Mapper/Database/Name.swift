// The names of the D-Bus world as types: object paths, service names, interface names. Each owns its bytes.
//
// They are byte strings, not String: the mapper compares and sorts by bytes, and String would bring Unicode tables into
// every binary. A name holds what it was given; `isValid` tells whether D-Bus would accept it.

import CSystem

/// A byte string that names one kind of thing. Copyable, compared and ordered by its bytes.
public struct Name<Kind>: Hashable, Comparable, Sendable, ExpressibleByStringLiteral {
  public var bytes: [UInt8]

  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  public init(stringLiteral literal: StaticString) { self.init(literal) }

  public init(_ literal: StaticString) {
    bytes = unsafe [UInt8](UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
  }

  public init(copying span: Span<UInt8>) {
    bytes = []
    bytes.reserveCapacity(span.count)
    for index in span.indices { bytes.append(span[index]) }
  }

  /// Copies a NUL-terminated string, as libsystemd and libxml2 hand them out.
  @unsafe public init(cString: UnsafePointer<CChar>) {
    let count = unsafe strlen(cString)
    bytes = unsafe [UInt8](UnsafeRawBufferPointer(start: cString, count: count))
  }

  public static func < (left: Name, right: Name) -> Bool {
    compareBytes(left.bytes.span, right.bytes.span) < 0
  }

  /// Calls `body` with the bytes as a NUL-terminated string that lives as long as the call.
  public func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    var terminated = bytes
    terminated.append(0)
    return unsafe terminated.withUnsafeBytes { buffer in
      unsafe body(buffer.baseAddress!.assumingMemoryBound(to: CChar.self))
    }
  }
}

public enum AnyKind {}
#if hasFeature(Embedded)
  // Where kilobytes count all names are of one kind, and arrays, dictionaries and sorting are compiled once for all of them.
  // The ordinary build, which the tests use, tells the kinds apart.
  public typealias ObjectPathKind = AnyKind
  public typealias ServiceKind = AnyKind
  public typealias InterfaceKind = AnyKind
#else
  public enum ObjectPathKind {}
  public enum ServiceKind {}
  public enum InterfaceKind {}
#endif

/// An object path, such as `/xyz/openbmc_project/sensors`.
public typealias ObjectPath = Name<ObjectPathKind>
/// A well-known name on the bus, such as `xyz.openbmc_project.Settings`.
public typealias ServiceName = Name<ServiceKind>
/// An interface name, such as `xyz.openbmc_project.Sensor.Value`.
public typealias InterfaceName = Name<InterfaceKind>
/// Bytes whose meaning is not checked: a unique name, the type of an association.
public typealias ByteString = Name<AnyKind>

extension Name where Kind == ObjectPathKind {
  /// Whether D-Bus accepts this as an object path (D-Bus specification, "Valid Object Paths").
  public var isValid: Bool {
    guard bytes.first == slash else { return false }
    if bytes.count == 1 { return true }
    var previous = slash
    for byte in bytes.dropFirst() {
      if byte == slash {
        guard previous != slash else { return false }
      } else {
        guard isNameByte(byte) else { return false }
      }
      previous = byte
    }
    return previous != slash
  }
}

extension StaticString {
  /// A literal as a C string, which lives for ever. A literal passed to C as it stands becomes a String first, here and there.
  @inline(__always)
  public var cString: UnsafePointer<CChar> { unsafe UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self) }
}

/// The separator of object paths.
let slash = UInt8(ascii: "/")

private func isNameByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
    return true
  default: return false
  }
}

/// Orders two byte strings as `memcmp` does, the shorter first when one begins with the other. Below, at or above zero.
@inline(__always)
public func compareBytes(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Int {
  let common = min(left.count, right.count)
  let order = unsafe left.withUnsafeBufferPointer { a in
    unsafe right.withUnsafeBufferPointer { b in
      common == 0 ? 0 : unsafe Int(memcmp(a.baseAddress!, b.baseAddress!, common))
    }
  }
  return order != 0 ? order : left.count - right.count
}

@inline(__always)
func cStringLength(_ string: UnsafePointer<CChar>) -> Int { unsafe strlen(string) }
