// C and C++ programs against the library that is installed, and what sparse says about them.

import Foundation
import TestSupport
import Testing

private let sources = "\(Products.package)/Tests/ShMap/Programs"
private let headers = "\(Products.package)/Sources/ShMap/Library/CShMap"
private let warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]

/// The library as it is installed: the Embedded build's, not the ordinary one of the same name.
private let library =
  (ProcessInfo.processInfo.environment["SHMAPPER_BIN"] ?? "\(Products.package)/.build-embedded/release")
  + "/liblibshmap.so"

/// A folder with the library under its own name, as an installation has it.
private func installed() throws -> TemporaryFolder {
  let folder = try TemporaryFolder()
  for name in ["libshmap.so.0", "libshmap.so"] {
    try FileManager.default.createSymbolicLink(atPath: folder.file(name), withDestinationPath: library)
  }
  return folder
}

private func build(_ name: String, in folder: TemporaryFolder) throws -> String {
  let program = folder.file(name)
  let run = try Run(
    ["cc", "-std=gnu11", "-g"] + warnings + [
      "-I\(headers)", "-o", program, "\(sources)/\(name).c", "-L\(folder.path)", "-lshmap",
      "-Wl,-rpath,\(folder.path)",
    ], within: 60)
  #expect(run.end == .exit(0), "\(run.error)")
  return program
}

/// Whether a process may ask for a real-time priority: root, unless a container or its control group forbids it.
private func mayUseRealTime() -> Bool { (try? Run(["chrt", "-f", "30", "true"], within: 20))?.end == .exit(0) }

@Suite struct ProgramTests {
  @Test(arguments: ["pool", "vec", "map", "set"])
  func aProgramOfEachHeaderRuns(name: String) throws {
    let folder = try installed()
    let program = try build(name, in: folder)
    let run = try Run([program, folder.file("the.pool")], within: 30)
    #expect(run.end == .exit(0), "\(run.error)")
    #expect(run.output == "\(name) ok\n")
    #expect(!FileManager.default.fileExists(atPath: folder.file("the.pool")))
  }

  @Test func twoProgramsShareAPoolByName() throws {
    let folder = try installed()
    let owner = try build("owner", in: folder)
    let borrower = try build("borrower", in: folder)
    let name = "shmapper-test-\(getpid())"
    // The borrower comes first, and waits for the pool to appear.
    let output = try folder.create("out")
    let reader = try Child([borrower, name], output: output.fileDescriptor, error: 2)
    usleep(50_000)
    let writer = try Child([owner, name], error: 2)
    #expect(writer.wait(within: 20) == .exit(0))
    #expect(reader.wait(within: 20) == .exit(0))
    #expect(try folder.read("out") == "the last reading is 200\n")
    #expect(!FileManager.default.fileExists(atPath: "/dev/shm/\(name)"))
  }

  @Test func twoProgramsShareEverythingThatAPoolHas() throws {
    let folder = try installed()
    let program = try build("sharing", in: folder)
    let output = try folder.create("out")
    let pool = folder.file("the.pool")
    let maker = try Child([program, pool, "0", "500"], output: output.fileDescriptor, error: 2)
    let other = try Child([program, pool, "1", "500"], error: 2)
    #expect(maker.wait(within: 60) == .exit(0))
    #expect(other.wait(within: 60) == .exit(0))
    #expect(try folder.read("out") == "sharing ok, 64 and 64 bits\n")
    #expect(!FileManager.default.fileExists(atPath: pool))
  }

  @Test(.enabled(if: mayUseRealTime(), "this user may not use SCHED_FIFO"))
  func whoWaitsForAMutexLendsItsPriorityToTheHolder() throws {
    let folder = try installed()
    let run = try Run([try build("priority", in: folder), folder.file("the.pool")], within: 60)
    #expect(run.end == .exit(0), "\(run.error)")
    #expect(run.output == "priority ok\n")
  }

  @Test(arguments: ["shmap", "vec", "map", "set", "hash"])
  func eachHeaderCompilesAloneInCAndCPlusPlus(name: String) throws {
    let folder = try TemporaryFolder()
    try folder.write("a.c", "#include <\(name).h>\n")
    for command in [["cc", "-std=c11"], ["c++", "-std=c++11", "-x", "c++"]] {
      let run = try Run(
        command + warnings + ["-I\(headers)", "-c", "-o", "/dev/null", folder.file("a.c")], within: 60)
      #expect(run.end == .exit(0), "\(run.error)")
    }
  }

  @Test(arguments: ["pool", "vec", "map", "set", "owner", "borrower", "sharing"])
  func sparseFindsNothingInRightPrograms(name: String) throws {
    let run = try sparse(name)
    #expect(run.output + run.error == "")
  }

  @Test func sparseReportsMixedAddressSpaces() throws {
    let run = try sparse("misuse")
    let said = run.output + run.error
    #expect(said.contains("misuse.c:11"))
    #expect(said.contains("misuse.c:12"))
    #expect(said.contains("dereference of noderef expression"))
  }

  private func sparse(_ name: String) throws -> Run {
    try Run(
      ["sparse", "-Wcast-from-as", "-Wcast-to-as", "-I\(headers)", "\(sources)/\(name).c"], within: 60)
  }

  @Test func theLibraryIsLessThan64KiBOnceStripped() throws {
    let folder = try TemporaryFolder()
    let stripped = folder.file("stripped")
    let run = try Run(["strip", "--strip-unneeded", "-R", ".comment", "-o", stripped, library], within: 20)
    #expect(run.end == .exit(0), "\(run.error)")
    let size = try #require(try FileManager.default.attributesOfItem(atPath: stripped)[.size] as? Int)
    #expect(size > 0 && size < 64 << 10)
  }

  @Test func theLibraryShowsNothingButItsFunctions() throws {
    let run = try Run(["nm", "-D", "--defined-only", library], within: 20)
    for line in run.output.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words[1] == "T" || words[1] == "W" || words[1] == "D" || words[1] == "B" {
        #expect(words[2].hasPrefix("shmap_"), "\(line)")
      }
    }
    #expect(run.output.contains("shmap_init@@SHMAP_0"))
  }
}
