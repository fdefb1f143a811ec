// A dbus-daemon of one run, with the limits of a system bus.

import Foundation

public final class PrivateBus {
  public let address: String
  public let process: Child

  public init(in folder: TemporaryFolder) throws {
    let socket = folder.file("bus")
    let configuration = folder.file("bus.conf")
    address = "unix:path=\(socket)"
    // Only the type makes dbus-daemon apply a system bus's limits, 128 unanswered calls per connection among them.
    let text = """
      <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
       "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
      <busconfig>
        <type>system</type>
        <listen>\(address)</listen>
        <policy context="default">
          <allow user="*"/> <allow own="*"/> <allow send_type="method_call"/> <allow send_type="signal"/>
          <allow send_requested_reply="true"/> <allow receive_requested_reply="true"/>
          <allow eavesdrop="false"/>
        </policy>
      </busconfig>
      """
    try text.write(toFile: configuration, atomically: true, encoding: .utf8)
    process = try Child(
      ["dbus-daemon", "--config-file=\(configuration)", "--nofork", "--nopidfile", "--print-address=1"],
      log: folder.file("bus.log"))
    guard process.readLine(timeout: 10) != nil else {
      throw Failure("dbus-daemon did not start: \(process.lastWords)")
    }
  }

  public func stop() { process.stop() }
}
