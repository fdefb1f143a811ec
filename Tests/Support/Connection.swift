// One real sd-bus connection that decides nothing by itself: every message that is no reply to its own calls goes to the test's
// handlers, so sd-bus's built-in answers (Peer, introspection, object managers) never get in a scenario's way.

import CLibSystemd
import Foundation

public final class Connection {
  public let loop: Loop
  private var bus: OpaquePointer?
  private var waiting: [UInt64: (ordered: Bool, done: (Reply) -> Void)] = [:]

  /// Signals that arrive. `onCall` nil: calls get no answer at all.
  public var onSignal: ((Message) -> Void)?
  public var onCall: ((Call) -> Void)?

  /// Connects to a message bus. Throws when it does not say hello within 10 s.
  public convenience init(to address: String, on loop: Loop) throws {
    try self.init(on: loop) { bus in
      try check(sd_bus_set_address(bus, address), "the address \(address)")
      try check(sd_bus_set_bus_client(bus, 1), "a bus client")
    }
    let ready = loop.run(within: 10) { [self] in !isOpen || sd_bus_is_ready(bus) > 0 }
    guard ready, isOpen else {
      close()
      throw BusError("no bus at \(address)")
    }
  }

  /// Speaks D-Bus with one peer, without a bus, over a connected socket that then belongs to the connection.
  public convenience init(peer descriptor: Int32, on loop: Loop) throws {
    try self.init(on: loop) { try check(sd_bus_set_fd($0, descriptor, descriptor), "a connected socket") }
  }

  private init(on loop: Loop, _ configure: (OpaquePointer) throws -> Void) throws {
    self.loop = loop
    try check(sd_bus_new(&bus), "sd_bus_new")
    do {
      try configure(bus!)
      try check(
        sd_bus_add_filter(bus, nil, Connection.filter, Unmanaged.passUnretained(self).toOpaque()), "sd_bus_add_filter")
      try check(sd_bus_start(bus), "connecting")
    } catch {
      close()
      throw error
    }
    loop.add(self)
  }

  deinit { close() }

  public var isOpen: Bool { bus != nil && sd_bus_is_open(bus) > 0 }

  /// Leaves the bus at once, after what was sent before.
  public func close() {
    guard let open = bus else { return }
    bus = nil
    sd_bus_flush_close_unref(open)
    let left = waiting
    waiting = [:]
    for (_, call) in left { call.done(.silence(seconds: 0)) }
  }

  // MARK: Calls and signals

  /// Calls, and runs the loop until the answer is there.
  public func call(
    _ destination: String?, _ path: String, _ interface: String?, _ member: String,
    _ signature: String = "", _ values: [Value] = [], ordered: Bool = false, within seconds: Double = 20
  ) throws -> Reply {
    var reply: Reply?
    let cookie = try start(destination, path, interface, member, signature, values, ordered: ordered) { reply = $0 }
    if loop.run(within: seconds, until: { reply != nil }) { return reply! }
    waiting[cookie] = nil
    return .silence(seconds: seconds)
  }

  /// Calls, and hands the answer to `done` when the loop receives it.
  @discardableResult
  public func start(
    _ destination: String?, _ path: String, _ interface: String?, _ member: String,
    _ signature: String = "", _ values: [Value] = [], ordered: Bool = false, done: @escaping (Reply) -> Void
  ) throws -> UInt64 {
    guard bus != nil else { throw BusError("the connection is closed") }
    var message: OpaquePointer?
    try check(
      sd_bus_message_new_method_call(bus, &message, destination, path, interface, member), "making a call of \(member)")
    defer { sd_bus_message_unref(message) }
    try Codec.append(values, as: signature, to: message!)
    var cookie: UInt64 = 0
    try check(sd_bus_send(bus, message, &cookie), "calling \(member)")
    waiting[cookie] = (ordered, done)
    return cookie
  }

