// A connection to a bus and the messages on it: libsystemd as Swift objects, for tools that may allocate.
//
// Not thread-safe: one connection belongs to one thread.

import CLibSystemd
import Foundation

public final class Connection {
  public let bus: OpaquePointer
  public let address: String

  public init(address: String) throws {
    var made: OpaquePointer?
    try check(sd_bus_new(&made), "sd_bus_new")
    bus = made!
    self.address = address
    try check(sd_bus_set_address(bus, address), "bus address \(address)")
    try check(sd_bus_set_bus_client(bus, 1), "bus client")
    try check(sd_bus_start(bus), "cannot connect to \(address)")
  }

  deinit { sd_bus_flush_close_unref(bus) }

  public func own(_ name: String) throws {
    try check(sd_bus_request_name(bus, name, 0), "cannot own \(name)")
  }

  /// A method call to be sent, with nothing in it yet.
  public func methodCall(_ destination: String, _ path: String, _ interface: String, _ member: String) throws -> Message
  {
    var message: OpaquePointer?
    try check(sd_bus_message_new_method_call(bus, &message, destination, path, interface, member), "\(member) \(path)")
    return Message(taking: message!)
  }

  /// Sends a call and waits for its reply. An error reply is thrown as `RemoteError`.
  public func call(_ message: Message, timeout seconds: Double = 25) throws -> Message {
    var error = sd_bus_error()
    defer { sd_bus_error_free(&error) }
    var reply: OpaquePointer?
    let result = sd_bus_call(bus, message.pointer, UInt64(seconds * 1e6), &error, &reply)
    if result < 0 {
      if let name = error.name { throw RemoteError(name: String(cString: name), code: result) }
      throw Failure("call", code: result)
    }
    return Message(taking: reply!)
  }

  /// Calls `handler` for each signal that fits a match rule, while `process` runs.
  public func match(_ rule: String, _ handler: @escaping (Message) -> Void) throws {
    let box = Box(handler)
    handlers.append(box)
    try check(
      sd_bus_add_match(
        bus, nil, rule,
        { message, userdata, _ in
          Unmanaged<Box>.fromOpaque(userdata!).takeUnretainedValue().body(Message(borrowing: message!))
          return 0
        }, Unmanaged.passUnretained(box).toOpaque()), "match \(rule)")
  }

  /// Handles what has arrived; waits for the next message when there is none, at most so long.
  public func process(timeout seconds: Double) throws {
    if try check(sd_bus_process(bus, nil), "bus connection") == 0 {
      try check(sd_bus_wait(bus, UInt64(max(0, seconds) * 1e6)), "bus connection")
    }
  }

  private final class Box {
    let body: (Message) -> Void
    init(_ body: @escaping (Message) -> Void) { self.body = body }
  }
  private var handlers: [Box] = []
}

/// An error that the called side answered.
public struct RemoteError: Error, CustomStringConvertible {
  public var name: String
  /// Its errno, negative, as sd-bus maps it.
  public var code: Int32
  public var description: String { name }
}

public final class Message {
  public let pointer: OpaquePointer

  /// Takes over a reference.
  public init(taking pointer: OpaquePointer) { self.pointer = pointer }
  public init(borrowing pointer: OpaquePointer) { self.pointer = sd_bus_message_ref(pointer) }
  deinit { sd_bus_message_unref(pointer) }

  // Writing. Arguments come from our own code: a failure is a defect of it, and is found when the message is sent.

  public func append(_ string: String) { sd_bus_message_append_basic(pointer, CChar(UInt8(ascii: "s")), string) }
  public func append(path: String) { sd_bus_message_append_basic(pointer, CChar(UInt8(ascii: "o")), path) }
  public func append(_ number: Int32) {
    withUnsafePointer(to: number) { _ = sd_bus_message_append_basic(pointer, CChar(UInt8(ascii: "i")), $0) }
  }
  public func append(_ strings: [String]) {
    container("a", "s") { for string in strings { append(string) } }
  }
  public func container(_ type: Unicode.Scalar, _ contents: String, _ body: () -> Void) {
    sd_bus_message_open_container(pointer, CChar(UInt8(ascii: type)), contents)
    body()
    sd_bus_message_close_container(pointer)
  }

  // Reading.

  public func readString(_ type: Unicode.Scalar = "s") -> String? {
    var string: UnsafePointer<CChar>?
    guard sd_bus_message_read_basic(pointer, CChar(UInt8(ascii: type)), &string) > 0, let string else { return nil }
    return String(cString: string)
  }

  public func readStrings() -> [String] {
    readArray("s") { readString() }
  }

  /// An array, item by item until `item` finds no more.
  public func readArray<Item>(_ contents: String, _ item: () -> Item?) -> [Item] {
    guard sd_bus_message_enter_container(pointer, CChar(UInt8(ascii: "a")), contents) > 0 else { return [] }
    var items: [Item] = []
    while let next = item() { items.append(next) }
    sd_bus_message_exit_container(pointer)
    return items
  }

  /// What stands inside a variant, structure or dictionary entry, or nil when there is none.
  public func enter<Item>(_ type: Unicode.Scalar, _ contents: String, _ body: () -> Item?) -> Item? {
    guard sd_bus_message_enter_container(pointer, CChar(UInt8(ascii: type)), contents) > 0 else { return nil }
    let item = body()
    sd_bus_message_exit_container(pointer)
    return item
  }
}
