// Where and when a benchmark ran: a number without them means nothing.

import BenchSupport
import Foundation

import struct TestSupport.Run

struct Conditions {
  var date: String
  var processor: String
  var cores: Int
  var kernel: String
  var bus: String
  var commit: String
  var rounds: Int
  /// Processes that wanted a core in the minute before: far above zero, times tell little and CPU times still much.
  var load: String

  init(rounds: Int) {
    self.rounds = rounds
    load =
      (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8))?.split(separator: " ").first.map(String.init)
      ?? "?"
    let format = DateFormatter()
    format.dateFormat = "yyyy-MM-dd HH:mm"
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(identifier: "UTC")
    date = format.string(from: Date())
    processor =
      (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?
      .split(separator: "\n").first { $0.hasPrefix("model name") }?
      .split(separator: ":", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown processor"
    cores = ProcessInfo.processInfo.activeProcessorCount
    kernel =
      (try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8))?
      .trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
    bus = Conditions.firstLine(of: ["dbus-daemon", "--version"]) ?? "dbus-daemon"
    let commit = Conditions.firstLine(of: ["git", "rev-parse", "--short", "HEAD"]) ?? "unknown commit"
    let isDirty = Conditions.firstLine(of: ["git", "status", "--porcelain", "--untracked-files=no"]) != nil
    self.commit = isDirty ? "\(commit) with changes" : commit
  }

  var sentence: String {
    "Measured \(date) UTC on \(cores) cores of \(processor), Linux \(kernel), \(bus), "
      + "commit \(commit), \(rounds) round\(rounds == 1 ? "" : "s"), load average \(load) before."
  }

  var dictionary: [String: Any] {
    [
      "date": date, "processor": processor, "cores": cores, "kernel": kernel, "bus": bus, "commit": commit,
      "rounds": rounds, "load": load,
    ]
  }

  private static func firstLine(of command: [String]) -> String? {
    let output = (try? Run(command))?.output.split(separator: "\n").first.map(String.init)
    return output?.replacingOccurrences(of: "D-Bus Message Bus Daemon", with: "dbus-daemon")
  }
}
