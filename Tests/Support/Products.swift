// Where the programs under test are.

import Foundation

public enum Products {
  /// The folder of the package.
  public static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// The command that starts the daemon: what the environment variable SHMAPPERD says (words separated by spaces), else the
  /// newer one of the Embedded build's product and the one beside the test program.
  public static func daemon() throws -> [String] {
    if let command = ProcessInfo.processInfo.environment["SHMAPPERD"], !command.isEmpty {
      return command.split(separator: " ").map(String.init)
    }
    return [try program("shmapperd")]
  }

  /// The path of `mapper`, which is shmapperctl by another name.
  public static func mapperTool() throws -> String {
    let program = try program("shmapperctl")
    let link = "\((program as NSString).deletingLastPathComponent)/mapper"
    let files = FileManager.default
    if (try? files.destinationOfSymbolicLink(atPath: link)) != "shmapperctl" {
      try? files.removeItem(atPath: link)
      // Of several processes that make it at the same time, one does.
      try? files.createSymbolicLink(atPath: link, withDestinationPath: "shmapperctl")
    }
    return link
  }

  /// The path of a program that the package builds.
  public static func program(_ name: String) throws -> String {
    let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
    let places = ["\(package)/.build-embedded/release/\(name)", "\(own)/\(name)"]
    func built(_ path: String) -> Date? {
      (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
    }
    let found = places.compactMap { path in built(path).map { (path, $0) } }.max { $0.1 < $1.1 }
    guard let found else { throw BusError("\(name) is not built; looked for \(places.joined(separator: " and "))") }
    return found.0
  }
}
