// The mapper's reply to GetObject as a message, and the first service in it.

import CLibSystemd
import CSystem
import Database

public enum ObjectReply {
  /// Asks the mapper for an object, any interface. 0 or more and a reply that the caller unrefs, or a negative errno. A mapper
  /// that is busy is asked again, which may take half a minute.
  @unsafe public static func get(
    _ bus: OpaquePointer?, _ path: UnsafePointer<CChar>?, _ reply: UnsafeMutablePointer<OpaquePointer?>
  ) -> Int32 {
    var call: OpaquePointer?
    defer { unsafe sd_bus_message_unref(call) }
    let name = MapperNames.service
    var result = unsafe sd_bus_message_new_method_call(
      bus, &call, name.cString, MapperNames.path.cString, name.cString, MapperNames.getObject.cString)
    if result >= 0 { result = unsafe sd_bus_message_append_basic(call, CChar(UInt8(ascii: "s")), path) }
    if result >= 0 {
      result = unsafe sd_bus_message_open_container(call, CChar(UInt8(ascii: "a")), Signature.string.cString)
    }
    if result >= 0 { result = unsafe sd_bus_message_close_container(call) }
    guard result >= 0 else { return result }
    var tries = 0
    while true {
      result = unsafe sd_bus_call(bus, call, 0, nil, reply)
      guard Busy.isBusy(-result), tries < Busy.repetitions else { return result }
      sleep(Busy.delay(after: tries))
      tries += 1
    }
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
