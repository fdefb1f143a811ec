// One D-Bus message. A message keeps what was read from it alive: names are copied out, so that nothing outlives it.
//
// Reading and appending move a cursor inside sd-bus, which checks every type against the signature: a message of
// another shape than expected throws and never yields a wrong value.

import CLibSystemd
import CSystem
import Database

/// A message, owned: the reference is dropped with the value. Not for use from more than one thread.
@safe
public struct Message: ~Copyable {
  /// For the calls of sd-bus that this layer does not wrap. Valid as long as the message.
  @unsafe public let raw: OpaquePointer

  /// Shares a message that sd-bus lends to a callback.
  @unsafe public init(retaining raw: OpaquePointer) { unsafe self.raw = sd_bus_message_ref(raw) }

  /// Takes over the only reference to a new message.
  @unsafe init(adopting raw: OpaquePointer) { unsafe self.raw = raw }

  deinit { unsafe sd_bus_message_unref(raw) }

  /// The unique name of the sender; none for a message that was made in this process.
  public var sender: ByteString? { unsafe copied(sd_bus_message_get_sender(raw)) }

  /// The object path in the header; none in a reply.
  public var path: ObjectPath? { unsafe copied(sd_bus_message_get_path(raw)) }

  /// The member in the header; none in a reply.
  public var member: ByteString? { unsafe copied(sd_bus_message_get_member(raw)) }

  /// Whether this is an error reply. sd-bus makes one itself when a call times out.
  public var isError: Bool { unsafe sd_bus_message_get_error(raw) != nil }

  /// Whether this is an error reply with that name.
  public func isError(_ name: StaticString) -> Bool { unsafe sd_bus_message_is_method_error(raw, name.cString) > 0 }

  /// Whether the whole body has exactly that signature.
  public func hasSignature(_ signature: StaticString) -> Bool {
    unsafe sd_bus_message_has_signature(raw, signature.cString) > 0
  }

  private func copied<Kind>(_ text: UnsafePointer<CChar>?) -> Name<Kind>? {
    guard let text = unsafe text else { return nil }
    return unsafe Name(cString: text)
  }
}

/// The type codes of the D-Bus specification that this program reads and writes.
enum TypeCode {
  static let string = CChar(UInt8(ascii: "s"))
  static let objectPath = CChar(UInt8(ascii: "o"))
  static let array = CChar(UInt8(ascii: "a"))
  static let variant = CChar(UInt8(ascii: "v"))
  static let structure = CChar(UInt8(ascii: "r"))
  static let dictionaryEntry = CChar(UInt8(ascii: "e"))
}

// MARK: - Reading

extension Message {
  /// Reads one string, copied.
  public func readString<Kind>() throws(BusError) -> Name<Kind> { try read(TypeCode.string) }

  /// Reads one object path, copied.
  public func readPath() throws(BusError) -> ObjectPath { try read(TypeCode.objectPath) }

  private func read<Kind>(_ type: CChar) throws(BusError) -> Name<Kind> {
    var text: UnsafePointer<CChar>?
    guard try checked(unsafe sd_bus_message_read_basic(raw, type, &text)) > 0, let text = unsafe text else {
      throw BusError(code: ENXIO)
    }
    return unsafe Name(cString: text)
  }

  /// Reads one string without a copy: it lives as long as the message. None at the end of an array.
  @unsafe public func borrowString() throws(BusError) -> UnsafePointer<CChar>? {
    try unsafe borrow(TypeCode.string)
  }

  /// Reads one object path without a copy: it lives as long as the message.
  @unsafe public func borrowPath() throws(BusError) -> UnsafePointer<CChar>? {
    try unsafe borrow(TypeCode.objectPath)
  }

  @unsafe private func borrow(_ type: CChar) throws(BusError) -> UnsafePointer<CChar>? {
    var text: UnsafePointer<CChar>?
    guard try checked(unsafe sd_bus_message_read_basic(raw, type, &text)) > 0 else { return nil }
    return unsafe text
  }

  /// Reads a 32-bit number.
  public func readInt32() throws(BusError) -> Int32 {
    var value: Int32 = 0
    guard try checked(unsafe sd_bus_message_read_basic(raw, CChar(UInt8(ascii: "i")), &value)) > 0 else {
      throw BusError(code: ENXIO)
    }
    return value
  }

