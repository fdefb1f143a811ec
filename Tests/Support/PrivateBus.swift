// A message bus of a test's own: dbus-daemon as a system bus that allows everything, or dbus-broker.

import CTestSupport
import Foundation

public final class PrivateBus {
  public enum Kind: String, Sendable, CaseIterable {
    case daemon = "dbus-daemon"
    case broker = "dbus-broker"

    /// dbus-broker is not on every machine that runs the tests.
    public var isInstalled: Bool {
      (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":").contains {
        access("\($0)/\(rawValue)", X_OK) == 0
      }
    }
  }

  public let address: String
  private let process: Child
  public var pid: pid_t { process.pid }
  private let controller: Connection?

  /// Starts a bus whose socket lies in `folder`; it ends with this object.
  ///
  /// - maxReplies: how many calls of one connection may be unanswered at once (dbus-daemon only; 128 on a system bus).
  public init(_ kind: Kind = .daemon, in folder: TemporaryFolder, maxReplies: Int = 50000) throws {
    let socket = folder.file("bus")
    address = "unix:path=\(socket)"
    switch kind {
    case .daemon:
      try folder.write("bus.conf", PrivateBus.configuration(socket: socket, maxReplies: maxReplies))
      process = try Child(["dbus-daemon", "--config-file=\(folder.file("bus.conf"))", "--nofork", "--nopidfile"])
      controller = nil
    case .broker:
      (process, controller) = try Broker.start(listening: socket)
    }
    try awaitSocket(socket)
  }

  private func awaitSocket(_ socket: String) throws {
    let until = now() + 10
    while now() < until, process.isRunning {
      let descriptor = test_connect(socket)
      if descriptor >= 0 {
        close(descriptor)
        return
      }
      usleep(3000)
    }
    throw BusError("the bus does not start")
  }

  /// Ends the bus; all its connections are cut.
  public func stop() { process.stop(within: 2) }

  private static func configuration(socket: String, maxReplies: Int) -> String {
    """
    <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
     "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
    <busconfig>
      <type>system</type>
      <listen>unix:path=\(socket)</listen>
      <policy context="default">
        <allow user="*"/><allow own="*"/>
        <allow send_type="method_call"/><allow send_type="signal"/>
        <allow send_type="method_return"/><allow send_type="error"/>
        <allow receive_type="method_call"/><allow receive_type="signal"/>
        <allow receive_type="method_return"/><allow receive_type="error"/>
      </policy>
      <limit name="max_replies_per_connection">\(maxReplies)</limit>
    </busconfig>
    """
  }
}
