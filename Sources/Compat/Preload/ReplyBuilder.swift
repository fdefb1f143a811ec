// A reply as if it had come from the mapper: a sealed sd_bus_message with the mapper as its sender.

import Bus
import CLibSystemd
import CSystem
import Database
import MapperClient

@safe struct ReplyBuilder: ClientVisitor {
  private let call: OpaquePointer
  private let contents: StaticString
  private let isProperty: Bool
  private let sender: ByteString
  private var message: OpaquePointer?
  private var writer: ReplyWriter?

  /// The call has to be sealed, and to outlive this.
  init(to call: borrowing MapperCall, from state: BusState) {
    unsafe self.call = unsafe call.message
    contents = call.contents
    isProperty = call.isProperty
    sender = state.mapperName
    begin()
  }

  private mutating func begin() {
    var message: OpaquePointer?
    guard unsafe sd_bus_message_new_method_return(call, &message) >= 0, let message = unsafe message else { return }
    unsafe self.message = message
    if isProperty { unsafe _ = sd_bus_message_open_container(message, CChar(UInt8(ascii: "v")), "as") }
    var writer = unsafe ReplyWriter(message)
    writer.openArray(contents)
    self.writer = writer
  }

  /// The answer begins again, in another message.
  mutating func restart() {
    unsafe sd_bus_message_unref(message)
    unsafe message = nil
    writer = nil
    begin()
  }

  /// The reply with what was visited. The caller owns it; nil: no memory.
  mutating func finished() -> OpaquePointer? {
    writer?.close()
    if isProperty, let message = unsafe message { unsafe _ = sd_bus_message_close_container(message) }
    guard let writer, writer.result >= 0 else {
      unsafe sd_bus_message_unref(message)
      return nil
    }
    return unsafe seal(message)
  }

  /// The mapper's error in place of an answer.
  mutating func notFound() -> OpaquePointer? {
    unsafe sd_bus_message_unref(message)
    var error = unsafe sd_bus_error()
    unsafe _ = sd_bus_error_set_const(
      &error, "xyz.openbmc_project.Common.Error.ResourceNotFound", "The resource is not found.")
    var reply: OpaquePointer?
    unsafe _ = sd_bus_message_new_method_error(call, &reply, &error)
    return unsafe seal(reply)
  }

  /// Gives up what was built.
  mutating func discard() {
    unsafe sd_bus_message_unref(message)
    unsafe message = nil
    writer = nil
  }

  private func seal(_ message: OpaquePointer?) -> OpaquePointer? {
    guard let message = unsafe message else { return nil }
    let isSealed = unsafe sender.withCString { unsafe sd_bus_message_set_sender(message, $0) } >= 0
    guard isSealed, unsafe sd_bus_message_seal(message, UInt64(UInt32.max), 0) >= 0,
      unsafe sd_bus_message_rewind(message, 1) >= 0
    else {
      unsafe sd_bus_message_unref(message)
      return nil
    }
    return unsafe message
  }

  mutating func beginObject(_ path: borrowing Text) { writer?.beginObject(path) }
  mutating func endObject() { writer?.endObject() }
  mutating func beginService(_ name: borrowing Text) { writer?.beginService(name) }
  mutating func interface(_ name: borrowing Text) { writer?.interface(name) }
  mutating func endService() { writer?.endService() }
  mutating func path(_ path: borrowing Text) { writer?.path(path) }
}
