// How many calls to the mapper were answered here, and why others were not: SHMAPPER_PRELOAD_STATS=1.

import CPreload
import CSystem

/// Why a call went to D-Bus.
enum Passed: Int {
  /// The pool may be behind what this process knows, or no mapper stands behind it.
  case behind
  /// No pool of this bus.
  case noPool
  /// An asynchronous call with a slot, or without a callback.
  case slot
  /// The connection is not established yet.
  case notReady
  /// Another method, object, interface or signature: the mapper's own error is the answer.
  case wrongCall
}

enum Answered: Int {
  case synchronous = 5
  case asynchronous = 6
}

enum Statistics {
  private static let names: [StaticString] = [
    "pool behind", "no pool", "with a slot", "bus not ready", "other calls", "synchronous", "asynchronous",
  ]

  /// One word each; nil when nobody wants to know.
  nonisolated(unsafe) private static let words: UnsafeMutablePointer<UInt32>? = {
    guard let wish = unsafe shm_secure_getenv(StaticString("SHMAPPER_PRELOAD_STATS").cString),
      unsafe wish.pointee == CChar(UInt8(ascii: "1"))
    else { return nil }
    let words = UnsafeMutablePointer<UInt32>.allocate(capacity: names.count)
    unsafe words.initialize(repeating: 0, count: names.count)
    preload_at_exit { Statistics.print() }
    return unsafe words
  }()

  static func count(_ reason: Passed) { count(reason.rawValue) }
  static func count(_ answered: Answered) { count(answered.rawValue) }

  private static func count(_ index: Int) {
    if let words = unsafe words { unsafe _ = shm_add32(words + index, 1) }
  }

  /// One line, by one write, so that it stays whole among others.
  private static func print() {
    guard let words = unsafe words else { return }
    var line: [UInt8] = []
    func add(_ text: StaticString) {
      unsafe line.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
    func add(_ index: Int) {
      add(names[index])
      add(" ")
      var digits: [UInt8] = []
      var left = unsafe shm_load32(words + index)
      repeat {
        digits.append(UInt8(ascii: "0") + UInt8(left % 10))
        left /= 10
      } while left > 0
      while let digit = digits.popLast() { line.append(digit) }
    }
    add("shmapper-preload: answered in-process: ")
    add(Answered.synchronous.rawValue)
    add(", ")
    add(Answered.asynchronous.rawValue)
    add("; passed through: ")
    for index in 0...Passed.wrongCall.rawValue {
      if index > 0 { add(", ") }
      add(index)
    }
    add("\n")
    unsafe _ = line.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
  }
}
