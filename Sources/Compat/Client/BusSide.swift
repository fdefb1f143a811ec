// The same questions over D-Bus: what a client falls back on. Over the caller's connection or over one of its own, which is
// opened when it is first needed. Arguments go into the message as they are, replies are visited out of the message.

import CLibSystemd
import CSystem
import Database

/// How D-Bus failed to give an answer.
enum BusFailure: Error {
  /// ResourceNotFound, which is an answer.
  case resourceNotFound
  /// The mapper or the bus refused: an answer too, which must not be replaced by the pool's. The errno.
  case refused(Int32)
  /// Nobody answered: no mapper on the bus, no bus, or it took too long. The errno.
  case silent(Int32)
}

/// A client's own connection to the bus. Whoever uses it holds it locked.
@safe final class OwnConnection: @unchecked Sendable {
  private let lock = Lock()
  private let address: ByteString?
  private var bus: OpaquePointer?

  /// - address: of the bus; nil: the system bus, which DBUS_SYSTEM_BUS_ADDRESS may name.
  init(address: ByteString?) { self.address = address }

  deinit { close() }

  /// Calls `body` with the open connection, one thread at a time. A connection that was cut since the last time is replaced.
  func use<Result>(_ body: (OpaquePointer) throws(BusFailure) -> Result) throws(BusFailure) -> Result {
    lock.lock()
    defer { lock.unlock() }
    if let bus = unsafe bus {
      if unsafe sd_bus_is_open(bus) > 0 {
        do throws(BusFailure) { return try unsafe body(bus) } catch {
          guard case .silent = error, unsafe sd_bus_is_open(bus) <= 0 else { throw error }
        }
      }
      close()
    }
    return try unsafe body(open())
  }

  private func open() throws(BusFailure) -> OpaquePointer {
    var opened: OpaquePointer?
    var result: Int32
    if let address {
      result = unsafe sd_bus_new(&opened)
      if result >= 0 { result = unsafe address.withCString { unsafe sd_bus_set_address(opened, $0) } }
      if result >= 0 { result = unsafe sd_bus_set_bus_client(opened, 1) }
      if result >= 0 { result = unsafe sd_bus_start(opened) }
    } else {
      result = unsafe sd_bus_open_system(&opened)
    }
    guard result >= 0, let opened = unsafe opened else {
      unsafe sd_bus_unref(opened)
      throw .silent(-result)
    }
    unsafe bus = opened
    return unsafe opened
  }

  private func close() {
    unsafe sd_bus_close_unref(bus)
    unsafe bus = nil
  }
}

/// The id of the bus behind a connection.
func busID(of bus: OpaquePointer) throws(BusFailure) -> [UInt8] {
  var id = sd_id128_t()
  let result = unsafe sd_bus_get_bus_id(bus, &id)
  guard result >= 0 else { throw .silent(-result) }
  return unsafe withUnsafeBytes(of: &id) { unsafe [UInt8]($0) }
}

// MARK: - One call

/// A method call that is being written or a reply that is being read. After the first failure nothing more is done.
@safe struct BusCall: ~Copyable {
  private var message: OpaquePointer?
  private var result: Int32 = 0

  /// Asks over D-Bus and shows the answer to the visitor. Waits at most `timeout` microseconds (0: sd-bus's own, 25 s).
  static func ask<V: ClientVisitor>(
    _ question: borrowing Question, over bus: OpaquePointer, timeout: UInt64, _ visitor: inout V
  ) throws(BusFailure) {
    let call = unsafe BusCall(question, bus)
    guard call.result >= 0 else { throw failure(-call.result) }
    var error = unsafe sd_bus_error()
    defer { unsafe sd_bus_error_free(&error) }
    var reply: OpaquePointer?
    let result = unsafe sd_bus_call(bus, call.message, timeout, &error, &reply)
    guard result >= 0 else { throw unsafe failure(-result, error.name, question.kind) }
    var reading = unsafe BusCall(reply)
    reading.visit(question.kind, &visitor)
    guard reading.result >= 0 else { throw .refused(-reading.result) }
  }

