// The two commands that wait: an event loop around one wait, begun anew when the mapper cannot be reached.

import CLibSystemd
import CSystem
import Database
import Waiting

enum Waiter {
  private static let attempts = 20

  /// Waits to the end; returns the exit status. A wait for objects that times out or finds no mapper on the bus is begun anew
  /// after a second, at most 20 times.
  static func run(_ goal: Wait.Goal) -> Int32 {
    var attempts = 0
    if case .known = goal { attempts = Waiter.attempts }
    var repeated = 0
    while true {
      var bus: OpaquePointer?
      let opened = unsafe sd_bus_open_system(&bus)
      guard opened >= 0, let bus = unsafe bus else {
        Output.complain(ByteString("the system bus cannot be reached: "), Output.reason(-opened))
        return 1
      }
      let result = unsafe wait(goal, on: bus)
      if result >= 0 { return 0 }
      let mayPass = result == -ETIMEDOUT || result == -EHOSTUNREACH
      guard mayPass, repeated < attempts else {
        Output.complain(
          mayPass && repeated > 0 ? ByteString("giving up: ") : ByteString("cannot wait: "), Output.reason(-result))
        return 1
      }
      if repeated == 0 { Output.complain(Output.reason(-result), ByteString("; trying again every second")) }
      repeated += 1
      sleep(1)
    }
  }

  /// One wait, after which the connection is closed: 0 or a negative errno.
  private static func wait(_ goal: Wait.Goal, on bus: OpaquePointer) -> Int32 {
    defer { unsafe sd_bus_flush_close_unref(bus) }
    var event: OpaquePointer?
    var result = unsafe sd_event_new(&event)
    guard result >= 0, let event = unsafe event else { return result }
    defer { unsafe sd_event_unref(event) }
    result = unsafe sd_bus_attach_event(bus, event, 0)
    guard result >= 0 else { return result }
    defer { unsafe sd_bus_detach_event(bus) }
    // A bus that goes away would leave the wait without any more signals; this ends the loop with a positive number.
    unsafe sd_bus_set_exit_on_disconnect(bus, 1)
    let wait: Wait
    do throws(WaitError) {
      wait = try unsafe Wait(for: goal, on: bus, event) { unsafe _ = sd_event_exit(event, $0) }
    } catch {
      return -error.code
    }
    result = unsafe sd_event_loop(event)
    wait.stop()
    return result > 0 ? -ECONNRESET : result
  }
}
