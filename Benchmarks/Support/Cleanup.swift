// What must be undone before this process ends, whichever way it ends: children stopped, folders removed.
//
// Actions run last in, first out, once: at a normal end, or when SIGINT, SIGTERM or SIGHUP arrives.
// SIGKILL cannot be caught; children then end by themselves, because `Child` ties their lives to their parent's.

import Foundation

public final class Cleanup: @unchecked Sendable {
  public static let shared = Cleanup()

  private let lock = NSLock()
  private var actions: [(id: Int, run: () -> Void)] = []
  private var nextID = 0
  private var interrupted = false

  /// The whole life of a tool: runs `body`, prints what it throws, runs the actions and ends the process. SIGINT, SIGTERM and
  /// SIGHUP run the actions too and end it with 128 + the signal's number. To be called before any other thread exists.
  public func main(_ name: String, _ body: () throws -> Void) -> Never {
    handleSignals()
    var status: Int32 = 0
    do {
      try body()
    } catch {
      // What fails because a signal is taking everything away is not worth a message; Ctrl-C reaches the children first.
      usleep(50_000)
      if !isInterrupted { FileHandle.standardError.write(Data("\(name): \(error)\n".utf8)) }
      status = 1
    }
    while isInterrupted { pause() }
    runAll()
    exit(status)
  }

  private var isInterrupted: Bool { lock.withLock { interrupted } }

  private func handleSignals() {
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, number) }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let waited = signals
    let thread = Thread { [self] in
      var set = waited
      var number: Int32 = 0
      sigwait(&set, &number)
      lock.withLock { interrupted = true }
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

  private func runAll() {
    while let action = lock.withLock({ actions.popLast() }) { action.run() }
  }
}
