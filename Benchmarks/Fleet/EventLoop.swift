// One sd-event loop for all connections of the fleet; it ends on SIGTERM, SIGINT or the end of standard input.

import BenchSupport
import CLibSystemd
import Foundation

final class EventLoop {
  let event: OpaquePointer
  private var timers: [Timer] = []

  init() throws {
    var made: OpaquePointer?
    try check(sd_event_new(&made), "sd_event_new")
    event = made!

    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGTERM, SIGINT] { sigaddset(&signals, number) }
    sigprocmask(SIG_BLOCK, &signals, nil)
    for number in [SIGTERM, SIGINT] {
      // Without a callback the signal ends the loop.
      try check(sd_event_add_signal(event, nil, number, nil, nil), "signal \(number)")
    }
    // /dev/null and files cannot be waited for, and never say that the parent is gone: nothing to watch then.
    sd_event_add_io(
      event, nil, 0, UInt32(EPOLLIN.rawValue),
      { source, _, _, _ in
        var byte: UInt8 = 0
        if read(0, &byte, 1) <= 0 { sd_event_exit(sd_event_source_get_event(source), 0) }
        return 0
      }, nil)
  }

  func attach(_ connection: Connection) throws {
    try check(sd_bus_attach_event(connection.bus, event, 0), "attach")
  }

  /// Calls `body` again and again, so many microseconds apart.
  func every(_ microseconds: UInt64, _ body: @escaping () -> Void) throws {
    let timer = Timer(microseconds, body)
    timers.append(timer)
    try check(
      sd_event_add_time_relative(
        event, nil, CLOCK_MONOTONIC, microseconds, 1000,
        { source, _, userdata in
          let timer = Unmanaged<Timer>.fromOpaque(userdata!).takeUnretainedValue()
          timer.body()
          sd_event_source_set_time_relative(source, timer.microseconds)
          return sd_event_source_set_enabled(source, Int32(SD_EVENT_ONESHOT))
        }, Unmanaged.passUnretained(timer).toOpaque()), "timer")
  }

  func run() throws {
    try check(sd_event_loop(event), "event loop")
  }

  private final class Timer {
    let microseconds: UInt64
    let body: () -> Void
    init(_ microseconds: UInt64, _ body: @escaping () -> Void) { (self.microseconds, self.body) = (microseconds, body) }
  }
}
