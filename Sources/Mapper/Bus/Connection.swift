// The connection to the message bus. It never blocks once it is open: messages are taken out one by one with
// `process`, and calls are answered by closures.
//
// One thread only. Closures that were handed in are kept until they have run (calls) or for as long as the process
// lives (matches).

import CLibSystemd
import CSystem
import Database

/// A connection to the system bus. Closed and flushed when the last reference goes.
@safe
public final class Connection {
  /// For the calls of sd-bus that this layer does not wrap. Valid as long as the connection.
  @unsafe public let raw: OpaquePointer

  private final class Handler {
    let run: (borrowing Message) -> Void
    init(_ run: @escaping (borrowing Message) -> Void) { self.run = run }
  }

  private var handlers: [Handler] = []

  /// Connects to the bus that DBUS_SYSTEM_BUS_ADDRESS names, else the standard one, and says hello to it.
  public init(system: Void = ()) throws(BusError) {
    var bus: OpaquePointer?
    try checked(unsafe sd_bus_open_system(&bus))
    unsafe raw = bus!
    var unique: UnsafePointer<CChar>?
    let result = unsafe sd_bus_get_unique_name(raw, &unique)
    if result < 0 {
      unsafe sd_bus_close_unref(raw)
      throw BusError(code: -result)
    }
  }

  deinit { unsafe sd_bus_flush_close_unref(raw) }

  /// Sends what waits and leaves the bus. Closures that were subscribed are let go; nothing else works after this.
  public func close() {
    unsafe sd_bus_flush(raw)
    unsafe sd_bus_close(raw)
    handlers = []
  }

  /// The unique name that the bus gave this connection.
  public var uniqueName: ByteString {
    var unique: UnsafePointer<CChar>?
    guard unsafe sd_bus_get_unique_name(raw, &unique) >= 0, let unique = unsafe unique else { return ByteString([]) }
    return unsafe ByteString(cString: unique)
  }

  /// The 16 bytes by which the bus tells itself from every other.
  public var busID: [UInt8] {
    var id = sd_id128_t()
    guard unsafe sd_bus_get_bus_id(raw, &id) >= 0 else { return [UInt8](repeating: 0, count: 16) }
    return unsafe withUnsafeBytes(of: &id) { unsafe [UInt8]($0) }
  }

  // MARK: Events

  /// Does one step: sends what waits, or takes one message and hands it to whom it is for. False when nothing was left
  /// to do, so all that had arrived before this call has been handled.
  public func process() throws(BusError) -> Bool { try checked(unsafe sd_bus_process(raw, nil)) > 0 }

  /// The descriptor to wait on, and the poll(2) events to wait for.
  public var descriptor: Int32 { unsafe sd_bus_get_fd(raw) }
  public var events: Int32 { unsafe sd_bus_get_events(raw) }

  /// When `process` has to be called even if nothing arrives, in microseconds of CLOCK_MONOTONIC; none: `UInt64.max`.
  public var deadline: UInt64 {
    var until: UInt64 = .max
    return unsafe sd_bus_get_timeout(raw, &until) >= 0 ? until : .max
  }

  // MARK: Names, calls, signals

  /// Takes a well-known name; throws `EEXIST` when another connection has it. Waits for the answer.
  public func requestName(_ name: ServiceName) throws(BusError) {
    try checked(unsafe name.withCString { unsafe sd_bus_request_name(raw, $0, 0) })
  }

  /// A new method call, without arguments yet.
  public func newCall(
    to destination: ByteString, _ path: ObjectPath, _ interface: StaticString, _ member: StaticString
  ) throws(BusError) -> Message {
    var message: OpaquePointer?
    try checked(
      unsafe destination.withCString { destination in
        unsafe path.withCString { path in
          unsafe sd_bus_message_new_method_call(raw, &message, destination, path, interface.cString, member.cString)
        }
      })
    return unsafe Message(adopting: message!)
  }

  /// A new signal, without arguments yet.
  public func newSignal(
    from path: ObjectPath, _ interface: StaticString, _ member: StaticString
  ) throws(BusError) -> Message {
    var message: OpaquePointer?
    try checked(
      unsafe path.withCString { unsafe sd_bus_message_new_signal(raw, &message, $0, interface.cString, member.cString) }
    )
    return unsafe Message(adopting: message!)
  }

  /// Sends a signal, or a reply.
  public func send(_ message: borrowing Message) throws(BusError) {
    try checked(unsafe sd_bus_send(raw, message.raw, nil))
  }

  /// Makes the call and returns. `reply` runs once, out of `process`, with the reply: an error reply too, which is also
  /// what a time-out ends in. Times are in microseconds.
  public func call(
    _ message: borrowing Message, timeout: UInt64, reply: @escaping (borrowing Message) -> Void
  ) throws(BusError) {
    let handler = unsafe Unmanaged.passRetained(Handler(reply))
    let result = unsafe sd_bus_call_async(
      raw, nil, message.raw,
      { message, userdata, _ in
        let handler = unsafe Unmanaged<Handler>.fromOpaque(userdata!).takeRetainedValue()
        handler.run(unsafe Message(retaining: message!))
        return 1
      }, handler.toOpaque(), timeout)
    if result < 0 {
      unsafe handler.release()
      throw BusError(code: -result)
    }
  }

  /// Makes the call and waits for the reply. Messages that arrive meanwhile wait for `process`. Only for the start of
  /// the program. An error reply throws its errno.
  public func callAndWait(_ message: borrowing Message, timeout: UInt64 = 0) throws(BusError) -> Message {
    var reply: OpaquePointer?
    try checked(unsafe sd_bus_call(raw, message.raw, timeout, nil, &reply))
    return unsafe Message(adopting: reply!)
  }

  /// Subscribes to the messages that a match rule names and runs the closure for each, out of `process`.
  public func subscribe(_ rule: StaticString, _ run: @escaping (borrowing Message) -> Void) throws(BusError) {
    let handler = Handler(run)
    handlers.append(handler)
    try checked(
      unsafe sd_bus_add_match(
        raw, nil, rule.cString,
        { message, userdata, _ in
          let handler = unsafe Unmanaged<Handler>.fromOpaque(userdata!).takeUnretainedValue()
          handler.run(unsafe Message(retaining: message!))
          return 0
        }, Unmanaged.passUnretained(handler).toOpaque()))
  }
}
