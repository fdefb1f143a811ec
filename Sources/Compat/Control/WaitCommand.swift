// wait: ends when the mapper knows every path.

import CLibSystemd
import CSystem
import Database
import MapperClient
import Waiting

extension Session {
  func wait() throws(CommandError) -> Status {
    var bus: OpaquePointer?
    var result = unsafe openBus(&bus)
    defer { unsafe sd_bus_flush_close_unref(bus) }
    var event: OpaquePointer?
    defer { unsafe sd_event_unref(event) }
    if result >= 0 { result = unsafe sd_event_new(&event) }
    if result >= 0 { result = unsafe sd_bus_attach_event(bus, event, 0) }
    if result >= 0 { result = unsafe sd_bus_set_exit_on_disconnect(bus, 1) }
    if result >= 0, let timeout = options.timeout {
      result = unsafe sd_event_add_time(
        event, nil, CLOCK_MONOTONIC, shm_now_us() &+ timeout, 1000,
        { source, _, _ in unsafe sd_event_exit(sd_event_source_get_event(source), timeIsOver) }, nil)
    }
    guard result >= 0, let bus = unsafe bus, let event = unsafe event else { throw .lookup(.noAnswer(-result)) }
    defer { unsafe sd_bus_detach_event(bus) }
    let paths = options.arguments.map { ObjectPath($0.bytes) }
    var outcome: Int32 = -ECONNRESET
    let wait: Wait
    do throws(WaitError) {
      wait = try unsafe Wait(for: .known(paths), on: bus, event, options.client) {
        outcome = $0
        unsafe sd_event_exit(event, 0)
      }
    } catch {
      throw .lookup(.noAnswer(error.code))
    }
    result = unsafe sd_event_loop(event)
    wait.stop()
    if result == timeIsOver { throw .status(.timeIsOver, ByteString("the time is over")) }
    guard outcome >= 0 else { throw .lookup(.noAnswer(-outcome)) }
    return .done
  }

  /// Connects to the bus of the options. 0 or a negative errno.
  @unsafe func openBus(_ bus: inout OpaquePointer?) -> Int32 {
    guard let address = options.client.address else { return unsafe sd_bus_open_system(&bus) }
    var result = unsafe sd_bus_new(&bus)
    if result >= 0 { result = unsafe address.withCString { unsafe sd_bus_set_address(bus, $0) } }
    if result >= 0 { result = unsafe sd_bus_set_bus_client(bus, 1) }
    if result >= 0 { result = unsafe sd_bus_start(bus) }
    return result
  }
}

/// What the event loop ends with when the time is over; a bus that is lost ends it with 1.
private let timeIsOver: Int32 = 2
