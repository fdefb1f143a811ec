// Messages as tests see them, apart from sd-bus's own.

import CLibSystemd

/// A signal, or the head of a call, with its body.
public struct Message: Sendable {
  public var sender = ""
  public var path = ""
  public var interface = ""
  public var member = ""
  public var signature = ""
  public var body: [Value] = []

  init(_ message: OpaquePointer, ordered: Bool = false) throws {
    func text(_ pointer: UnsafePointer<CChar>?) -> String { pointer.map { String(cString: $0) } ?? "" }
    sender = text(sd_bus_message_get_sender(message))
    path = text(sd_bus_message_get_path(message))
    interface = text(sd_bus_message_get_interface(message))
    member = text(sd_bus_message_get_member(message))
    signature = text(sd_bus_message_get_signature(message, 1))
    body = try Codec.body(of: message, ordered: ordered)
  }
}

/// What came back for a call.
public enum Reply: Hashable, Sendable {
  case values(signature: String, [Value])
  case error(name: String, message: String)
  /// Nothing within the time that was given, or the connection ended.
  case silence(seconds: Double)

  public var values: [Value]? { if case .values(_, let values) = self { values } else { nil } }
  public var errorName: String? { if case .error(let name, _) = self { name } else { nil } }
}

/// A call that a service has to answer, once, now or later.
public final class Call {
  public let message: Message
  private let pointer: OpaquePointer
  private unowned let connection: Connection

  init(_ pointer: OpaquePointer, _ connection: Connection) throws {
    self.message = try Message(pointer)
    self.pointer = sd_bus_message_ref(pointer)
    self.connection = connection
  }

  deinit { sd_bus_message_unref(pointer) }

  /// A connection that is closed meanwhile makes it nothing.
  public func reply(_ signature: String = "", _ values: [Value] = []) throws {
    var reply: OpaquePointer?
    try check(sd_bus_message_new_method_return(pointer, &reply), "making a reply")
    defer { sd_bus_message_unref(reply) }
    try Codec.append(values, as: signature, to: reply!)
    try connection.send(sealed: reply!)
  }

  public func fail(_ name: String, _ text: String) throws {
    var reply: OpaquePointer?
    try name.withCString { name in
      try text.withCString { text in
        var error = sd_bus_error(name: name, message: text, _need_free: 0)
        try check(sd_bus_message_new_method_error(pointer, &reply, &error), "making an error reply")
      }
    }
    defer { sd_bus_message_unref(reply) }
    try connection.send(sealed: reply!)
  }
}
