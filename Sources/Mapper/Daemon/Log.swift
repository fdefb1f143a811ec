// Log lines, as the journal wants them: one write per line to standard error, a level in front when nobody reads it
// on a terminal.
//
// Faults of peers are many when they come: each kind is rate-limited, so that no peer can fill the log.

import CSystem
import Database

/// How important a line is, with the numbers of syslog(3).
enum LogLevel: Int32 {
  case error = 3
  case warning, notice, info, debug
}

/// What peers do wrong. Each kind has its own limit in the log.
enum FaultKind: Int {
  case invalidSignal, brokenDocument, silentService, oversizedTree, invalidAssociation, failedCall, poolTrouble
  static let count = 7
}

/// A line of text, put together from literals, names and numbers without String.
struct LogText: ExpressibleByStringInterpolation {
  fileprivate var bytes: [UInt8]

  init(stringLiteral value: StaticString) {
    bytes = unsafe [UInt8](UnsafeBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
  }

  init(stringInterpolation: Interpolation) { bytes = stringInterpolation.bytes }

  /// The same text for sd_notify.
  var byteString: ByteString { ByteString(bytes) }

  struct Interpolation: StringInterpolationProtocol {
    fileprivate var bytes: [UInt8] = []

    init(literalCapacity: Int, interpolationCount: Int) { bytes.reserveCapacity(literalCapacity) }

    @inline(never)
    mutating func appendLiteral(_ literal: StaticString) {
      unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// A name from the bus: what is no printable ASCII shows as `?`, and no more than 256 bytes of it show.
    mutating func appendInterpolation<Kind>(_ name: Name<Kind>) { append(name: name.bytes) }

    @inline(never)
    private mutating func append(name: [UInt8]) {
      for byte in name.prefix(256) { bytes.append(byte > 32 && byte < 127 ? byte : UInt8(ascii: "?")) }
    }

    /// A message of the C library, which may hold blanks.
    mutating func appendInterpolation(text: ByteString) { bytes.append(contentsOf: text.bytes) }

    @inline(never)
    mutating func appendInterpolation(_ number: Int) {
      if number < 0 { bytes.append(UInt8(ascii: "-")) }
      var digits: [UInt8] = []
      var rest = number.magnitude
      repeat {
        digits.append(UInt8(ascii: "0") + UInt8(rest % 10))
        rest /= 10
      } while rest > 0
      bytes.append(contentsOf: digits.reversed())
    }
  }
}

/// Writes to standard error. One thread only.
final class Log {
  private let level: LogLevel
  private let isPrefixed: Bool
  private var limits = [RateLimit](repeating: RateLimit(), count: FaultKind.count)

  init(level: LogLevel) {
    self.level = level
    isPrefixed = isatty(2) == 0
  }

  @inline(never)
  func write(_ level: LogLevel, _ text: LogText) {
    guard level.rawValue <= self.level.rawValue else { return }
    var line: [UInt8] = []
    line.reserveCapacity(text.bytes.count + 4)
    if isPrefixed {
      line.append(UInt8(ascii: "<"))
      line.append(UInt8(ascii: "0") + UInt8(level.rawValue))
      line.append(UInt8(ascii: ">"))
    }
    line.append(contentsOf: text.bytes)
    line.append(UInt8(ascii: "\n"))
    // A log that cannot be written leaves nobody to tell.
    _ = unsafe line.withUnsafeBytes { unsafe CSystem.write(2, $0.baseAddress, $0.count) }
  }

  /// A warning about a peer. At most ten lines of one kind a minute; the next line tells how many were left out.
  @inline(never)
  func fault(_ kind: FaultKind, _ text: LogText) {
    guard level.rawValue >= LogLevel.warning.rawValue else { return }
    guard let omitted = limits[kind.rawValue].next(at: shm_now_us()) else { return }
    if omitted > 0 { write(.warning, "\(omitted) more faults like the next were not logged") }
    write(.warning, text)
  }
}

/// Lets ten through in a minute.
private struct RateLimit {
  private static let lines = 10
  private static let interval: UInt64 = 60_000_000
  private var start: UInt64 = 0
  private var count = 0

  /// How many were held back since the last that passed; none: hold this one back too.
  mutating func next(at now: UInt64) -> Int? {
    var omitted = 0
    if start == 0 || now - start >= Self.interval {
      omitted = max(0, count - Self.lines)
      start = now
      count = 0
    }
    count += 1
    return count <= Self.lines ? omitted : nil
  }
}
