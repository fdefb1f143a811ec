// Threads for tests that block: bounded, and apart from the few on which Swift runs everything that is asynchronous.

import Dispatch

/// Runs the body of one test. Everything that the body calls stays on it.
private final class Lane: TaskExecutor {
  private let queue = DispatchQueue(label: "test lane")

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

/// A bounded number of blocking tests at once.
public actor Lanes {
  /// Most of a scenario's time is pauses, so there may be more of them than cores.
  public static let shared = Lanes(count: 5)

  private var free: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  public init(count: Int) { free = count }

  public func run<T: Sendable>(_ body: @Sendable () async throws -> T) async rethrows -> T {
    await enter()
    defer { leave() }
    return try await withTaskExecutorPreference(Lane(), operation: body)
  }

  private func enter() async {
    if free > 0 {
      free -= 1
    } else {
      await withCheckedContinuation { waiting.append($0) }
    }
  }

  private func leave() {
    if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
  }
}
