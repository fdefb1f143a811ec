// The command line of phosphor-unit-failure-monitor.
//
// Promises: every option has a short and a long form, all three are needed, and whatever is wrong is one line on
// standard error that says what.

import CSystem
import Database

/// What is done with the target.
enum Action {
  case start, stop

  /// The method of systemd's manager that does it.
  var method: StaticString {
    switch self {
    case .start: "StartUnit"
    case .stop: "StopUnit"
    }
  }
}

/// A complete command line.
struct Options {
  var source: ByteString
  var target: ByteString
  var action: Action

  enum Failure: Error {
    /// Help was asked for: no failure, but nothing to do.
    case help
    /// `getopt_long` has said what is wrong.
    case said
    case missing(ByteString)
    case unknownAction(ByteString)
    case unexpected(ByteString)
  }

  static let usage: StaticString = """
    Usage: phosphor-unit-failure-monitor --source=UNIT --target=UNIT --action=start|stop

    Starts or stops the target when the source has failed; does nothing in any other
    state. For OnFailure= of a unit that systemd restarts until it gives up.

      -s, --source=UNIT         the unit whose state is looked at
      -t, --target=UNIT         the unit that is started or stopped
      -a, --action=start|stop   what is done with the target
      -h, --help                print this and end

    """

  /// Reads the arguments of `main`.
  @unsafe init(_ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) throws(Failure) {
    var source: ByteString?
    var target: ByteString?
    var action: Action?
    let known = unsafe [
      Self.long("source", "s", needsValue: true), Self.long("target", "t", needsValue: true),
      Self.long("action", "a", needsValue: true), Self.long("help", "h", needsValue: false), option(),
    ]
    while true {
      let found = unsafe known.withUnsafeBufferPointer {
        unsafe getopt_long(count, arguments, "s:t:a:h", $0.baseAddress, nil)
      }
      if found < 0 { break }
      let value = unsafe shm_optarg().map { unsafe ByteString(cString: $0) } ?? ByteString([])
      switch UInt8(truncatingIfNeeded: found) {
      case UInt8(ascii: "s"): source = value
      case UInt8(ascii: "t"): target = value
      case UInt8(ascii: "a"): action = try Self.action(value)
      case UInt8(ascii: "h"): throw .help
      default: throw .said
      }
    }
    if shm_optind() < count, let extra = unsafe arguments[Int(shm_optind())] {
      throw unsafe .unexpected(ByteString(cString: extra))
    }
    guard let source else { throw .missing(ByteString("--source")) }
    guard let target else { throw .missing(ByteString("--target")) }
    guard let action else { throw .missing(ByteString("--action")) }
    self.source = source
    self.target = target
    self.action = action
  }

  private static func action(_ value: ByteString) throws(Failure) -> Action {
    if value == ByteString("start") { return .start }
    if value == ByteString("stop") { return .stop }
    throw .unknownAction(value)
  }

  /// One entry of getopt_long's table. The name is a literal, so it lives for ever.
  private static func long(_ name: StaticString, _ short: Unicode.Scalar, needsValue: Bool) -> option {
    unsafe option(
      name: UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self),
      has_arg: needsValue ? required_argument : no_argument, flag: nil, val: Int32(short.value))
  }
}
