// The stress programs, small: the command `stress` does the same at full length.

import Foundation
import TestSupport
import Testing

@Suite(.lane)
struct StressTests {
  private func run(_ arguments: [String], within seconds: Double = 120) throws -> Run {
    try Run([try Products.program("stress")] + arguments, within: seconds)
  }

  @Test("no answer is older than what was heard of", arguments: PrivateBus.Kind.allCases.filter(\.isInstalled))
  func rule(_ kind: PrivateBus.Kind) throws {
    let run = try run(["rule", "--events", "3000", "--bus", kind.rawValue])
    #expect(run.end == .exit(0), "\(run.output)\(run.error)")
    #expect(run.output.contains(" 0 older answers, 0 failed"))
  }

  @Test("readers do not notice a daemon that is killed again and again")
  func kill() throws {
    let run = try run(["kill", "--times", "8"])
    #expect(run.end == .exit(0), "\(run.output)\(run.error)")
    #expect(run.output.components(separatedBy: "failed 0, torn or empty 0;").count == 9, "\(run.output)")
  }
}
