// A reply as if it had come from the mapper: a sealed sd_bus_message with the mapper as its sender.

import BusReplies
import CLibSystemd
import Database
import MapperClient

@safe struct ReplyBuilder {
  private let call: OpaquePointer
  private let method: MapperMethod
  private let state: BusState

  /// The call has to be sealed, and to outlive this.
  @unsafe init(to call: OpaquePointer, of method: MapperMethod, from state: BusState) {
    unsafe self.call = call
    self.method = method
    self.state = state
  }

  /// The reply with the state's answer in it. The caller owns it; nil: no memory, or a libsystemd that lays
  /// messages out otherwise (WireAnswer).
  func answer() -> OpaquePointer? {
    defer { state.answer.free(above: 1 << 16) }
    var message: OpaquePointer?
    guard unsafe sd_bus_message_new_method_return(call, &message) >= 0, let message = unsafe message else { return nil }
    if method.isWholeInterface {
      unsafe open("a", "{sv}", in: message)
      unsafe open("e", "sv", in: message)
      unsafe _ = sd_bus_message_append_basic(message, CChar(UInt8(ascii: "s")), StaticString("endpoints").cString)
    }
    if method.isProperty { unsafe open("v", "as", in: message) }
    let result = unsafe state.answer.append(to: message, as: method.shape)
    for _ in 0..<(method.isWholeInterface ? 3 : method.isProperty ? 1 : 0) {
      unsafe _ = sd_bus_message_close_container(message)
    }
    guard result >= 0 else {
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
    guard unsafe state.address(message), unsafe sd_bus_message_seal(message, MapperCall.cookies.next(), 0) >= 0,
      unsafe sd_bus_message_rewind(message, 1) >= 0
    else {
      unsafe sd_bus_message_unref(message)
      return nil
    }
    return unsafe message
  }
}
