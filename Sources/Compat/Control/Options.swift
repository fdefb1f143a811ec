// The command line.

import CSystem
import Database
import MapperClient

struct Options {
  var command = Command.help
  var arguments: [ByteString] = []
  var depth: Int32 = 0
  var interfaces: [InterfaceName] = []
  var endpointInterfaces: [InterfaceName] = []
  var isLong = false
  /// Microseconds; nil: for ever.
  var timeout: UInt64?
  var json = JSONForm.off
  var comparesWithBus = false
  var isColoured = false
  var client = Client.Options()

  enum Failure: Error {
    /// All has been said: end with this.
    case exit(Status)
    /// One line, and a hint at the help.
    case wrong(ByteString)
    /// The usage of one command.
    case usage(Command)
  }

  private enum Long: Int32 {
    case json = 256, via, bus, address, pool, color, version
  }

  /// Reads the arguments of `main`. Options and arguments may come in any order.
  @unsafe init(_ count: Int32, _ words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) throws(Failure) {
    let known = unsafe [
      Self.long("depth", short: "d", takesValue: true), Self.long("interface", short: "i", takesValue: true),
      Self.long("endpoint-interface", short: "e", takesValue: true), Self.long("long", short: "l"),
      Self.long("timeout", short: "t", takesValue: true), Self.long("help", short: "h"),
      Self.long("json", .json, takesValue: true), Self.long("via", .via, takesValue: true), Self.long("bus", .bus),
      Self.long("address", .address, takesValue: true), Self.long("pool", .pool, takesValue: true),
      Self.long("color", .color, takesValue: true), Self.long("version", .version), option(),
    ]
    isColoured = Self.terminalHasColours
    while true {
      let found = unsafe getopt_long(count, words, "d:i:e:lt:jh", known, nil)
      if found < 0 { break }
      let value = unsafe shm_optarg().map { unsafe ByteString(cString: $0) } ?? ByteString([])
      try take(found, value)
    }
    var index = Int(shm_optind())
    while index < Int(count), let word = unsafe words[index] {
      unsafe arguments.append(ByteString(cString: word))
      index += 1
    }
    guard !arguments.isEmpty else { throw .wrong(ByteString("no command")) }
    let word = arguments.removeFirst()
    guard let command = Command(word) else { throw .wrong(joined("'", word, "' is no command")) }
    self.command = command
    guard command.count.contains(arguments.count) else { throw .usage(command) }
  }

  private mutating func take(_ option: Int32, _ value: ByteString) throws(Failure) {
    if let long = Long(rawValue: option) { return try take(long, value) }
    switch UInt8(truncatingIfNeeded: option) {
    case UInt8(ascii: "d"):
      guard let number = number(value), let depth = Int32(exactly: number) else {
        throw .wrong(joined("--depth takes a number, not '", value, "'"))
      }
      self.depth = depth
    case UInt8(ascii: "i"): interfaces.append(InterfaceName(value.bytes))
    case UInt8(ascii: "e"): endpointInterfaces.append(InterfaceName(value.bytes))
    case UInt8(ascii: "l"): isLong = true
    case UInt8(ascii: "t"):
      guard let time = seconds(value) else { throw .wrong(joined("--timeout takes seconds, not '", value, "'")) }
      timeout = time
    case UInt8(ascii: "j"): json = isatty(STDOUT_FILENO) == 1 ? .pretty : .short
    case UInt8(ascii: "h"):
      print(Help.text)
      throw .exit(.done)
    default: throw .exit(.wrongArguments)  // getopt_long has said what it is
    }
  }

  private mutating func take(_ option: Long, _ value: ByteString) throws(Failure) {
    switch option {
    case .json:
      if value == "short" {
        json = .short
      } else if value == "pretty" {
        json = .pretty
      } else if value == "off" {
        json = .off
      } else {
        throw .wrong(joined("--json takes short, pretty or off, not '", value, "'"))
      }
    case .via:
      if value == "auto" {
        client.source = .auto
      } else if value == "pool" {
        client.source = .pool
      } else if value == "bus" {
        client.source = .bus
      } else {
        throw .wrong(joined("--via takes auto, pool or bus, not '", value, "'"))
      }
    case .color:
      if value == "always" {
        isColoured = true
      } else if value == "never" {
        isColoured = false
      } else if value != "auto" {
        throw .wrong(joined("--color takes auto, always or never, not '", value, "'"))
      }
    case .bus: comparesWithBus = true
    case .address: client.address = value
    case .pool: client.poolPath = value
    case .version:
      print(Help.version)
      throw .exit(.done)
    }
  }

  /// Standard output is a terminal that has colours, and nobody objects (no-color.org).
  private static var terminalHasColours: Bool {
    guard isatty(STDOUT_FILENO) == 1, unsafe shm_secure_getenv("NO_COLOR").map({ unsafe $0.pointee == 0 }) ?? true
    else {
      return false
    }
    guard let terminal = unsafe shm_secure_getenv("TERM") else { return false }
    return unsafe strcmp(terminal, "dumb") != 0
  }

  private func print(_ text: StaticString) {
    unsafe _ = write(STDOUT_FILENO, text.utf8Start, text.utf8CodeUnitCount)
  }

  // MARK: Table and numbers

  private static func long(_ name: StaticString, short: Unicode.Scalar, takesValue: Bool = false) -> option {
    unsafe entry(name, Int32(short.value), takesValue)
  }

  private static func long(_ name: StaticString, _ long: Long, takesValue: Bool = false) -> option {
    unsafe entry(name, long.rawValue, takesValue)
  }

  /// One entry of getopt_long's table. The name is a literal, so it lives for ever.
  private static func entry(_ name: StaticString, _ value: Int32, _ takesValue: Bool) -> option {
    unsafe option(
      name: UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self),
      has_arg: takesValue ? required_argument : no_argument, flag: nil, val: value)
  }

  private func number(_ text: ByteString) -> Int? {
    var digits = text.bytes[...]
    let isNegative = digits.first == UInt8(ascii: "-")
    if isNegative { digits = digits.dropFirst() }
    guard (1...9).contains(digits.count) else { return nil }
    var value = 0
    for byte in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      value = value * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return isNegative ? -value : value
  }

  /// Seconds, with a fraction if wanted, as microseconds.
  private func seconds(_ text: ByteString) -> UInt64? {
    let parts = text.bytes.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = number(ByteString(Array(parts[0]))), whole >= 0 else { return nil }
    guard parts.count == 2 else { return UInt64(whole) * 1_000_000 }
    let fraction = Array((Array(parts[1]) + [UInt8](repeating: UInt8(ascii: "0"), count: 6)).prefix(6))
    guard !parts[1].isEmpty, let part = number(ByteString(fraction)), part >= 0 else { return nil }
    return UInt64(whole) * 1_000_000 + UInt64(part)
  }
}

/// A text around a name.
func joined<Kind>(_ before: StaticString, _ name: Name<Kind>, _ after: StaticString = "") -> ByteString {
  ByteString(ByteString(before).bytes + name.bytes + ByteString(after).bytes)
}
