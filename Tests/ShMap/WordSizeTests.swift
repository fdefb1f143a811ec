// 32- and 64-bit processes share a pool: the layout is one table for both, and locks survive their holder in both. What CSystem
// does with cells is compiled for the other word size too, and runs; `make cross-test` lets the whole library of another
// processor share a pool with this machine's.

import Foundation
import TestSupport
import Testing

private let sources = Products.package

/// A compiler, and what it needs for a program that runs anywhere on this machine.
struct WordSize: CustomStringConvertible, Sendable {
  let bits: Int
  let compiler: [String]
  var description: String { "\(bits) bits" }

  static let native = WordSize(bits: Int.bitWidth, compiler: ["cc"])
  static let narrow = WordSize(bits: 32, compiler: ["i686-linux-gnu-gcc", "-static"])

  var isThere: Bool { (try? Run(compiler + ["--version"], within: 20))?.end == .exit(0) }

  /// A program of cells, built for this word size.
  func build(in folder: TemporaryFolder) throws -> String {
    let program = folder.file("cell")
    let run = try Run(
      compiler + [
        "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I\(sources)/Sources/CSystem/include",
        "-I\(sources)/Sources/ShMap/Library/CShMap", "-o", program, "\(sources)/Tests/ShMap/Programs/cell.c",
        "\(sources)/Sources/CSystem/cell.c", "-lpthread",
      ], within: 60)
    #expect(run.end == .exit(0), "\(run.error)")
    return program
  }
}

/// What C knows of the layout, as processes of each word size have to print it.
private let layout = """
  shm_cell.word 0
  shm_cell.what 4
  shm_cell.depth 8
  shm_cell.narrow_self 16
  shm_cell.narrow_next 20
  shm_cell.wide_before 24
  shm_cell.wide_next 32
  shm_cell 40
  shmap_mutex 40/8
  shmap_cond 8/8
  shmap_rwlock 40/8
  shmap_hash 4/4
  header 20480

  """

@Suite struct WordSizeTests {
  @Test func locksSurviveTheirHolder() throws { try check(.native) }

  @Test(.enabled(if: WordSize.narrow.isThere, "no compiler for 32 bits (Debian, on x86-64: gcc-i686-linux-gnu)"))
  func locksSurviveTheirHolderInA32BitProcess() throws { try check(.narrow) }

  private func check(_ size: WordSize) throws {
    let folder = try TemporaryFolder()
    let program = try size.build(in: folder)
    #expect(try Run([program, "layout"], within: 20).output == layout)
    let run = try Run([program], within: 60)
    #expect(run.end == .exit(0), "\(run.error)")
    #expect(run.output == "cell ok, \(size.bits) bits\n")
  }
}
