// Where the programs are that the developer's tools start.

import Foundation

import enum TestSupport.Products

public enum Programs {
  /// The daemon: $SHMAPPERD, as the Makefile sets it, or the Embedded build in the current folder.
  public static var shmapperd: String {
    ProcessInfo.processInfo.environment["SHMAPPERD"] ?? ".build-embedded/release/shmapperd"
  }

  /// Something else of the Embedded build.
  public static func installed(_ name: String) -> String {
    "\(ProcessInfo.processInfo.environment["SHMAPPER_BIN"] ?? ".build-embedded/release")/\(name)"
  }

  public static var mapperTool: String { get throws { try Products.mapperTool() } }

  /// A developer's program, which lies beside the one that runs.
  public static func beside(_ name: String) -> String {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    return "\((own as NSString).deletingLastPathComponent)/\(name)"
  }

  public static var fleet: String { beside("fleet") }

  /// The file of a tree by its name.
  public static func tree(_ name: String) -> String { "Benchmarks/Trees/\(name).json" }
}
