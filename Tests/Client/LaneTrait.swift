// Tests that wait for processes and buses block: this trait gives each a thread of its own, a bounded number at once.

import TestSupport
import Testing

struct LaneTrait: TestTrait, SuiteTrait, TestScoping {
  var isRecursive: Bool { true }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing body: @Sendable () async throws -> Void
  ) async throws {
    try await Lanes.shared.run(body)
  }
}

extension Trait where Self == LaneTrait {
  static var lane: Self { Self() }
}
