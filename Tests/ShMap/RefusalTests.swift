// What the compiler must refuse, and what it must not: each file in Refusals is compiled against the module as it is built.
// Its first line says what the compiler's complaint is about.

import Foundation
import TestSupport
import Testing

private let folder = "\(Products.package)/Tests/ShMap/Refusals"

private func files(_ folder: String) -> [String] {
  ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix(".swift") }.sorted()
}

/// Compiles sources as far as the checks of lifetimes and exclusivity go.
private func compile(_ sources: [String]) throws -> Run {
  let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
  let built =
    ProcessInfo.processInfo.arguments[0].hasPrefix("/")
    ? URL(fileURLWithPath: ProcessInfo.processInfo.arguments[0]).deletingLastPathComponent().path : own
  let modules = [own, built].first { FileManager.default.fileExists(atPath: "\($0)/Modules/ShMap.swiftmodule") } ?? own
  return try Run(
    [
      "swiftc", "-parse-as-library", "-enable-experimental-feature", "Lifetimes", "-wmo", "-emit-sil", "-o",
      "/dev/null",
      "-module-name", "example", "-I", "\(modules)/Modules", "-Xcc",
      "-fmodule-map-file=\(modules)/CSystem.build/module.modulemap", "-Xcc", "-I", "-Xcc",
      "\(Products.package)/Sources/CSystem/include",
    ] + sources, within: 100)
}

@Suite struct RefusalTests {
  @Test(arguments: files(folder).filter { $0 != "good.swift" })
  func theCompilerRefuses(file: String) throws {
    let first = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8).split(separator: "\n")[0]
    let complaint = String(first.dropFirst("// refused: ".count))
    let run = try compile(["\(folder)/\(file)"])
    #expect(run.end == .exit(1))
    let errors = run.error.split(separator: "\n").filter { $0.contains("error:") }
    #expect(errors.contains { $0.contains(complaint) }, "\(run.error)")
    #expect(!run.error.contains("no such module"))
  }

  @Test func theCompilerAcceptsRightUse() throws {
    let run = try compile(["\(folder)/good.swift"])
    #expect(run.end == .exit(0), "\(run.error)")
  }

  @Test func thereAreEnoughRefusals() { #expect(files(folder).count >= 18) }
}

@Suite struct GuideTests {
  @Test func theSwiftExampleOfTheGuideCompiles() throws {
    let example = "\(Products.package)/Tests/ShMap/Example"
    let run = try compile(files(example).map { "\(example)/\($0)" })
    #expect(run.end == .exit(0), "\(run.error)")
  }

  @Test func theGuideShowsTheExamplesAsTheyAreCompiled() throws {
    let guide = try String(contentsOfFile: "\(Products.package)/docs/shmap.md", encoding: .utf8)
    for file in [
      "Example/Telemetry.swift", "Example/Thermometer.swift", "Example/Display.swift", "Programs/telemetry.h",
      "Programs/owner.c", "Programs/borrower.c",
    ] {
      let source = try String(contentsOfFile: "\(Products.package)/Tests/ShMap/\(file)", encoding: .utf8)
      #expect(guide.contains(source), "\(file) is not in the guide as it stands")
    }
  }
}
