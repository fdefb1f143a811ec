// Building for another processor with something missing: one line that says what to install, and nothing is built.

import Foundation
import TestSupport
import Testing

@Suite(.lane)
struct CrossTests {
  /// Runs a script of the package where only the given commands are to be had: links to the machine's own, or scripts.
  private func run(
    _ script: String, _ arguments: [String], tools: [String], scripts: [String: String] = [:]
  ) throws -> (run: Run, folder: TemporaryFolder) {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.file("bin"), withIntermediateDirectories: true)
    for tool in tools {
      let places: [String] = ["/usr/bin/\(tool)", "/bin/\(tool)"]
      let place = try #require(places.first { access($0, X_OK) == 0 })
      try FileManager.default.createSymbolicLink(atPath: folder.file("bin/\(tool)"), withDestinationPath: place)
    }
    for (name, text) in scripts {
      try folder.write("bin/\(name)", "#!/bin/sh\n\(text)\n")
      chmod(folder.file("bin/\(name)"), 0o755)
    }
    let command = ["/bin/sh", "\(Products.package)/\(script)"] + arguments
    return (try Run(command, environment: ["PATH": folder.file("bin")]), folder)
  }

  @Test("an unknown processor is refused with the known ones", arguments: ["", "mips"])
  func unknown(_ name: String) throws {
    let (run, _) = try run("packaging/cross", [name], tools: ["dirname"])
    #expect(run.end == .exit(1))
    #expect(run.error == "unknown ARCH '\(name)': make cross ARCH=armv7, ARCH=armv6 or ARCH=aarch64\n")
  }

  @Test(
    "a missing compiler is named with its package",
    arguments: [("armv7", "arm-linux-gnueabihf"), ("armv6", "arm-linux-gnueabi"), ("aarch64", "aarch64-linux-gnu")])
  func compiler(_ name: String, _ gnu: String) throws {
    // Not a Debian, as far as this can be seen: the compiler itself is looked for.
    let (run, _) = try run("packaging/cross", [name], tools: ["dirname"])
    #expect(run.end == .exit(1))
    #expect(run.error == "missing: \(gnu)-gcc (Debian: apt-get install gcc-\(gnu))\n")
  }

  @Test("who is not root gets the command that installs what is missing")
  func packages() throws {
    let (run, _) = try run(
      "packaging/cross", ["armv7"], tools: ["dirname"], scripts: ["dpkg-query": "exit 1", "id": "echo 1000"])
    #expect(run.end == .exit(1))
    #expect(run.error == "missing packages: apt-get install gcc-arm-linux-gnueabihf libc6-dev-armhf-cross\n")
  }

  @Test("a sysroot whose packages cannot be had is one line with apt's reason, and is not left half-made")
  func sysroot() throws {
    let target = try TemporaryFolder()
    let (run, _) = try run(
      "packaging/sysroot", ["armhf", target.file("sysroot")], tools: ["rm", "mkdir", "grep", "tail", "dpkg-deb"],
      scripts: ["apt-get": "echo 'E: Unable to locate package libsystemd0' >&2; exit 100"])
    #expect(run.end == .exit(1))
    #expect(
      run.error == """
        no packages libsystemd-dev:armhf and libxml2-dev:armhf to be had: E: Unable to locate package libsystemd0

        """)
    #expect(access(target.file("sysroot"), F_OK) != 0)
  }

  @Test("without Debian's tools the sysroot says which one is missing")
  func noApt() throws {
    let target = try TemporaryFolder()
    let (run, _) = try run("packaging/sysroot", ["armhf", target.file("sysroot")], tools: ["rm", "mkdir"])
    #expect(run.end == .exit(1))
    #expect(run.error == "missing: apt-get; the sysroot is made of Debian packages\n")
  }
}
