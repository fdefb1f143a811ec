// The mapper's reply to GetObject as a message, and the first service in it.

import CLibSystemd
import CSystem
import Database

public enum ObjectReply {
  /// Asks for an object, any interface: the pool, if its answer is not older than the mapper's, else the mapper. 0 or more and
  /// a reply that the caller unrefs, or a negative errno. A mapper that is busy is asked again, which may take half a minute;
  /// of one that is gone, the last state is the answer.
  @unsafe public static func get(
    _ bus: OpaquePointer, _ path: ObjectPath, _ reply: UnsafeMutablePointer<OpaquePointer?>
  ) -> Int32 {
    let known = unsafe KnownBus.of(bus)
    if let result = unsafe known?.answer(path, reply) { return result }
    var call: OpaquePointer?
    defer { unsafe sd_bus_message_unref(call) }
    var result = unsafe makeCall(bus, path, &call)
    guard result >= 0 else { return result }
    for tries in 0... {
      let start = shm_now_us()
      var error = unsafe sd_bus_error()
      result = unsafe sd_bus_call(bus, call, 0, &error, reply)
      let isAnswer = unsafe result >= 0 || sd_bus_error_has_name(&error, MapperNames.notFound.cString) > 0
      unsafe sd_bus_error_free(&error)
      if isAnswer { known?.noteAnswer(since: start) }
      guard Busy.isBusy(-result), tries < Busy.repetitions else { break }
      sleep(Busy.delay(after: tries))
    }
    if result == -EHOSTUNREACH || result == -ETIMEDOUT, let last = unsafe known?.lastAnswer(path, reply) { return last }
    return result
  }

  /// The call GetObject(path, []).
  @unsafe static func makeCall(_ bus: OpaquePointer, _ path: ObjectPath, _ call: inout OpaquePointer?) -> Int32 {
    let name = MapperNames.service
    var result = unsafe sd_bus_message_new_method_call(
      bus, &call, name.cString, MapperNames.path.cString, name.cString, MapperNames.getObject.cString)
    guard result >= 0, let call = unsafe call else { return result }
    result = unsafe path.withCString { unsafe sd_bus_message_append_basic(call, CChar(UInt8(ascii: "s")), $0) }
    if result >= 0 {
      result = unsafe sd_bus_message_open_container(call, CChar(UInt8(ascii: "a")), Signature.string.cString)
    }
    return result < 0 ? result : unsafe sd_bus_message_close_container(call)
  }

  /// The first service of a reply to GetObject, a copy that the caller frees. 0 or a negative errno.
  @unsafe public static func firstService(
    _ reply: OpaquePointer, _ service: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  ) -> Int32 {
    var text: UnsafePointer<CChar>?
    var result = unsafe sd_bus_message_enter_container(reply, CChar(UInt8(ascii: "a")), Signature.services.cString)
    if result > 0 {
      result = unsafe sd_bus_message_enter_container(reply, CChar(UInt8(ascii: "e")), Signature.service.cString)
    }
    if result > 0 { result = unsafe sd_bus_message_read_basic(reply, CChar(UInt8(ascii: "s")), &text) }
    guard result > 0, let text = unsafe text else { return result < 0 ? result : -ENXIO }
    guard let copy = unsafe strdup(text) else { return -ENOMEM }
    unsafe service.pointee = copy
    return 0
  }
}
