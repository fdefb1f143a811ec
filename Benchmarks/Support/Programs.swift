// Where the programs are that the developer's tools start.

import Foundation

public enum Programs {
  /// The daemon: $SHMAPPERD, as the Makefile sets it, or the Embedded build in the current folder.
  public static var shmapperd: String {
    ProcessInfo.processInfo.environment["SHMAPPERD"] ?? ".build-embedded/release/shmapperd"
  }

  /// `mapper`, beside the daemon.
  public static var mapperTool: String {
    (ProcessInfo.processInfo.environment["SHMAPPER_BIN"] ?? ".build-embedded/release") + "/mapper"
  }

  /// The fleet lies beside the program that runs.
  public static var fleet: String {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    return (own as NSString).deletingLastPathComponent + "/fleet"
  }

  /// The file of a tree by its name.
  public static func tree(_ name: String) -> String { "Benchmarks/Trees/\(name).json" }
}
