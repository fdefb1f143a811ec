// What `make install` puts in place, and what it leaves when it is interrupted. The products are stand-ins: small files
// whose content tells one install from the next.

import Foundation
import TestSupport
import Testing

@Suite(.lane)
struct InstallTests {
  /// A folder with products to install and a root to install them in.
  private final class Site {
    let folder: TemporaryFolder
    var root: String { folder.file("root") }

    init() throws {
      folder = try TemporaryFolder()
      try FileManager.default.createDirectory(atPath: folder.file("products"), withIntermediateDirectories: true)
    }

    /// Makes every product of the manifest anew, with this content.
    func build(_ content: String) throws {
      for line in try String(contentsOfFile: "\(Products.package)/packaging/manifest", encoding: .utf8).split(
        separator: "\n")
      {
        let words = line.split(separator: " ").map(String.init)
        switch words.first {
        case "program": try folder.write("products/\(words[1])", content)
        case "library": try folder.write("products/lib\(words[1]).so", content)
        default: break
        }
      }
    }

    func stage(_ options: String...) throws -> Run {
      try Run(["\(Products.package)/packaging/stage", "--products", folder.file("products")] + options)
    }

    /// Every file and link under the root, without the root.
    func files() throws -> [String] {
      let enumerator = FileManager.default.enumerator(atPath: root)
      return (enumerator?.allObjects as? [String] ?? []).filter { path in
        let type = try? FileManager.default.attributesOfItem(atPath: "\(root)/\(path)")[.type] as? FileAttributeType
        return type != .typeDirectory
      }.map { "/" + $0 }.sorted(by: bytesBefore)
    }

    func content(_ path: String) throws -> String { try String(contentsOfFile: root + path, encoding: .utf8) }
  }

  private let daemon = "/usr/bin/shmapperd"

  @Test("an install is the manifest's files and nothing else")
  func whole() throws {
    let site = try Site()
    try site.build("one")
    let listed = try site.stage("--list").output.split(separator: "\n").map(String.init).sorted(by: bytesBefore)
    #expect(listed.contains(daemon))
    let run = try site.stage("--root", site.root)
    #expect(run.end == .exit(0))
    #expect(run.error == "")
    #expect(try site.files() == listed)
    // Where units and scripts of the reference look for the daemon.
    #expect(try site.content("/usr/libexec/phosphor-objmgr/mapperx") == "one")
    #expect(access(site.root + daemon, X_OK) == 0)
  }

  @Test("the reference's files are all there")
  func reference() throws {
    let listed = try Site().stage("--list").output.split(separator: "\n").map(String.init)
    for file in [
      "/usr/libexec/phosphor-objmgr/mapperx", "/usr/bin/mapper", "/usr/bin/phosphor-unit-failure-monitor",
      "/usr/lib/libmapper.so.1", "/usr/lib/libmapper.so.1.0", "/usr/lib/libmapper.so", "/usr/include/mapper.h",
      "/usr/lib/pkgconfig/libmapper.pc",
      "/usr/share/dbus-1/system-services/xyz.openbmc_project.ObjectMapper.service",
      "/usr/share/dbus-1/system.d/xyz.openbmc_project.ObjectMapper.conf",
      "/usr/lib/systemd/system/xyz.openbmc_project.ObjectMapper.service",
      "/usr/lib/systemd/system/mapper-wait@.service", "/usr/lib/systemd/system/mapper-subtree-remove@.service",
    ] { #expect(listed.contains(file), "\(file) is missing") }
  }

  @Test("every product of the package is installed")
  func products() throws {
    let manifest = try String(contentsOfFile: "\(Products.package)/packaging/manifest", encoding: .utf8)
    let package = try String(contentsOfFile: "\(Products.package)/Package.swift", encoding: .utf8)
    let names = package.matches(of: /\.(executable|library)\(\s*name: "([^"]+)"/).map { (kind: $0.1, name: $0.2) }
    #expect(names.count > 1)
    for (kind, name) in names {
      let line = "\(kind == "library" ? "library " : "program ") \(name) "
      #expect(manifest.contains(line), "\(name) is not installed")
    }
  }

  @Test("a feature that is left out leaves all its files out")
  func without() throws {
    let site = try Site()
    let all = try site.stage("--list").output
    let fewer = try site.stage("--list", "--without", "unit-failure-monitor").output
    #expect(all.contains("phosphor-unit-failure-monitor"))
    #expect(!fewer.contains("phosphor-unit-failure-monitor"))
  }

  @Test("units and pkg-config files name the places of the install")
  func prefix() throws {
    let site = try Site()
    try site.build("one")
    #expect(try site.stage("--root", site.root, "--prefix", "/opt/shmapper").end == .exit(0))
    let unit = try site.content("/opt/shmapper/lib/systemd/system/xyz.openbmc_project.ObjectMapper.service")
    #expect(unit.contains("\nExecStart=/opt/shmapper/bin/shmapperd\n"))
    for file in try site.files() where !file.contains("/bin/") && !file.hasSuffix("mapperx") {
      #expect(!(try site.content(file)).contains("@bindir@"))
    }
  }

  @Test("an install over an existing one replaces files that are in use, and leaves no other file behind")
  func over() throws {
    let site = try Site()
    try site.build("one")
    #expect(try site.stage("--root", site.root).end == .exit(0))
    let first = try site.files()
    let old = try #require(FileHandle(forReadingAtPath: site.root + daemon))
    try site.build("two")
    #expect(try site.stage("--root", site.root).end == .exit(0))
    #expect(try site.files() == first)
    #expect(try site.content(daemon) == "two")
    #expect(try old.readToEnd() == Data("one".utf8))
  }

  @Test("an install that is killed half-way changes nothing, and the next one clears up", arguments: ["TERM", "KILL"])
  func interrupted(_ signal: String) throws {
    let site = try Site()
    try site.build("one")
    #expect(try site.stage("--root", site.root).end == .exit(0))
    let first = try site.files()
    try site.build("two")
    // A strip command that never comes back alive: the install's own process group is ended under it.
    try site.folder.write("strip", "#!/bin/sh\nkill -\(signal) 0\nsleep 5\n")
    chmod(site.folder.file("strip"), 0o755)
    let killed = try site.stage("--root", site.root, "--strip", site.folder.file("strip"))
    #expect(killed.end != .exit(0))
    for file in first { #expect(try site.content(file) != "two") }
    if signal == "TERM" { #expect(try site.files() == first) }

    #expect(try site.stage("--root", site.root).end == .exit(0))
    #expect(try site.files() == first)
    #expect(try site.content(daemon) == "two")
  }

  @Test("a product that is not built is one line, and nothing is changed")
  func missing() throws {
    let site = try Site()
    try site.build("one")
    try FileManager.default.removeItem(atPath: site.folder.file("products/shmapperd"))
    let run = try site.stage("--root", site.root)
    #expect(run.end == .exit(1))
    #expect(run.error.contains("stage: cannot install /usr/bin/shmapperd\n"))
    #expect(try site.files() == [])
  }
}
