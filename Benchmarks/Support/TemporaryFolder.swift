// A folder of one run: sockets, pools, logs. It goes when `remove` is called, or with this object, or when
// the process ends.

import Foundation

public final class TemporaryFolder {
  public let path: String
  private var cleanup = 0

  /// In $TMPDIR if that is set, else in memory, as /run is on a BMC: the disk must not be part of a measurement.
  public init() throws {
    let inMemory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    let base = ProcessInfo.processInfo.environment["TMPDIR"] ?? inMemory
    var template = Array("\(base)/shmapper-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { throw Failure("mkdtemp in \(base)", code: -errno) }
    let path = String(cString: made)
    self.path = path
    cleanup = Cleanup.shared.add { try? FileManager.default.removeItem(atPath: path) }
  }

  deinit { remove() }

  public func file(_ name: String) -> String { "\(path)/\(name)" }

  public func remove() {
    Cleanup.shared.cancel(cleanup)
    try? FileManager.default.removeItem(atPath: path)
  }
}
