// What a child process prints, line by line.

import Foundation

public final class LineReader {
  private let pipe = Pipe()
  private var pending = Data()

  public init() {}

  /// Becomes the child's standard output. To be closed with `closeWriter` once the child has it, or the end is never seen.
  public var writer: Int32 { pipe.fileHandleForWriting.fileDescriptor }
  public func closeWriter() { try? pipe.fileHandleForWriting.close() }

  /// The next line; nil when there is none within the time-out, or no more at all.
  public func next(timeout seconds: Double) -> String? {
    let reader = pipe.fileHandleForReading
    let end = Date().addingTimeInterval(seconds)
    while true {
      if let newline = pending.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: pending[..<newline], as: UTF8.self)
        pending = Data(pending[(newline + 1)...])
        return line
      }
      var readable = pollfd(fd: reader.fileDescriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&readable, 1, Int32(max(0, end.timeIntervalSinceNow) * 1000)) > 0 else { return nil }
      let more = reader.availableData
      if more.isEmpty { return nil }
      pending.append(more)
    }
  }
}
