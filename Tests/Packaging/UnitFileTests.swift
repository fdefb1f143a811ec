// The units, read by systemd itself.

import Foundation
import TestSupport
import Testing

@Suite(.lane)
struct UnitFileTests {
  static let canRun = access("/usr/bin/systemd-analyze", X_OK) == 0

  /// An install whose places exist on this machine, as systemd-analyze wants them: its prefix is the folder itself.
  private func install(in folder: TemporaryFolder) throws -> [String] {
    let manifest = try String(contentsOfFile: "\(Products.package)/packaging/manifest", encoding: .utf8)
    for line in manifest.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.first == "program" { try folder.write(String(words[1]), "#!/bin/sh\n") }
      if words.first == "library" { try folder.write("lib\(words[1]).so", "") }
    }
    let run = try Run(
      ["\(Products.package)/packaging/stage", "--products", folder.path, "--root", "", "--prefix", folder.file("usr")])
    #expect(run.end == .exit(0), "\(run.error)")
    let units = folder.file("usr/lib/systemd/system")
    return try FileManager.default.contentsOfDirectory(atPath: units).map { "\(units)/\($0)" }
  }

  @Test("systemd finds nothing wrong with the units", .enabled(if: canRun))
  func verify() throws {
    let folder = try TemporaryFolder()
    for unit in try install(in: folder) {
      // A template is verified as one of its instances.
      let instance = unit.replacingOccurrences(of: "@.service", with: "@-xyz-openbmc_project.service")
      if instance != unit { try FileManager.default.copyItem(atPath: unit, toPath: instance) }
      let run = try Run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", instance], within: 30)
      #expect(run.end == .exit(0), "\(run.error)")
      #expect(!run.error.contains(folder.path), "\(run.error)")
    }
  }

  @Test("the daemon's unit is confined: an exposure level of 1.0 or less of 10", .enabled(if: canRun))
  func security() throws {
    let folder = try TemporaryFolder()
    let unit = try #require(try install(in: folder).first { $0.hasSuffix("/xyz.openbmc_project.ObjectMapper.service") })
    let run = try Run(
      ["systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=10", unit], within: 30)
    #expect(run.end == .exit(0), "\(run.output)\(run.error)")
    let worst = try Run(
      ["systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=2", unit], within: 30)
    #expect(worst.end != .exit(0), "the threshold is not looked at: this test could not fail")
  }
}
