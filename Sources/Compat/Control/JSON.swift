// JSON as it is written: nothing is kept, so an answer may be as long as it wants.

import CSystem
import Database

enum JSONForm {
  case off, short, pretty
}

/// Writes one JSON value to a screen. The caller balances the containers.
struct JSON {
  private let screen: Screen
  private let isPretty: Bool
  /// For each container that is open: whether it has an element.
  private var hasElement: [Bool] = []
  private var isAfterKey = false

  init(_ screen: Screen, _ form: JSONForm) {
    self.screen = screen
    isPretty = form == .pretty
  }

  mutating func beginObject() { begin("{") }
  mutating func endObject() { end("}") }
  mutating func beginArray() { begin("[") }
  mutating func endArray() { end("]") }

  @inline(never)
  mutating func key(_ key: StaticString) { self.key(ByteString(key)) }

  @inline(never)
  mutating func key<Kind>(_ key: Name<Kind>) {
    separate()
    quote(key.bytes, .key)
    screen.add(isPretty ? ": " : ":")
    isAfterKey = true
  }

  @inline(never)
  mutating func string<Kind>(_ text: Name<Kind>) {
    separate()
    quote(text.bytes, .good)
  }

  @inline(never)
  mutating func string(_ text: StaticString) { string(ByteString(text)) }

  @inline(never)
  mutating func number(_ number: Int) {
    separate()
    screen.add(number)
  }

  @inline(never)
  mutating func bool(_ value: Bool) {
    separate()
    screen.add(value ? "true" : "false")
  }

  /// Ends the value, and the line.
  mutating func finish() { screen.newline() }

  @inline(never)
  private mutating func begin(_ bracket: StaticString) {
    separate()
    screen.add(bracket)
    hasElement.append(false)
  }

  @inline(never)
  private mutating func end(_ bracket: StaticString) {
    if hasElement.removeLast() { breakLine() }
    screen.add(bracket)
  }

  /// What stands between this element and the one before.
  private mutating func separate() {
    if isAfterKey {
      isAfterKey = false
      return
    }
    guard let last = hasElement.last else { return }
    if last { screen.add(",") }
    hasElement[hasElement.count - 1] = true
    breakLine()
  }

  private func breakLine() {
    guard isPretty else { return }
    screen.newline()
    screen.pad(2 * hasElement.count)
  }

  @inline(never)
  private func quote(_ text: [UInt8], _ style: Style) {
    var quoted: [UInt8] = [UInt8(ascii: "\"")]
    for byte in text {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): quoted += [UInt8(ascii: "\\"), byte]
      case 0..<32, 127:
        quoted += [UInt8(ascii: "\\"), UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0")]
        for digit in [byte >> 4, byte & 15] {
          quoted.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
      default: quoted.append(byte)
      }
    }
    quoted.append(UInt8(ascii: "\""))
    screen.add(ByteString(quoted), style)
  }
}
