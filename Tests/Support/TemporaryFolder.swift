// A folder of one test's own, removed with everything in it when the test is over.
//
// Folders that a killed test process left behind are removed by the next one: a folder's name says whose it is.

import Foundation

public final class TemporaryFolder {
  public let path: String

  public init(under base: String = "/tmp") throws {
    TemporaryFolder.sweep(base)
    var template = Array("\(base)/shmapper-test-\(getpid())-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw BusError("a temporary folder", code: errno) }
    path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The full path of a file in the folder.
  public func file(_ name: String) -> String { "\(path)/\(name)" }

  /// A new, empty file, open for writing at its end.
  public func create(_ name: String) throws -> FileHandle {
    let descriptor = open(file(name), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw BusError("creating \(name)", code: errno) }
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  public func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: file(name)))
  }

  public func read(_ name: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(fileURLWithPath: file(name))), as: UTF8.self)
  }

  private static func sweep(_ base: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? [] {
      let parts = name.split(separator: "-")
      guard parts.count == 4, name.hasPrefix("shmapper-test-"), let pid = pid_t(parts[2]) else { continue }
      if kill(pid, 0) != 0, errno == ESRCH { try? FileManager.default.removeItem(atPath: "\(base)/\(name)") }
    }
  }
}