  @unsafe private init(_ reply: OpaquePointer?) { unsafe message = reply }

  deinit { unsafe sd_bus_message_unref(message) }

  // MARK: Writing

  private init(_ question: borrowing Question, _ bus: OpaquePointer) {
    if question.kind == .endpoints {
      let path = ByteString(copying: question.association)
      result = unsafe path.withCString {
        unsafe start(bus, $0, "org.freedesktop.DBus.Properties", "Get")
      }
      append("xyz.openbmc_project.Association")
      append("endpoints")
      return
    }
    result = unsafe start(
      bus, text("/xyz/openbmc_project/object_mapper"), "xyz.openbmc_project.ObjectMapper", question.kind.member)
    switch question.kind {
    case .getObject, .getAncestors:
      append(question.path)
      append(question.interfaces)
    case .getSubTree, .getSubTreePaths:
      append(question.path)
      append(question.depth)
      append(question.interfaces)
    case .getAssociatedSubTree, .getAssociatedSubTreePaths:
      append(question.association, as: "o")
      append(question.path, as: "o")
      append(question.depth)
      append(question.interfaces)
    case .getAssociatedSubTreeByID, .getAssociatedSubTreePathsByID:
      append(question.id)
      append(question.path)
      append(question.interfaces)
      append(question.association)
      append(question.endpointInterfaces)
    case .endpoints: break
    }
  }

  private mutating func start(
    _ bus: OpaquePointer, _ path: UnsafePointer<CChar>, _ interface: StaticString, _ member: StaticString
  ) -> Int32 {
    unsafe sd_bus_message_new_method_call(
      bus, &message, text("xyz.openbmc_project.ObjectMapper"), path, text(interface), text(member))
  }

  private mutating func append(_ string: StaticString) {
    note(unsafe sd_bus_message_append_basic(message, code("s"), text(string)))
  }

  private mutating func append(_ bytes: Span<UInt8>, as type: Unicode.Scalar = "s") {
    guard result >= 0 else { return }
    let string = ByteString(copying: bytes)
    note(unsafe string.withCString { unsafe sd_bus_message_append_basic(message, code(type), $0) })
  }

  private mutating func append(_ number: Int32) {
    guard result >= 0 else { return }
    var number = number
    note(unsafe sd_bus_message_append_basic(message, code("i"), &number))
  }

  private mutating func append(_ names: InterfaceNames) {
    guard result >= 0 else { return }
    note(unsafe sd_bus_message_open_container(message, code("a"), text("s")))
    for index in 0..<names.count { append(names[index]) }
    if result >= 0 { note(unsafe sd_bus_message_close_container(message)) }
  }

  // MARK: Reading

  private mutating func visit<V: ClientVisitor>(_ kind: Question.Kind, _ visitor: inout V) {
    switch kind {
    case .getObject: visitServices(&visitor)
    case .getAncestors, .getSubTree, .getAssociatedSubTree, .getAssociatedSubTreeByID: visitObjects(&visitor)
    case .getSubTreePaths, .getAssociatedSubTreePaths, .getAssociatedSubTreePathsByID: visitPaths(&visitor)
    case .endpoints:
      if enter("v", "as") { visitPaths(&visitor) }
    }
  }

  private mutating func visitObjects<V: ClientVisitor>(_ visitor: inout V) {
    guard enter("a", "{sa{sas}}") else { return }
    while enter("e", "sa{sas}") {
      if let path = unsafe read() { unsafe visitor.beginObject(borrowed(path)) }
      visitServices(&visitor)
      visitor.endObject()
      leave()
    }
    leave()
  }

  private mutating func visitServices<V: ClientVisitor>(_ visitor: inout V) {
    guard enter("a", "{sas}") else { return }
    while enter("e", "sas") {
      if let name = unsafe read() { unsafe visitor.beginService(borrowed(name)) }
      if enter("a", "s") {
        while let interface = unsafe read() { unsafe visitor.interface(borrowed(interface)) }
        leave()
      }
      visitor.endService()
      leave()
    }
    leave()
  }

