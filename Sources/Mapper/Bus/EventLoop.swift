// The loop in which the program waits: for the bus, for a point in time, for SIGTERM or SIGINT. Built on sd-event.

import CLibSystemd
import CSystem
import Database

/// Waits for one connection and one deadline. One thread only.
@safe
public final class EventLoop {
  private let raw: OpaquePointer
  private let connection: Connection
  private var input: OpaquePointer?
  private var timer: OpaquePointer?
  private let deadline: () -> UInt64
  private let dispatch: () -> Void

  /// `dispatch` runs whenever the connection has something or the deadline has come. `deadline` is asked before each
  /// wait: microseconds of CLOCK_MONOTONIC, `UInt64.max` for none. SIGTERM and SIGINT end the loop with status 0.
  public init(
    _ connection: Connection, deadline: @escaping () -> UInt64, dispatch: @escaping () -> Void
  ) throws(BusError) {
    var event: OpaquePointer?
    try checked(unsafe sd_event_new(&event))
    unsafe raw = event!
    self.connection = connection
    self.deadline = deadline
    self.dispatch = dispatch
    try watch()
  }

  deinit {
    unsafe sd_event_source_unref(input)
    unsafe sd_event_source_unref(timer)
    unsafe sd_event_unref(raw)
  }

  /// Runs until `exit` or a signal; returns the exit status.
  public func run() -> Int32 { unsafe sd_event_loop(raw) }

  /// Ends the loop after the dispatch that is running.
  public func exit(_ status: Int32) { unsafe sd_event_exit(raw, status) }

  private func watch() throws(BusError) {
    let me = unsafe Unmanaged.passUnretained(self).toOpaque()
    try unsafe checked(
      sd_event_add_io(
        raw, &input, connection.descriptor, 0,
        { _, _, _, me in
          unsafe Unmanaged<EventLoop>.fromOpaque(me!).takeUnretainedValue().dispatch()
          return 0
        }, me))
    try unsafe checked(
      sd_event_add_time(
        raw, &timer, CLOCK_MONOTONIC, 0, 1000,
        { _, _, me in
          unsafe Unmanaged<EventLoop>.fromOpaque(me!).takeUnretainedValue().dispatch()
          return 0
        }, me))
    try unsafe checked(
      sd_event_source_set_prepare(input) { _, me in
        unsafe Unmanaged<EventLoop>.fromOpaque(me!).takeUnretainedValue().prepare()
      })

    EventLoop.blockSignals()
    // Without a handler, sd-event ends the loop with the number in the place of the user data: none, so 0.
    try unsafe checked(sd_event_add_signal(raw, nil, SIGTERM, nil, nil))
    try unsafe checked(sd_event_add_signal(raw, nil, SIGINT, nil, nil))
    // Only does something when the service manager asks for signs of life (WATCHDOG_USEC).
    unsafe sd_event_set_watchdog(raw, 1)
  }

  /// Keeps SIGTERM and SIGINT until a loop runs, which ends with them. Whoever has taken a name calls this, so that the end is
  /// a clean one from then on.
  public static func blockSignals() {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGTERM)
    unsafe sigaddset(&signals, SIGINT)
    unsafe sigprocmask(SIG_BLOCK, &signals, nil)
  }

  /// Tells sd-event, before each wait, what to wait for.
  private func prepare() -> Int32 {
    let events = unsafe sd_event_source_set_io_events(input, UInt32(bitPattern: max(connection.events, 0)))
    if events < 0 { return events }
    let until = min(connection.deadline, deadline())
    guard until != .max else { return unsafe sd_event_source_set_enabled(timer, Int32(SD_EVENT_OFF)) }
    let time = unsafe sd_event_source_set_time(timer, until)
    return time < 0 ? time : unsafe sd_event_source_set_enabled(timer, Int32(SD_EVENT_ONESHOT))
  }
}

/// Tells the service manager about this process, if it wants to know (sd_notify): lines such as `READY=1`.
public func notifyServiceManager(_ state: ByteString) {
  unsafe state.withCString { _ = unsafe sd_notify(0, $0) }
}
