// A thread that serves services of its own until it is told to end.

import Foundation
import TestSupport

final class Background: @unchecked Sendable {
  private let lock = NSLock()
  private var isEnding = false
  private let ended = DispatchSemaphore(value: 0)

  /// Runs `body` on a thread with an event loop of its own.
  init(_ body: @escaping @Sendable (Background, Loop) throws -> Void) {
    let thread = Thread { [self] in
      do { try body(self, Loop()) } catch {
        if !mustEnd { complain("stress: \(error)") }
      }
      ended.signal()
    }
    thread.stackSize = 1 << 20
    thread.start()
  }

  var mustEnd: Bool { lock.withLock { isEnding } }

  func end() {
    lock.withLock { isEnding = true }
    ended.wait()
    ended.signal()
  }
}

func complain(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }

/// A value that threads share.
final class Shared<Value>: @unchecked Sendable {
  private let lock = NSLock()
  private var value: Value
  init(_ value: Value) { self.value = value }
  func with<Result>(_ body: (inout Value) -> Result) -> Result { lock.withLock { body(&value) } }
}
