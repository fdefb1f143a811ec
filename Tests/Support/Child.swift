// Child processes that cannot outlive their test.
//
// Each child leads a process group, which ends with SIGKILL when its `Child` goes out of scope. Should the test process crash
// or be killed, the kernel kills the child. That promise hangs on the thread which started it, so one thread that never ends
// starts them all.

import CTestSupport
import Foundation

/// One process. Not to be shared between threads.
public final class Child {
  public let pid: pid_t
  /// How it ended, once that is known.
  public private(set) var end: End?

  public enum End: Equatable, Sendable {
    case exit(Int32)
    case signal(Int32)
  }

  /// Starts a command; the program is looked up in PATH unless it has a slash.
  ///
  /// - environment: is added to this process's own; an empty value takes the variable away.
  /// - input, output, error: descriptors that become 0, 1 and 2; nil is /dev/null. They stay the caller's.
  /// - more: descriptors that become 3, 4, ...
  public init(
    _ command: [String], environment: [String: String] = [:], output: Int32? = nil, error: Int32? = nil,
    input: Int32? = nil, more: [Int32] = []
  ) throws {
    guard let program = command.first.flatMap(Child.find) else {
      throw BusError("no such program: \(command.joined(separator: " "))")
    }
    var variables = ProcessInfo.processInfo.environment
    for (name, value) in environment { variables[name] = value.isEmpty ? nil : value }
    let descriptors = [input ?? -1, output ?? -1, error ?? -1] + more
    pid = try Nursery.shared.spawn(program, command, variables.map { "\($0)=\($1)" }, descriptors)
  }

  deinit {
    if end == nil { stop(signal: SIGKILL, within: 0) }
  }

  /// True until the process has ended.
  public var isRunning: Bool {
    if end == nil { collect(waiting: false) }
    return end == nil
  }

  public func send(_ signal: Int32) {
    if isRunning { kill(pid, signal) }
  }

  /// Waits; nil when it still runs after `seconds`.
  public func wait(within seconds: Double) -> End? {
    let until = now() + seconds
    while isRunning {
      if now() >= until { return nil }
      usleep(2000)
    }
    return end
  }

  /// Ends the process and its group: with `signal`, and after `seconds` with SIGKILL. Returns how it ended.
  @discardableResult
  public func stop(signal: Int32 = SIGTERM, within seconds: Double = 5) -> End {
    send(signal)
    if wait(within: seconds) == nil {
      kill(pid, SIGKILL)
      collect(waiting: true)
    }
    kill(-pid, SIGKILL)  // its own children
    return end!
  }

  private func collect(waiting: Bool) {
    var status: Int32 = 0
    guard waitpid(pid, &status, waiting ? 0 : WNOHANG) == pid else { return }
    let killer = status & 0x7f
    end = killer == 0 ? .exit((status >> 8) & 0xff) : .signal(killer)
  }

  private static func find(_ program: String) -> String? {
    if program.contains("/") { return access(program, X_OK) == 0 ? program : nil }
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return path.split(separator: ":").map { "\($0)/\(program)" }.first { access($0, X_OK) == 0 }
  }
}

/// The thread that starts all children.
private final class Nursery: @unchecked Sendable {
  static let shared = Nursery()
  private let lock = NSCondition()
  private var jobs: [() -> Void] = []

  private init() {
    Thread { [self] in
      while true {
        lock.lock()
        while jobs.isEmpty { lock.wait() }
        let job = jobs.removeFirst()
        lock.unlock()
        job()
      }
    }.start()
  }

  func spawn(_ program: String, _ arguments: [String], _ environment: [String], _ descriptors: [Int32]) throws -> pid_t
  {
    let done = DispatchSemaphore(value: 0)
    nonisolated(unsafe) var pid: pid_t = 0
    lock.lock()
    jobs.append {
      withCStrings(arguments) { arguments in
        withCStrings(environment) { environment in
          pid = test_spawn(program, arguments, environment, descriptors, Int32(descriptors.count))
        }
      }
      done.signal()
    }
    lock.signal()
    lock.unlock()
    done.wait()
    return try check(pid, "starting \(program)")
  }
}

private func withCStrings<R>(_ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R) -> R {
  var copies = strings.map { strdup($0) }
  copies.append(nil)
  defer { for copy in copies { free(copy) } }
  return copies.withUnsafeBufferPointer { body($0.baseAddress!) }
}

/// Runs a command to its end and gives what it wrote; nil in `end` when it did not end within the time.
public struct Run {
  public var end: Child.End?
  public var output: String
  public var error: String

  public init(_ command: [String], environment: [String: String] = [:], within seconds: Double = 10) throws {
    let folder = try TemporaryFolder()
    let out = try folder.create("out")
    let err = try folder.create("err")
    let child = try Child(command, environment: environment, output: out.fileDescriptor, error: err.fileDescriptor)
    end = child.wait(within: seconds)
    if end == nil { child.stop(signal: SIGKILL, within: 0) }
    output = try folder.read("out")
    error = try folder.read("err")
  }
}
