// The life of a developer's tool: whichever way it ends, what it made in the file system is gone afterwards.
//
// Processes need no care here: a `Child` of TestSupport dies with the process that started it. SIGKILL cannot be caught;
// the folder that it leaves is removed by the next tool or test that makes one.

import Foundation

public final class Cleanup: @unchecked Sendable {
  public static let shared = Cleanup()

  private let lock = NSLock()
  private var folders: [String] = []
  private var interrupted = false

  /// Removes that folder when the process ends, if it is still there.
  public func remove(_ folder: String) {
    lock.withLock { folders.append(folder) }
  }

  /// Runs `body`, prints what it throws, cleans up and ends the process. SIGINT, SIGTERM and SIGHUP clean up too and end it with
  /// 128 + the signal's number. To be called before any other thread exists.
  public func main(_ name: String, _ body: () throws -> Void) -> Never {
    handleSignals()
    var status: Int32 = 0
    do {
      try body()
    } catch {
      // What fails because a signal is taking everything away is not worth a message.
      usleep(20_000)
      if !isInterrupted { FileHandle.standardError.write(Data("\(name): \(error)\n".utf8)) }
      status = 1
    }
    while isInterrupted { pause() }
    removeAll()
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
      removeAll()
      _exit(128 + number)
    }
    thread.start()
  }

  private func removeAll() {
    for folder in lock.withLock({ folders }) {
      // Children live until we are gone. Under another name the folder is out of their reach, and nothing new appears in it.
      let unreachable = folder + "-gone"
      guard rename(folder, unreachable) == 0 else { continue }
      try? FileManager.default.removeItem(atPath: unreachable)
    }
  }
}