  public func signal(
    _ path: String, _ interface: String, _ member: String, _ signature: String = "", _ values: [Value] = []
  ) throws {
    guard bus != nil else { throw BusError("the connection is closed") }
    var message: OpaquePointer?
    try check(sd_bus_message_new_signal(bus, &message, path, interface, member), "making the signal \(member)")
    defer { sd_bus_message_unref(message) }
    try Codec.append(values, as: signature, to: message!)
    try send(sealed: message!)
  }

  func send(sealed message: OpaquePointer) throws {
    guard bus != nil else { return }
    try check(sd_bus_send(bus, message, nil), "sending")
  }

  // MARK: The bus itself

  /// A call of the message bus's own interface.
  @discardableResult
  public func callBus(_ member: String, _ signature: String = "", _ values: [Value] = []) throws -> [Value] {
    let reply = try call(
      "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", member, signature, values)
    guard let values = reply.values else { throw BusError("\(member): \(reply)") }
    return values
  }

  /// Takes a well-known name. Throws when it is taken.
  public func own(_ name: String) throws {
    let doNotQueue: Value = 4
    guard try callBus("RequestName", "su", [.string(name), doNotQueue]) == [1] else {
      throw BusError("cannot own \(name)")
    }
  }

  public func disown(_ name: String) throws { try callBus("ReleaseName", "s", [.string(name)]) }

  /// Returns once the bus has routed all that was sent before.
  public func flush() throws { try callBus("GetId") }

  public func match(_ rule: String) throws { try callBus("AddMatch", "s", [.string(rule)]) }

  public func nameHasOwner(_ name: String) throws -> Bool {
    try callBus("NameHasOwner", "s", [.string(name)]) == [true]
  }

  // MARK: For the loop

  /// Handles what has arrived, but no more than the other connections can wait for. False when nothing is left.
  func process() -> Bool {
    for _ in 0..<16 {
      guard let bus else { return false }
      let r = sd_bus_process(bus, nil)
      if r > 0 { continue }
      if r < 0, r != -EBUSY { close() }  // busy: a handler runs the loop, and is itself called from here
      return false
    }
    return true
  }

  var interest: (descriptor: Int32, events: Int16, due: Double)? {
    guard let bus else { return nil }
    let descriptor = sd_bus_get_fd(bus)
    let events = sd_bus_get_events(bus)
    guard descriptor >= 0, events >= 0 else { return nil }
    var microseconds = UInt64.max
    let due =
      sd_bus_get_timeout(bus, &microseconds) > 0 && microseconds != .max ? Double(microseconds) / 1e6 : .infinity
    return (descriptor, Int16(truncatingIfNeeded: events), due)
  }

  private static let filter: sd_bus_message_handler_t = { message, userdata, _ in
    Unmanaged<Connection>.fromOpaque(userdata!).takeUnretainedValue().receive(message!)
    return 1
  }

  private func receive(_ message: OpaquePointer) {
    var kind: UInt8 = 0
    sd_bus_message_get_type(message, &kind)
    do {
      switch Int(kind) {
      case Int(SD_BUS_MESSAGE_METHOD_CALL):
        if let onCall { onCall(try Call(message, self)) }
      case Int(SD_BUS_MESSAGE_SIGNAL):
        if let onSignal { onSignal(try Message(message)) }
      default: try receive(reply: message)
      }
    } catch {
      preconditionFailure("a message that libsystemd accepted cannot be read: \(error)")
    }
  }

  private func receive(reply message: OpaquePointer) throws {
    var cookie: UInt64 = 0
    guard sd_bus_message_get_reply_cookie(message, &cookie) >= 0, let call = waiting.removeValue(forKey: cookie) else {
      return
    }
    if let error = sd_bus_message_get_error(message)?.pointee {
      call.done(.error(name: String(cString: error.name), message: error.message.map { String(cString: $0) } ?? ""))
    } else {
      let message = try Message(message, ordered: call.ordered)
      call.done(.values(signature: message.signature, message.body))
    }
  }
}
