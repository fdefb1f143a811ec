// C programs that tests compile against the installed headers and libraries, as a user of the package would.

import Foundation

public enum CProgram {
  /// Compiles Tests/Programs/C/NAME.c into `folder`, with an Embedded library of the package: its file in the build folder, and
  /// its soname, under which the program finds it. Returns the program's path, and the environment that it needs.
  public static func build(
    _ name: String, library: String, soname: String, headers: String, in folder: TemporaryFolder
  ) throws -> (path: String, environment: [String: String]) {
    let path = folder.file(name)
    let built = try embedded(library)
    let link = folder.file(soname)
    if !FileManager.default.fileExists(atPath: link) {
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: built)
    }
    let compiler = try Run(
      [
        "cc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-I", "\(Products.package)/\(headers)", "-o", path,
        "\(Products.package)/Tests/Programs/C/\(name).c", link, "-lpthread",
      ], within: 60)
    guard compiler.end == .exit(0) else { throw BusError("\(name).c does not compile: \(compiler.error)") }
    return (path, ["LD_LIBRARY_PATH": folder.path])
  }

  private static func embedded(_ name: String) throws -> String {
    let path = "\(Products.package)/.build-embedded/release/\(name)"
    guard FileManager.default.fileExists(atPath: path) else { throw BusError("\(path) is not built: make build") }
    return path
  }
}
