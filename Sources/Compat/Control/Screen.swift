// Text on its way out: gathered, coloured on a terminal, written in large pieces.
//
// What comes from the bus is data and not to be trusted: control characters, which could command a terminal, show as `?`.

import CSystem
import Database

/// What a piece of text is, which decides its colour.
enum Style {
  case plain, path, service, interface, dim, good, bad, key

  /// The terminal's sequence that begins it; none for plain text.
  var sequence: StaticString? {
    switch self {
    case .plain: nil
    case .path: "\u{1b}[1m"
    case .service: "\u{1b}[36m"
    case .interface: "\u{1b}[32m"
    case .dim: "\u{1b}[2m"
    case .good: "\u{1b}[32m"
    case .bad: "\u{1b}[31m"
    case .key: "\u{1b}[34m"
    }
  }
}

/// A file descriptor with a buffer. One thread only. Everything is written when `flush()` is called.
///
/// Nothing is inlined: output is what this program mostly consists of.
@safe
final class Screen {
  private let file: Int32
  let isColoured: Bool
  private var buffer: [UInt8] = []
  /// The first thing that went wrong: nothing more is written after it.
  private(set) var failure: Int32 = 0

  init(_ file: Int32, isColoured: Bool) {
    self.file = file
    self.isColoured = isColoured
  }

  @inline(never)
  func add(_ text: StaticString, _ style: Style = .plain) {
    begin(style)
    unsafe buffer.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    end(style)
  }

  /// Adds a text that comes from somewhere else.
  @inline(never)
  func add<Kind>(_ name: Name<Kind>, _ style: Style = .plain) {
    begin(style)
    for byte in name.bytes { buffer.append(byte >= 32 && byte != 127 ? byte : UInt8(ascii: "?")) }
    end(style)
  }

  @inline(never)
  func add(_ number: Int, _ style: Style = .plain) {
    begin(style)
    buffer.append(contentsOf: digits(of: number))
    end(style)
  }

  /// Adds bytes as they are.
  func add(raw byte: UInt8) {
    buffer.append(byte)
    if buffer.count >= 1 << 16 { flush() }
  }

  @inline(never)
  func pad(_ count: Int) {
    if count > 0 { for _ in 0..<count { buffer.append(UInt8(ascii: " ")) } }
  }

  @inline(never)
  func newline() {
    add(raw: UInt8(ascii: "\n"))
  }

  private func begin(_ style: Style) {
    guard isColoured, let sequence = style.sequence else { return }
    unsafe buffer.append(
      contentsOf: UnsafeBufferPointer(start: sequence.utf8Start, count: sequence.utf8CodeUnitCount))
  }

  private func end(_ style: Style) {
    if isColoured, style != .plain { buffer.append(contentsOf: [0x1b, 0x5b, 0x30, 0x6d]) }
  }

  func flush() {
    var done = 0
    while done < buffer.count, failure == 0 {
      let written = unsafe buffer.withUnsafeBytes {
        unsafe write(file, $0.baseAddress! + done, $0.count - done)
      }
      if written >= 0 { done += written } else if shm_errno() != EINTR { failure = shm_errno() }
    }
    buffer.removeAll(keepingCapacity: true)
  }
}

/// A decimal number.
func digits(of number: Int) -> [UInt8] {
  var digits: [UInt8] = []
  var rest = number.magnitude
  repeat {
    digits.append(UInt8(ascii: "0") + UInt8(rest % 10))
    rest /= 10
  } while rest > 0
  if number < 0 { digits.append(UInt8(ascii: "-")) }
  return digits.reversed()
}
