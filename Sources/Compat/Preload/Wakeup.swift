// A reply that waits in sd-bus's own queue does not make the connection's socket readable, and programs that wait for the socket
// alone (boost.asio) would not see it. So they are given another descriptor: an epoll set that holds the socket and an eventfd,
// readable when either is, for level- and edge-triggered watchers alike.
//
// The set cannot be writable. Who asks for the events to wait for is told only POLLIN; the set itself watches the socket for
// POLLOUT when sd-bus has something left to write, and becomes readable then.

import CPreload
import CSystem

struct Wakeup: ~Copyable {
  private var set: Int32 = -1
  private var event: Int32 = -1
  private var watched: Int32 = 0

  deinit {
    if set >= 0 { _ = close(set) }
    if event >= 0 { _ = close(event) }
  }

  /// The descriptor to wait on instead of `real`; `real` itself when there is none to be had.
  mutating func descriptor(for real: Int32, events: Int32) -> Int32 {
    if set < 0 { open(real, events) }
    return set >= 0 ? set : real
  }

  private mutating func open(_ real: Int32, _ events: Int32) {
    let (set, event) = (preload_new_set(), preload_new_event())
    let wanted = max(events, 0) | POLLIN
    guard set >= 0, event >= 0, preload_watch(set, real, wanted, true) == 0,
      preload_watch(set, event, POLLIN, true) == 0
    else {
      if set >= 0 { _ = close(set) }
      if event >= 0 { _ = close(event) }
      return
    }
    self.set = set
    self.event = event
    watched = wanted
  }

  /// What to wait for on the descriptor, when sd-bus wants `real` on its socket.
  mutating func events(_ real: Int32, socket: Int32) -> Int32 {
    guard set >= 0 else { return real }
    let wanted = real | POLLIN
    if wanted != watched, preload_watch(set, socket, wanted, false) == 0 { watched = wanted }
    return POLLIN
  }

  /// A reply waits.
  func wake() {
    var one: UInt64 = 1
    if event >= 0 { unsafe _ = write(event, &one, 8) }
  }

  /// No reply waits any more.
  func sleep() {
    var count: UInt64 = 0
    if event >= 0 { unsafe _ = read(event, &count, 8) }
  }
}
