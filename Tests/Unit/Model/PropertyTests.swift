// Random histories, told to the engine and to the naive model alike. A failure prints its seed and the shortest history found
// that still fails; `Storyteller(seed:)` tells it again.

import Foundation
import Testing

@testable import Database

/// How many times the usual number of cases: the environment variable EFFORT.
let effort = UInt64(ProcessInfo.processInfo.environment["EFFORT"] ?? "") ?? 1

@Suite struct PropertyTests {
  /// The first difference that a history shows; nil when there is none.
  private func difference(_ history: [Operation]) -> String? {
    do {
      var twins = try Twins()
      for operation in history { try twins.apply(operation) }
      try twins.compareAll()
      return nil
    } catch { return "\(error)" }
  }

  /// Leaves out whatever is not needed for a failure.
  private func shortened(_ history: [Operation]) -> [Operation] {
    var history = history
    var width = max(history.count / 2, 1)
    while true {
      var start = 0
      while start < history.count {
        var shorter = history
        shorter.removeSubrange(start..<min(start + width, history.count))
        if difference(shorter) != nil { history = shorter } else { start += width }
      }
      if width == 1 { return history }
      width /= 2
    }
  }

  private func check(_ seeds: Range<UInt64>, length: Int) {
    for seed in seeds {
      var storyteller = Storyteller(seed: seed)
      let history = storyteller.history(length)
      guard difference(history) != nil else { continue }
      let short = shortened(history)
      let story = short.map { "    \($0)" }.joined(separator: "\n")
      Issue.record("seed \(seed), \(short.count) of \(history.count) operations:\n\(story)\n\(difference(short) ?? "")")
      return
    }
  }

  @Test("Every question is answered, and every event told, as the model does")
  func shortHistories() { check(1..<(1 + 150 * effort), length: 60) }

  @Test("So they are after a thousand changes")
  func longHistories() { check(1_000_000..<(1_000_000 + 8 * effort), length: 1_000) }
}
