// A reply that waits in sd-bus's own queue does not make the connection's socket readable, and programs that wait for the socket
// alone (boost.asio) would not see it. So they are given another descriptor: an epoll set that holds the socket and an eventfd,
// readable when either is, for level- and edge-triggered watchers alike.
//
// The set cannot be writable. Who asks for the events to wait for is told only POLLIN; the set itself watches the socket for
// POLLOUT while sd-bus has something left to write, and becomes readable then. Who never asks (boost.asio) is never woken for
// that, as before.

import CPreload
import CSystem

struct Wakeup: ~Copyable {
  private var set: Int32 = -1
  private var event: Int32 = -1
  private var socket: Int32 = -1
  private var watched: Int32 = 0

  deinit {
    if set >= 0 { _ = close(set) }
    if event >= 0 { _ = close(event) }
  }

  /// The set is readable when the socket can be written to.
  var isWriting: Bool { watched & POLLOUT != 0 }

  /// The descriptor to wait on instead of `real`; `real` itself when there is none to be had. `isPending`: a reply waits.
  mutating func descriptor(for real: Int32, isPending: Bool) -> Int32 {
    if set < 0 {
      open()
      if isPending { wake() }
    }
    return set >= 0 && watch(real, watched | POLLIN) ? set : real
  }

  private mutating func open() {
    let (set, event) = (preload_new_set(), preload_new_event())
    guard set >= 0, event >= 0, preload_watch(set, event, POLLIN) == 0 else {
      if set >= 0 { _ = close(set) }
      if event >= 0 { _ = close(event) }
      return
    }
    self.set = set
    self.event = event
  }

  /// The socket may have become another, also under the same number, while the connection was being established.
  private mutating func watch(_ socket: Int32, _ events: Int32) -> Bool {
    if self.socket >= 0, self.socket != socket { preload_forget(set, self.socket) }
    guard preload_watch(set, socket, events) == 0 else { return false }
    self.socket = socket
    watched = events
    return true
  }

  /// What to wait for on the descriptor, when sd-bus wants `real` on its socket.
  mutating func events(_ real: Int32, socket: Int32) -> Int32 {
    guard set >= 0, real >= 0, socket >= 0 else { return real }
    let wanted = real | POLLIN
    if wanted != watched || socket != self.socket { _ = watch(socket, wanted) }
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
