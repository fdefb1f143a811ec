// stress: shows, under load, what docs/consistency.md and docs/architecture.md promise.
//
//   stress rule [--events N] [--bus dbus-daemon|dbus-broker] [--fast]
//       A client that looks each object up at the moment it hears of it: no answer may be older than D-Bus's. --fast skips
//       the rule, to see that this program would notice.
//   stress kill [--times N] [--bus ...]
//       The daemon is killed again and again while eight processes look things up: no lookup may fail or be half an answer.
//   stress reader POOL ADDRESS COUNT
//       One of the eight. Ends with SIGTERM.
//
// Exit status 0: all was as promised; 1: it was not.

import BenchSupport
import Foundation
import TestSupport

let arguments = Arguments()
if arguments.command == "reader" { exit(StableReader(arguments.words).run()) }
Cleanup.shared.main("stress") { try arguments.run() }

struct Arguments {
  let command = CommandLine.arguments.dropFirst().first ?? ""
  let words = Array(CommandLine.arguments.dropFirst(2))

  func run() throws {
    guard let kind = PrivateBus.Kind(rawValue: option("bus") ?? "dbus-daemon") else { throw Failure("no such bus") }
    switch command {
    case "rule":
      try RuleStress(kind, events: number("events", 100_000), isFast: words.contains("--fast")).run()
    case "kill": try KillStress(kind, times: number("times", 100)).run()
    default: throw Failure("usage: stress rule|kill [--events N] [--times N] [--bus dbus-daemon|dbus-broker] [--fast]")
    }
  }

  private func option(_ name: String) -> String? {
    guard let at = words.firstIndex(of: "--\(name)"), at + 1 < words.count else { return nil }
    return words[at + 1]
  }

  private func number(_ name: String, _ standard: Int) -> Int { option(name).flatMap(Int.init) ?? standard }
}
