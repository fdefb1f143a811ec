// The release tree in a root that has nothing else but libsystemd, libxml2 and what these need: no Swift, no shell, no /proc.

import Foundation
import TestSupport
import Testing

@Suite(.lane)
struct FreshRootTests {
  @Test("in an empty root the daemon serves a bus, and the tools ask it", .enabled(if: geteuid() == 0))
  func serves() throws {
    let folder = try TemporaryFolder()
    let root = folder.path
    let products = "\(Products.package)/.build-embedded/release"
    let staged = try Run(
      ["\(Products.package)/packaging/stage", "--products", products, "--root", root, "--strip", "strip"], within: 60)
    try #require(staged.end == .exit(0), "\(staged.error)")
    for program in ["shmapperd", "shmapperctl"] { try copyLibraries(of: "\(root)/usr/bin/\(program)", to: root) }
    try FileManager.default.createDirectory(atPath: "\(root)/run", withIntermediateDirectories: true)

    let bus = try PrivateBus(in: folder)
    defer { bus.stop() }
    let inside = ["DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/bus", "SHMAPPER_POOL": "/run/pool"]
    let daemon = try Child(["chroot", root, "/usr/bin/shmapperd"], environment: inside)
    defer { daemon.stop() }
    let connection = try Connection(to: bus.address, on: Loop())
    let until = now() + 20
    while try !connection.nameHasOwner("xyz.openbmc_project.ObjectMapper") {
      try #require(now() < until && daemon.isRunning, "the daemon does not take its name")
      connection.loop.run(for: 0.02)
    }
    let own = "/xyz/openbmc_project/object_mapper"
    let service = try Run(["chroot", root, "/usr/bin/mapper", "get-service", own], environment: inside)
    #expect(service.output == "xyz.openbmc_project.ObjectMapper\n")
    let facts = try Run(["chroot", root, "/usr/bin/shmapperctl", "stats"], environment: inside)
    #expect(facts.end == .exit(0) && facts.output.contains("alive"), "\(facts.error)")
    #expect(daemon.stop() == .exit(0))
  }

  /// Copies what the loader would load for a program, and the loader, to the same places in another root.
  private func copyLibraries(of program: String, to root: String) throws {
    for line in try Run(["ldd", program]).output.split(separator: "\n") {
      guard let library = line.split(whereSeparator: \.isWhitespace).first(where: { $0.hasPrefix("/") }) else {
        continue
      }
      let place = "\(root)\(library)"
      guard access(place, F_OK) != 0 else { continue }
      try FileManager.default.createDirectory(
        atPath: (place as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        atPath: URL(fileURLWithPath: String(library)).resolvingSymlinksInPath().path, toPath: place)
    }
  }
}
