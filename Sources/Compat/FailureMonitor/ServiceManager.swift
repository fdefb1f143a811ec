// The three calls to systemd: find a unit, read its state, start or stop another.
//
// Promises: a call that systemd refuses is thrown with systemd's own words. Waits for each answer, at most sd-bus's
// usual 25 seconds.

import Bus
import CLibSystemd
import CSystem
import Database

/// systemd's manager object on the system bus.
struct ServiceManager {
  /// Why systemd was not reached, or what it answered, as a sentence.
  struct Failure: Error {
    let text: ByteString
    init(_ text: ByteString) { self.text = text }
    init(_ error: BusError) { text = error.text }
  }

  private static var path: ObjectPath { "/org/freedesktop/systemd1" }
  private static let interface: StaticString = "org.freedesktop.systemd1.Manager"

  private let bus: Connection

  init() throws(Failure) {
    do throws(BusError) {
      bus = try Connection()
    } catch {
      throw Failure(ByteString(ByteString("the system bus cannot be reached: ").bytes + error.text.bytes))
    }
  }

  /// Whether the unit's ActiveState is `failed`. A unit that systemd has not loaded is a failure.
  func hasFailed(_ unit: ByteString) throws(Failure) -> Bool {
    let found = try call(Self.path, Self.interface, "GetUnit", [unit])
    let path: ObjectPath
    do throws(BusError) { path = try found.readPath() } catch { throw Failure(error) }
    return try state(of: path) == ByteString("failed")
  }

  private func state(of path: ObjectPath) throws(Failure) -> ByteString {
    let reply = try call(
      path, "org.freedesktop.DBus.Properties", "Get", ["org.freedesktop.systemd1.Unit", "ActiveState"])
    var state = ByteString([])
    do throws(BusError) {
      try reply.readVariant("s") { () throws(BusError) in state = try reply.readString() }
    } catch { throw Failure(error) }
    return state
  }

  /// Queues a job for the unit; it replaces a queued job that contradicts it.
  func run(_ action: Action, _ unit: ByteString) throws(Failure) {
    _ = try call(Self.path, Self.interface, action.method, [unit, "replace"])
  }

  /// Makes one call, whose arguments are strings, and waits for its reply.
  private func call(
    _ path: ObjectPath, _ interface: StaticString, _ method: StaticString,
    _ arguments: [ByteString]
  ) throws(Failure) -> Message {
    var error = unsafe sd_bus_error()
    defer { unsafe sd_bus_error_free(&error) }
    var reply: OpaquePointer?
    do throws(BusError) {
      let call = try bus.newCall(to: ByteString("org.freedesktop.systemd1"), path, interface, method)
      for argument in arguments { try call.append(argument) }
      let result = unsafe sd_bus_call(bus.raw, call.raw, 0, &error, &reply)
      guard result >= 0 else { throw BusError(code: -result) }
    } catch let failure {
      // systemd says more than an errno does; without an answer there is only the errno.
      throw unsafe Failure(error.message.map { unsafe ByteString(cString: $0) } ?? failure.text)
    }
    defer { unsafe sd_bus_message_unref(reply) }
    return unsafe Message(retaining: reply!)
  }
}
