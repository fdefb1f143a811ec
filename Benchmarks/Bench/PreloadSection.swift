// A program that knows nothing of shmapper and calls the mapper through libsystemd (Benchmarks/TimesSDBus): the same binary with the
// preload library and without, in turn.

import BenchSupport
import Foundation

import struct TestSupport.Run

struct PreloadSection {
  static let title = "an unmodified program"
  static let questions: [(word: String, title: String)] = [
    ("object", "GetObject of a sensor"), ("paths", "GetSubTreePaths of all sensors"),
    ("subtree", "GetSubTree of all sensors"),
  ]

  static func line(_ title: String, preloaded: Bool) -> String {
    "\(title); \(preloaded ? "under the preload library" : "over D-Bus")"
  }

  /// How often each of the two runs.
  private static let turns = 2

  let treeName: String
  let stage: Stage

  /// Asks a mapper that has been running for a while.
  func run(_ mapper: MapperProcess, into report: inout Report) throws {
    let sensor = stage.tree.firstPath(with: "xyz.openbmc_project.Sensor.Value") ?? "/"
    let runs = [
      (false, [:]),
      (true, ["LD_PRELOAD": Programs.installed("libshmapper-preload.so"), "SHMAPPER_PRELOAD_STATS": "1"]),
    ]
    for _ in 0..<PreloadSection.turns {
      for (isPreloaded, preload) in runs {
        let environment = ["DBUS_SYSTEM_BUS_ADDRESS": stage.bus.address, "SHMAPPER_POOL": mapper.poolPath]
        let run = try Run(
          [Programs.beside("times-sdbus"), sensor], environment: environment.merging(preload) { $1 }, within: 120)
        guard run.end == .exit(0), run.error.hasPrefix("shmapper-preload: answered") == isPreloaded else {
          throw Failure("times-sdbus ended with \(run.end.map { "\($0)" } ?? "a hang"): \(run.error)")
        }
        let output = TimesOutput(run.output)
        for question in PreloadSection.questions {
          let (answers, samples) = try output.samples(of: question.word)
          report.add(
            Measurement(
              tree: treeName, section: PreloadSection.title,
              line: PreloadSection.line(question.title, preloaded: isPreloaded), unit: "us", subject: "shmapper",
              answers: answers, samples: samples))
        }
      }
    }
  }
}

/// What a program that times itself prints: `WORD ANSWERS NANOSECONDS` for each sample, `WORD NUMBER` for facts.
struct TimesOutput {
  private var found: [String: (answers: Int, samples: Samples)] = [:]
  private(set) var facts: [String: Int] = [:]

  init(_ output: String) {
    for line in output.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count > 1, let number = Int(words[1]) else { continue }
      if words.count == 2 { facts[String(words[0])] = number }
      guard words.count == 3, let time = Double(words[2]) else { continue }
      var entry = found[String(words[0])] ?? (number, Samples())
      entry.samples.add(time / 1e3)
      found[String(words[0])] = entry
    }
  }

  /// In microseconds.
  func samples(of word: String) throws -> (answers: Int, samples: Samples) {
    guard let entry = found[word] else { throw Failure("no samples of \(word)") }
    return entry
  }
}
