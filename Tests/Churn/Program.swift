// churn: one process of the test of reading while writing. Built like the programs that are installed, so that what is killed
// and read from is the code that ships.
//
//     churn write POOL BOARD SLOT SEED    changes the pool without pause, until it is killed or the board says stop
//     churn read POOL BOARD SLOT SEED     asks without pause; ends with 1 and a line when an answer was no whole state
//
// The board is a small file that all processes of a test map: see Board.swift.

import CSystem
import Database
import ShMap

@c(churn_main)
public func program(_ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
  var words: [ByteString] = []
  for index in 0..<Int(count) { words.append(unsafe ByteString(cString: arguments[index]!)) }
  guard words.count == 6, let slot = words[4].number, let seed = words[5].number else {
    say("usage: churn write|read POOL BOARD SLOT SEED")
    return 2
  }
  guard let board = Board(words[3], slot: Int(slot)) else {
    say("churn: cannot map the board")
    return 2
  }
  let random = Random(seed)
  if words[1] == "write" {
    do throws(PoolError) {
      var writer = try Writer(words[2], random, board)
      try writer.run()
      return 0
    } catch {
      // The one before is not quite dead yet.
      return error == .inUse ? 3 : fail("the pool cannot be written")
    }
  }
  var reader = PoolReader(words[2], random, board)
  return reader.run() ? 0 : 1
}

func say(_ text: StaticString) {
  _ = unsafe write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
  _ = unsafe write(STDERR_FILENO, "\n", 1)
}

func fail(_ text: StaticString) -> Int32 {
  say(text)
  return 1
}

extension Name {
  /// The decimal number that these bytes spell; nil when they do not.
  var number: UInt64? {
    var value: UInt64 = 0
    for byte in bytes {
      guard byte >= 48, byte < 58, value < 1 << 59 else { return nil }
      value = value * 10 + UInt64(byte - 48)
    }
    return bytes.isEmpty ? nil : value
  }

  /// These bytes followed by a decimal number.
  func with(_ number: Int) -> Name {
    var digits: [UInt8] = []
    var rest = number
    repeat {
      digits.append(48 + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    return Name(bytes + [UInt8](digits.reversed()))
  }
}

/// Random numbers (xorshift).
struct Random {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

  mutating func below(_ bound: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(truncatingIfNeeded: (state >> 33) % UInt64(bound))
  }
}
