// libmapper.so.1 from C: all six functions, with a real mapper, with its pool and without.

import Foundation
import TestSupport
import Testing

/// The library with its soname as a file name, and the program that uses it, built once for all tests.
private final class SixProgram: @unchecked Sendable {
  static let shared = Result { try SixProgram() }
  let folder: TemporaryFolder
  let library: String
  var path: String { folder.file("six") }

  private init() throws {
    folder = try TemporaryFolder()
    library = try Products.program("liblibmapper.so")
    try FileManager.default.createSymbolicLink(atPath: folder.file("libmapper.so.1"), withDestinationPath: library)
    try FileManager.default.createSymbolicLink(atPath: folder.file("libmapper.so"), withDestinationPath: library)
    let sources = Products.package + "/Tests/Programs/C/six.c"
    let run = try Run(
      [
        "cc", "-Wall", "-Wextra", "-Werror", "-I", Products.package + "/Sources/Compat/LibMapper/CMapper", sources,
        "-o",
        folder.file("six"), "-L", folder.path, "-lmapper", "-lsystemd", "-Wl,-rpath," + folder.path,
      ], within: 60)
    guard run.end == .exit(0) else { throw BusError("six.c does not build: \(run.error)") }
  }
}

@Suite(.lane)
struct LibMapperTests {
  private let program: SixProgram
  init() throws { program = try SixProgram.shared.get() }

  private func six(_ arguments: String...) -> [String] { [program.path] + arguments }

  /// What is shipped: only that hides its Swift symbols.
  private static let shipped = "\(Products.package)/.build-embedded/release/liblibmapper.so"

  @Test(
    "it is called libmapper.so.1, shows the six functions, and no other",
    .enabled(if: FileManager.default.fileExists(atPath: shipped), "needs the Embedded build"))
  func symbols() throws {
    let names = try Run(["nm", "-D", "--defined-only", "--extern-only", Self.shipped])
    let found = Set(names.output.split(separator: "\n").map { String($0.split(separator: " ").last!) })
    let wanted: Set = [
      "mapper_get_object", "mapper_get_service", "mapper_subtree_async", "mapper_subtree_async_free",
      "mapper_wait_async", "mapper_wait_async_free",
    ]
    #expect(found == wanted)
    let dynamic = try Run(["readelf", "-d", Self.shipped]).output
    let needed = dynamic.split(separator: "\n").filter { $0.contains("(NEEDED)") }.joined()
    #expect(dynamic.contains("Library soname: [libmapper.so.1]"))
    #expect(needed.contains("libsystemd.so.0"))
    #expect(!needed.contains("swift") && !needed.contains("xml"))
  }

