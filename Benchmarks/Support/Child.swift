// A process that this one started and will stop.

import CBench
import Foundation

public final class Child {
  public let pid: pid_t
  public let name: String
  /// What the child wrote to standard error goes here, for the message when something fails.
  public let log: String?
  private let input: FileHandle
  private let output: FileHandle
  private var pending = Data()
  private var status: Int32?
  private var cleanup = 0

  /// Starts a command. Its standard input is a pipe that closes with this object; standard error goes to the file `log`,
  /// or where ours goes.
  public init(_ command: [String], environment: [String: String] = [:], log: String? = nil) throws {
    name = (command[0] as NSString).lastPathComponent
    self.log = log
    var merged = ProcessInfo.processInfo.environment
    merged.merge(environment) { $1 }

    let (stdin, stdout) = (Pipe(), Pipe())
    for handle in [stdin.fileHandleForWriting, stdout.fileHandleForReading] {
      _ = fcntl(handle.fileDescriptor, F_SETFD, FD_CLOEXEC)
    }
    let error = log.map { open($0, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600) } ?? 2
    defer { if error != 2 { close(error) } }

    let pid = withCStrings(command) { argv in
      withCStrings(merged.map { "\($0)=\($1)" }) { envp in
        bench_spawn(
          argv, envp, stdin.fileHandleForReading.fileDescriptor, stdout.fileHandleForWriting.fileDescriptor, error)
      }
    }
    guard pid > 0 else { throw Failure("cannot start \(command[0])", code: pid) }
    self.pid = pid
    input = stdin.fileHandleForWriting
    output = stdout.fileHandleForReading
    try? stdin.fileHandleForReading.close()
    try? stdout.fileHandleForWriting.close()
    cleanup = Cleanup.shared.add {
      kill(pid, SIGTERM)
      Child.reap(pid, within: 2)
    }
  }

  deinit { stop() }

  /// The next line of its standard output, or nil when there is none within the time-out or it has ended.
  public func readLine(timeout seconds: Double) -> String? {
    let end = Date().addingTimeInterval(seconds)
    while true {
      if let newline = pending.firstIndex(of: 10) {
        let line = String(decoding: pending[..<newline], as: UTF8.self)
        pending = Data(pending[(newline + 1)...])
        return line
      }
      var poll = pollfd(fd: output.fileDescriptor, events: Int16(POLLIN), revents: 0)
      guard Foundation.poll(&poll, 1, Int32(max(0, end.timeIntervalSinceNow) * 1000)) > 0 else { return nil }
      let more = output.availableData
      if more.isEmpty { return nil }
      pending.append(more)
    }
  }

  public var isRunning: Bool {
    if status != nil { return false }
    var status: Int32 = 0
    if waitpid(pid, &status, WNOHANG) == pid { self.status = status }
    return self.status == nil
  }

  /// As a shell shows it: the exit status, or 128 + the signal that ended it; nil while it runs.
  public var exitStatus: Int32? {
    guard !isRunning, let status else { return nil }
    return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
  }

  /// The last lines of its log, for an error message.
  public var lastWords: String {
    guard let log, let text = try? String(contentsOfFile: log, encoding: .utf8) else { return "" }
    return text.split(separator: "\n").suffix(5).joined(separator: "\n")
  }

  /// Asks it to end, insists after two seconds. Does nothing the second time.
  public func stop() {
    Cleanup.shared.cancel(cleanup)
    guard isRunning else { return }
    kill(pid, SIGTERM)
    status = Child.reap(pid, within: 2)
  }

  @discardableResult
  private static func reap(_ pid: pid_t, within seconds: Double) -> Int32 {
    var status: Int32 = 0
    let end = Date().addingTimeInterval(seconds)
    while waitpid(pid, &status, WNOHANG) == 0 {
      if Date() > end {
        kill(pid, SIGKILL)
        waitpid(pid, &status, 0)
        break
      }
      usleep(1000)
    }
    return status
  }
}

/// Lends strings to C as a NULL-terminated array.
private func withCStrings<Result>(
  _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
  var pointers = strings.map { strdup($0) } + [nil]
  defer { for pointer in pointers { free(pointer) } }
  return pointers.withUnsafeMutableBufferPointer { body(UnsafePointer($0.baseAddress!)) }
}