  private mutating func visitPaths<V: ClientVisitor>(_ visitor: inout V) {
    guard enter("a", "s") else { return }
    while let path = unsafe read() { unsafe visitor.path(borrowed(path)) }
    leave()
  }

  /// False at the end of the container that is being read, and after a failure.
  private mutating func enter(_ type: Unicode.Scalar, _ contents: StaticString) -> Bool {
    guard result >= 0 else { return false }
    result = unsafe sd_bus_message_enter_container(message, code(type), text(contents))
    return result > 0
  }

  private mutating func leave() {
    guard result >= 0 else { return }
    note(unsafe sd_bus_message_exit_container(message))
  }

  private mutating func read() -> UnsafePointer<CChar>? {
    guard result >= 0 else { return nil }
    var string: UnsafePointer<CChar>?
    result = unsafe sd_bus_message_read_basic(message, code("s"), &string)
    return unsafe result > 0 ? string : nil
  }

  private mutating func note(_ result: Int32) { if self.result >= 0 { self.result = result } }
}

@unsafe @_lifetime(immortal)
private func borrowed(_ string: UnsafePointer<CChar>) -> Text {
  let bytes = unsafe UnsafeRawPointer(string).assumingMemoryBound(to: UInt8.self)
  let span = unsafe Span(_unsafeStart: bytes, count: strlen(string))
  return unsafe _overrideLifetime(Text(_unsafeTerminated: span), copying: ())
}

private func code(_ type: Unicode.Scalar) -> CChar { CChar(UInt8(ascii: type)) }

private func text(_ string: StaticString) -> UnsafePointer<CChar> {
  unsafe UnsafeRawPointer(string.utf8Start).assumingMemoryBound(to: CChar.self)
}

// MARK: - Errors

/// What a failed call means.
private func failure(
  _ code: Int32, _ name: UnsafePointer<CChar>? = nil, _ kind: Question.Kind = .getObject
) -> BusFailure {
  guard let name = unsafe name else {
    switch code {
    case ENOTCONN, ECONNRESET, EPIPE, ESHUTDOWN, ETIMEDOUT, ECONNREFUSED, ENOENT: return .silent(code)
    default: return .refused(code)
    }
  }
  if unsafe strcmp(name, text("xyz.openbmc_project.Common.Error.ResourceNotFound")) == 0 { return .resourceNotFound }
  // An activation that failed is the service manager's error.
  if unsafe begins(name, "org.freedesktop.systemd1.") { return .silent(code) }
  guard unsafe begins(name, "org.freedesktop.DBus.Error.") else { return .refused(code) }
  let rest = unsafe name + 27
  let silent: [StaticString] = [
    "ServiceUnknown", "NameHasNoOwner", "NoReply", "Timeout", "TimedOut", "Disconnected", "NoServer", "Spawn.",
  ]
  for word in silent where unsafe begins(rest, word) { return .silent(code) }
  if kind == .endpoints {
    let absent: [StaticString] = ["UnknownObject", "UnknownInterface", "UnknownProperty", "UnknownMethod"]
    for word in absent where unsafe begins(rest, word) { return .resourceNotFound }
  }
  return .refused(code)
}

private func begins(_ string: UnsafePointer<CChar>, _ prefix: StaticString) -> Bool {
  unsafe strncmp(string, text(prefix), prefix.utf8CodeUnitCount) == 0
}

extension Question.Kind {
  fileprivate var member: StaticString {
    switch self {
    case .getObject: "GetObject"
    case .getAncestors: "GetAncestors"
    case .getSubTree: "GetSubTree"
    case .getSubTreePaths: "GetSubTreePaths"
    case .getAssociatedSubTree: "GetAssociatedSubTree"
    case .getAssociatedSubTreePaths: "GetAssociatedSubTreePaths"
    case .getAssociatedSubTreeByID: "GetAssociatedSubTreeById"
    case .getAssociatedSubTreePathsByID: "GetAssociatedSubTreePathsById"
    case .endpoints: "Get"
    }
  }
}
