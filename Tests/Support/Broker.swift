// dbus-broker without systemd: the test is its controller.
//
// The broker gets one end of a socket pair and speaks D-Bus with its controller over it, without a bus between. The controller
// hands it a listening socket and a policy. When the controller's end closes, the broker ends.

import CTestSupport
import Foundation

enum Broker {
  private static let root = "/org/bus1/DBus/Broker"

  static func start(listening socket: String) throws -> (Child, Connection) {
    var ends: [Int32] = [0, 0]
    try check(test_socketpair(&ends), "a socket pair")
    let theirs = 3  // the number it has there
    let child = try Child(
      [
        "dbus-broker", "--controller", "\(theirs)", "--machine-id", "0123456789abcdef0123456789abcdef",
        "--max-bytes", "536870912", "--max-fds", "4096", "--max-matches", "131072", "--max-objects", "16384",
      ], more: [ends[1]])
    close(ends[1])

    let controller = try Connection(peer: ends[0], on: Loop())
    controller.onCall = { call in try? call.reply() }  // ReloadConfig: nothing changes
    let listener = try check(test_listen(socket), "listening at \(socket)")
    defer { close(listener) }  // the message has its own copy
    var last: Reply?
    for policy in [policy(withBusType: true), policy(withBusType: false)] {
      last = try controller.call(
        nil, root, "org.bus1.DBus.Broker", "AddListener", "ohv",
        ["/org/bus1/DBus/Listener/0", .int(Int64(listener)), policy])
      if last?.values != nil { return (child, controller) }
    }
    throw BusError("dbus-broker takes no listener: \(last!)")
  }

  /// Everyone may connect, own, send and receive. Brokers before version 33 know no bus type at the end.
  private static func policy(withBusType: Bool) -> Value {
    let everyone: Value = .int(Int64(UInt32.max))
    let priority: Value = 1
    let anyMessage: Value = [true, priority, "", "", "", "", 0, 0, 0, .int(Int64(UInt32.max))]
    let rules: Value = [true, priority, [[true, priority, true, ""]], [anyMessage], [anyMessage]]
    let batch = "(bta(btbs)a(btssssuutt)a(btssssuutt))"
    let signature = "(a(u\(batch))a(buu\(batch))a(ss)b\(withBusType ? "s" : ""))"
    let all: [Value] = [[[everyone, rules]], [], [], false] + (withBusType ? ["system"] : [])
    return .variant(signature, .array(all))
  }
}
