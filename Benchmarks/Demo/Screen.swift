// Text for a person, in colour on a terminal.

import Foundation

struct Screen {
  private let isTerminal = isatty(1) == 1

  func title(_ text: String) { say("\(styled(text, "1"))\n") }
  func fact(_ name: String, _ value: String) {
    say("  \(name.padding(toLength: 15, withPad: " ", startingAt: 0))\(value)")
  }
  func heading(_ question: String, _ call: String) { say("\n\(styled(question, "1"))\n  \(styled(call, "36"))") }
  func note(_ text: String) { say("  \(styled(text, "2"))") }

  /// Long answers are cut: this is to be read.
  func answer(_ lines: [String]) {
    let shown = lines.count > 10 ? lines.prefix(8) + ["… and \(lines.count - 8) more"] : lines[...]
    for line in shown { say("    \(line)") }
  }

  func say(_ text: String) {
    print(text)
    fflush(nil)
  }

  private func styled(_ text: String, _ style: String) -> String {
    isTerminal ? "\u{1B}[\(style)m\(text)\u{1B}[0m" : text
  }
}