  /// Reads an array of strings, copied.
  public func readStrings<Kind>() throws(BusError) -> [Name<Kind>] {
    var strings: [Name<Kind>] = []
    try forEachElement(of: "s") { () throws(BusError) in strings.append(try readString()) }
    return strings
  }

  /// Enters the array that comes next and calls `body` once for each element, with the cursor before it. `body` has to
  /// read the whole element.
  public func forEachElement(of contents: StaticString, _ body: () throws(BusError) -> Void) throws(BusError) {
    try enter(TypeCode.array, contents)
    while try checked(unsafe sd_bus_message_at_end(raw, 0)) == 0 { try body() }
    try leave()
  }

  /// Enters the dictionary that comes next and calls `body` once for each entry, with the cursor before its key.
  /// `entry` is what one entry holds, `sv` for instance, and `array` the same in braces.
  public func forEachEntry(
    of entry: StaticString, in array: StaticString, _ body: () throws(BusError) -> Void
  ) throws(BusError) {
    try enter(TypeCode.array, array)
    while try checked(unsafe sd_bus_message_at_end(raw, 0)) == 0 {
      try enter(TypeCode.dictionaryEntry, entry)
      try body()
      try leave()
    }
    try leave()
  }

  /// Enters the structure that comes next, lets `body` read its members, and leaves it.
  public func readStructure(_ contents: StaticString, _ body: () throws(BusError) -> Void) throws(BusError) {
    try enter(TypeCode.structure, contents)
    try body()
    try leave()
  }

  /// Enters the variant that comes next and lets `body` read it. A variant that holds another type throws `ENXIO`.
  public func readVariant(_ contents: StaticString, _ body: () throws(BusError) -> Void) throws(BusError) {
    try enter(TypeCode.variant, contents)
    try body()
    try leave()
  }

  /// Goes past one value of that type.
  public func skip(_ type: StaticString) throws(BusError) {
    try checked(unsafe sd_bus_message_skip(raw, type.cString))
  }

  private func enter(_ type: CChar, _ contents: StaticString) throws(BusError) {
    guard try checked(unsafe sd_bus_message_enter_container(raw, type, contents.cString)) > 0 else {
      throw BusError(code: ENXIO)
    }
  }

  private func leave() throws(BusError) { try checked(unsafe sd_bus_message_exit_container(raw)) }
}

// MARK: - Appending

extension Message {
  /// Appends a string.
  public func append<Kind>(_ string: Name<Kind>) throws(BusError) {
    try checked(unsafe string.withCString { unsafe sd_bus_message_append_basic(raw, TypeCode.string, $0) })
  }

  /// Appends a string that is known when the program is built.
  public func append(_ string: StaticString) throws(BusError) {
    try checked(unsafe sd_bus_message_append_basic(raw, TypeCode.string, string.cString))
  }

  /// Appends an object path. One that D-Bus does not accept throws `EINVAL`.
  public func append(path: ObjectPath) throws(BusError) {
    try checked(unsafe path.withCString { unsafe sd_bus_message_append_basic(raw, TypeCode.objectPath, $0) })
  }

  /// Appends an array; `body` appends its elements.
  public func appendArray(of contents: StaticString, _ body: () throws(BusError) -> Void) throws(BusError) {
    try appendContainer(TypeCode.array, contents, body)
  }

  /// Appends one entry of a dictionary; `body` appends the key and the value.
  public func appendEntry(_ contents: StaticString, _ body: () throws(BusError) -> Void) throws(BusError) {
    try appendContainer(TypeCode.dictionaryEntry, contents, body)
  }

  /// Appends a variant; `body` appends what it holds.
  public func appendVariant(_ contents: StaticString, _ body: () throws(BusError) -> Void) throws(BusError) {
    try appendContainer(TypeCode.variant, contents, body)
  }

  private func appendContainer(
    _ type: CChar, _ contents: StaticString, _ body: () throws(BusError) -> Void
  ) throws(BusError) {
    try checked(unsafe sd_bus_message_open_container(raw, type, contents.cString))
    try body()
    try checked(unsafe sd_bus_message_close_container(raw))
  }
}
