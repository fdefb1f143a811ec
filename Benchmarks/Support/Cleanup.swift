// What must be undone before this process ends, whichever way it ends: children stopped, folders removed.
//
// Actions run last in, first out, once: at a normal end through `finish`, or when SIGINT, SIGTERM or SIGHUP arrives.
// SIGKILL cannot be caught; children then end by themselves, because `Child` ties their lives to their parent's.

import Foundation

public final class Cleanup: @unchecked Sendable {
  public static let shared = Cleanup()

  private let lock = NSLock()
  private var actions: [(id: Int, run: () -> Void)] = []
  private var nextID = 0

  /// From now on the three signals run the actions and end the process with 128 + the signal's number. To be called once, in
  /// main, before any other thread exists.
  public func handleSignals() {
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, number) }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let waited = signals
    let thread = Thread { [self] in
      var set = waited
      var number: Int32 = 0
      sigwait(&set, &number)
      runAll()
      _exit(128 + number)
    }
    thread.start()
  }

  /// Adds an action and returns what `cancel` takes.
  public func add(_ action: @escaping () -> Void) -> Int {
    lock.withLock {
      nextID += 1
      actions.append((nextID, action))
      return nextID
    }
  }

  /// Forgets an action without running it.
  public func cancel(_ id: Int) {
    lock.withLock { actions.removeAll { $0.id == id } }
  }

  /// Runs all actions and ends the process.
  public func finish(_ status: Int32) -> Never {
    runAll()
    exit(status)
  }

  private func runAll() {
    while let action = lock.withLock({ actions.popLast() }) { action.run() }
  }
}
