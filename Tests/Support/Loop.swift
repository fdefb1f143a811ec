// The event loop of one test: all of its connections and timers, on the one thread that runs it.
//
// Whoever waits for something runs the loop, so that fake services go on answering while a test waits for the mapper. A loop
// and what hangs on it belong to one thread at a time.

import Foundation

/// Seconds on the monotonic clock.
public func now() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

public final class Loop {
  /// Connections, weakly: a connection that is closed or dropped leaves the loop.
  private var connections: [Weak] = []
  private var timers: [(due: Double, action: () -> Void)] = []

  private struct Weak { weak var connection: Connection? }

  /// The longest that the loop sleeps: a condition may also depend on what no connection announces, like a process's end.
  private static let nap = 0.02

  public init() {}

  func add(_ connection: Connection) { connections.append(Weak(connection: connection)) }

  public func after(_ seconds: Double, _ action: @escaping () -> Void) {
    timers.append((now() + seconds, action))
  }

  public func run(for seconds: Double) {
    _ = run(within: seconds) { false }
  }

  /// Runs until `done` says so: true, or false after `seconds`.
  public func run(within seconds: Double, until done: () -> Bool) -> Bool {
    let end = now() + seconds
    while true {
      runTimers()
      connections.removeAll { $0.connection?.isOpen != true }
      var hasMore = false
      for entry in connections where entry.connection?.process() == true { hasMore = true }
      if done() { return true }
      let left = end - now()
      if left <= 0 { return false }
      if !hasMore { sleep(min(left, Loop.nap)) }
    }
  }

  private func runTimers() {
    guard !timers.isEmpty else { return }
    let time = now()
    let due = timers.filter { $0.due <= time }
    timers.removeAll { $0.due <= time }
    for timer in due { timer.action() }
  }

  private func sleep(_ longest: Double) {
    var wait = longest
    if let due = timers.map(\.due).min() { wait = min(wait, max(0, due - now())) }
    var descriptors: [pollfd] = []
    for entry in connections {
      guard let interest = entry.connection?.interest else { continue }
      descriptors.append(pollfd(fd: interest.descriptor, events: interest.events, revents: 0))
      wait = min(wait, max(0, interest.due - now()))
    }
    poll(&descriptors, nfds_t(descriptors.count), Int32((wait * 1000).rounded(.up)))
  }
}
