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

  /// A program that has nothing to do with D-Bus, from its start to its end.
  static func startLine(preloaded: Bool) -> String {
    "start and end of a program without D-Bus\(preloaded ? "; with the preload library" : "")"
  }

  /// How often each of the two runs.
  private static let turns = 2

  let treeName: String
  let stage: Stage

  /// Starts and ends `true`, with the library and without, in turn.
  func runStarts(into report: inout Report) throws {
    let library = "LD_PRELOAD=\(Programs.installed("libshmapper-preload.so"))"
    for _ in 0..<200 {
      for environment in [[], [library]] {
        let start = ContinuousClock.now
        try runToEnd("/bin/true", environment)
        report.add(
          Measurement(
            tree: treeName, section: PreloadSection.title,
            line: PreloadSection.startLine(preloaded: !environment.isEmpty), unit: "us", subject: "shmapper",
            samples: Samples([(ContinuousClock.now - start) / .microseconds(1)])))
      }
    }
  }

  private func runToEnd(_ program: String, _ environment: [String]) throws {
    var arguments = [strdup(program), nil]
    var variables = environment.map { strdup($0) } + [nil]
    defer { for text in arguments + variables { free(text) } }
    var child = pid_t()
    var status: Int32 = -1
    guard posix_spawn(&child, program, nil, nil, &arguments, &variables) == 0, waitpid(child, &status, 0) == child,
      status == 0
    else { throw Failure("\(program) does not run") }
  }

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
