// The same questions as over D-Bus, answered in the asking process out of the pool while the mapper runs, in the exact mode: through
// libshmapper from C, and through the Swift client, in the Embedded build that is shipped and in the one that other Swift programs
// get. Each is a program of its own that times itself (Benchmarks/Times, Benchmarks/TimesC).

import BenchSupport
import Foundation

import struct TestSupport.Run

struct InProcessSection {
  static let title = "in-process"

  /// Who asks.
  enum Asker: String, CaseIterable {
    case c = "C"
    case swift = "Swift"
    case ordinary = "Swift, not Embedded"

    func command(_ sensor: String) -> [String] {
      switch self {
      case .c: [Programs.beside("times-c"), Programs.installed("libshmapper.so"), sensor]
      case .swift: [Programs.installed("times-swift"), sensor]
      case .ordinary: [Programs.beside("times-swift"), sensor]
      }
    }
  }

  /// What is asked: as the programs call it, as people do, and what is to be reached in microseconds.
  static let questions: [(word: String, title: String, goal: Double)] = [
    ("object", "GetObject of a sensor", 0.3),
    ("visited", "GetSubTreePaths of all sensors, visited in place", 10),
    ("copied", "GetSubTreePaths of all sensors, copied", 50),
  ]

  static func line(_ title: String, _ asker: Asker) -> String { "\(title); \(asker.rawValue)" }

  let treeName: String
  let stage: Stage

  /// Asks a mapper that has been running for a while.
  func run(_ mapper: MapperProcess, into report: inout Report) throws {
    let sensor = stage.tree.firstPath(with: "xyz.openbmc_project.Sensor.Value") ?? "/"
    let environment = ["DBUS_SYSTEM_BUS_ADDRESS": stage.bus.address, "SHMAPPER_POOL": mapper.poolPath]
    let outputs = try Asker.allCases.map { asker in
      let run = try Run(asker.command(sensor), environment: environment, within: 60)
      guard run.end == .exit(0) else { throw Failure("\(asker.command(sensor)[0]): \(run.error)") }
      let output = TimesOutput(run.output)
      // The first answer of all comes over D-Bus.
      guard output.facts["over-bus", default: .max] < 100 else { throw Failure("the pool did not answer") }
      return (asker, output)
    }
    for question in InProcessSection.questions {
      for (asker, output) in outputs {
        let (answers, samples) = try output.samples(of: question.word)
        report.add(
          Measurement(
            tree: treeName, section: InProcessSection.title, line: InProcessSection.line(question.title, asker),
            unit: "us", subject: "shmapper", answers: answers, samples: samples))
      }
    }
  }
}