  @Test(
    "mapper_get_object: a sealed reply with all services, read as any message", arguments: PoolAccess.allCases, [1, 3])
  func getObject(_ access: PoolAccess, _ rounds: Int) throws {
    let world = try World()
    try world.startReadyMapper()
    let services = try [("com.b", ["i.three"]), ("com.a", ["i.two", "i.one"])].map {
      try world.start(ServiceScript($0.0, objects: ["/object": $0.1]))
    }
    #expect(try world.awaitPath("/object"))
    world.loop.run(for: 0.3)
    let run = try world.run(six("get-object", "\(rounds)", "/object"), access.environment)
    let standard = "org.freedesktop.DBus.Introspectable org.freedesktop.DBus.Peer org.freedesktop.DBus.Properties"
    #expect(
      run.output == """
        com.a: i.one i.two \(standard)
        com.b: i.three \(standard)
        signature a{sas} sender known
        result 0

        """)
    #expect(services.count == 2)
  }

  @Test(
    "who asks for a name and announces an object finds it at once",
    arguments: PrivateBus.Kind.allCases.filter { $0.isInstalled },
    ["once", "callback", "after"])
  func ownAnnouncement(_ bus: PrivateBus.Kind, _ moment: String) throws {
    let world = try World(bus)
    try world.startReadyMapper()
    for access in PoolAccess.allCases {
      #expect(try world.run(six("self", moment), access.environment).output == "result 0\n", "\(access)")
    }
  }

  @Test("what the mapper does not know is -EIO", arguments: PoolAccess.allCases)
  func unknown(_ access: PoolAccess) throws {
    let world = try World()
    try world.startReadyMapper()
    #expect(try world.run(six("get-object", "3", "/nope"), access.environment).output == "result EIO\n")
    #expect(try world.run(six("get-service", "/nope"), access.environment).output == "none\nresult EIO\n")
  }

  @Test("without a mapper: -EHOSTUNREACH")
  func noMapper() throws {
    let world = try World()
    #expect(try world.run(six("get-service", "/a")).output == "none\nresult EHOSTUNREACH\n")
    #expect(try world.run(six("wait", "/a")).output == "begun\nwait EHOSTUNREACH\nresult 0\n")
  }

  @Test("mapper_get_service: the first service", arguments: PoolAccess.allCases)
  func getService(_ access: PoolAccess) throws {
    let world = try World()
    try world.startReadyMapper()
    let run = try world.run(six("get-service", "/xyz/openbmc_project/object_mapper"), access.environment)
    #expect(run.output == "xyz.openbmc_project.ObjectMapper\nresult 0\n")
  }

  @Test(
    "mapper_wait_async calls back once, when the last path appears", arguments: PoolAccess.allCases,
    ["wait", "wait-free-in-callback"])
  func wait(_ access: PoolAccess, _ command: String) throws {
    let world = try World()
    try world.startReadyMapper()
    let service = try world.start(ServiceScript("com.a"))
    let run = try Running(six(command, "/xyz", "/a", "/b"), in: world, access.environment)
    #expect(run.hasWritten("begun"))
    world.loop.run(for: 0.2)
    try service.add(["i.i"], to: "/a")
    world.loop.run(for: 0.2)
    #expect(run.output == "begun\n")
    try service.add(["i.i"], to: "/b")
    #expect(run.end() == .exit(0))
    #expect(run.output == "begun\nwait 0\nresult 0\n")
  }

  @Test("no paths: nothing to wait for")
  func nothing() throws {
    let world = try World()
    try world.startReadyMapper()
    #expect(try world.run(six("wait")).output == "begun\nresult 0\n")
  }

  @Test("a path that comes and goes before the others still counts", arguments: PoolAccess.allCases)
  func latched(_ access: PoolAccess) throws {
    let world = try World()
    try world.startReadyMapper()
    let service = try world.start(ServiceScript("com.a"))
    let run = try Running(six("wait", "/a", "/b"), in: world, access.environment)
    #expect(run.hasWritten("begun"))
    world.loop.run(for: 0.2)
    try service.add(["i.i"], to: "/a")
    world.loop.run(for: 0.3)
    try service.remove(["i.i"], from: "/a")
    #expect(try world.awaitPath("/a", isKnown: false))
    try service.add(["i.i"], to: "/b")
    #expect(run.end() == .exit(0))
    #expect(run.output == "begun\nwait 0\nresult 0\n")
  }

  @Test("mapper_subtree_async calls back when the last is gone", arguments: PoolAccess.allCases)
  func subtree(_ access: PoolAccess) throws {
    let world = try World()
    try world.startReadyMapper()
    let service = try world.start(ServiceScript("com.a", objects: ["/a/one": ["i.i"], "/a/two": ["i.i"]]))
    #expect(try world.awaitPath("/a/two"))
    let run = try Running(six("subtree", "/a", "i.i"), in: world, access.environment)
    #expect(run.hasWritten("begun"))
    try service.remove(["i.i"], from: "/a/one")
    world.loop.run(for: 0.3)
    #expect(run.output == "begun\n")
    try service.remove(["i.i"], from: "/a/two")
    #expect(run.end() == .exit(0))
    #expect(run.output == "begun\nsubtree 0\nresult 0\n")
  }

  @Test(
    "what is freed calls nobody back", arguments: PoolAccess.allCases,
    [["wait-and-cancel", "/a", "/xyz"], ["wait-and-cancel", "/xyz"], ["subtree-cancel", "/none", "i.i"]])
  func cancelled(_ access: PoolAccess, _ arguments: [String]) throws {
    let world = try World()
    try world.startReadyMapper()
    let service = try world.start(ServiceScript("com.a"))
    let run = try Running([program.path] + arguments, in: world, access.environment)
    #expect(run.hasWritten("begun"))
    try service.add(["i.i"], to: "/a")
    #expect(run.end() == .exit(0))
    #expect(run.output == "begun\ncalls 0\nresult 0\n")
  }

  @Test("an operation other than MAPPER_OP_REMOVE is -EINVAL")
  func wrongOperation() throws {
    let world = try World()
    #expect(try world.run(six("wrong-operation")).output == "result EINVAL\n")
  }
}
