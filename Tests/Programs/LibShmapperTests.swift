// libshmapper.so.0 from C, beside the recorded answers that ClientVectorTests compares.

import Foundation
import TestSupport
import Testing

@Suite(.lane)
struct LibShmapperTests {
  /// What is shipped: only that is optimised.
  private static let shipped = "\(Products.package)/.build-embedded/release/libshmapper.so"

  @Test(
    "a GetObject that is answered in-process allocates nothing",
    .enabled(if: FileManager.default.fileExists(atPath: shipped), "needs the Embedded build"))
  func allocations() throws {
    let world = try World()
    try world.startReadyMapper()
    _ = try world.start(ServiceScript("com.a", objects: ["/object": ["i.one"]]))
    #expect(try world.awaitPath("/object"))
    let folder = try TemporaryFolder()
    let library = Self.shipped
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("libshmapper.so.0"), withDestinationPath: library)
    let package = Products.package
    let built = try Run(
      [
        "cc", "-O1", "-Wall", "-Wextra", "-Werror", "-fno-builtin", "-I", "\(package)/Sources/Compat/Library/C/include",
        "\(package)/Tests/Programs/C/frugal.c", "-o", folder.file("frugal"), library,
      ], within: 60)
    #expect(built.end == .exit(0), "\(built.error)")
    let run = try world.run([folder.file("frugal"), "/object", "i.one"], ["LD_LIBRARY_PATH": folder.path])
    #expect(run.output == "allocations 0 services 1000 in-process 1000\n", "\(run.error)")
  }
}
