// A reply as if it had come from the mapper: a sealed sd_bus_message with the mapper as its sender.

import BusReplies
import CLibSystemd
import Database
import MapperClient

@safe struct ReplyBuilder {
  private let call: OpaquePointer
  private let contents: StaticString
  private let isProperty: Bool
  private let isWholeInterface: Bool
  private let sender: ByteString

  /// The call has to be sealed, and to outlive this.
  init(to call: borrowing MapperCall, from state: BusState) {
    unsafe self.call = unsafe call.message
    contents = call.contents
    isProperty = call.isProperty
    isWholeInterface = call.isWholeInterface
    sender = state.mapperName
  }

  /// The reply with an answer in it. The caller owns it; nil: no memory.
  func reply(with answer: PackedAnswer) -> OpaquePointer? {
    var message: OpaquePointer?
    guard unsafe sd_bus_message_new_method_return(call, &message) >= 0, let message = unsafe message else { return nil }
    if isWholeInterface {
      unsafe open("a", "{sv}", in: message)
      unsafe open("e", "sv", in: message)
      unsafe _ = sd_bus_message_append_basic(message, CChar(UInt8(ascii: "s")), StaticString("endpoints").cString)
    }
    if isProperty { unsafe open("v", "as", in: message) }
    var writer = unsafe ReplyWriter(message)
    writer.openArray(contents)
    answer.replay(to: &writer)
    writer.close()
    if isProperty { writer.close() }
    if isWholeInterface {
      writer.close()
      writer.close()
    }
    guard writer.result >= 0 else {
      unsafe sd_bus_message_unref(message)
      return nil
    }
    return unsafe seal(message)
  }

  private func open(_ type: Unicode.Scalar, _ contents: StaticString, in message: OpaquePointer) {
    unsafe _ = sd_bus_message_open_container(message, CChar(UInt8(ascii: type)), contents.cString)
  }

  /// The mapper's error in place of an answer.
  func notFound() -> OpaquePointer? {
    var error = unsafe sd_bus_error()
    unsafe _ = sd_bus_error_set(
      &error, "xyz.openbmc_project.Common.Error.ResourceNotFound", "The resource is not found.")
    var reply: OpaquePointer?
    unsafe _ = sd_bus_message_new_method_error(call, &reply, &error)
    unsafe sd_bus_error_free(&error)
    return unsafe seal(reply)
  }

  private func seal(_ message: OpaquePointer?) -> OpaquePointer? {
    guard let message = unsafe message else { return nil }
    let isNamed = unsafe sender.withCString { unsafe sd_bus_message_set_sender(message, $0) } >= 0
    guard isNamed, unsafe sd_bus_message_seal(message, MapperCall.cookies.next(), 0) >= 0,
      unsafe sd_bus_message_rewind(message, 1) >= 0
    else {
      unsafe sd_bus_message_unref(message)
      return nil
    }
    return unsafe message
  }
}
