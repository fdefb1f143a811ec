// Unmodified programs of different kinds print the same with and without the preload library, whatever becomes of the pool and
// the mapper meanwhile.

import Foundation
import TestSupport
import Testing

private let sensors = "/xyz/openbmc_project/sensors"
private let chassis = "/xyz/openbmc_project/inventory/chassis"

@Suite(.lane)
struct PreloadTests {
  private let world: World
  private let asker: Asker

  init() throws {
    world = try World()
    var script = ServiceScript("com.sensors", objects: ["\(sensors)/t/b": ["i.Value"], chassis: ["i.Board"]])
    script.add(["i.Value", "i.Other"], to: "\(sensors)/t/a")
    script.associate("\(sensors)/t/a", [["chassis", "all_sensors", chassis]])
    _ = try world.start(script)
    asker = try Asker(startingIn: world)
    let isKnown = try asker.eventually { try asker.endpoints(of: "\(sensors)/t/a/chassis") == [chassis] }
    try #require(isKnown)
  }

  private func same(_ command: [String], calls: String?, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let plain = try world.run(command)
    #expect(plain.end == .exit(0), "\(plain.statistics.rest)", sourceLocation: sourceLocation)
    #expect(!plain.output.isEmpty, sourceLocation: sourceLocation)
    for preload in [Preload.off, .exact, .fast] {
      let run = try world.run(command, preload)
      #expect(run.end == .exit(0), "\(preload): \(run.statistics.rest)", sourceLocation: sourceLocation)
      #expect(run.output == plain.output, "\(preload)", sourceLocation: sourceLocation)
      #expect(run.statistics.rest == "", sourceLocation: sourceLocation)
      if preload == .off { #expect(run.statistics.counts.isEmpty, sourceLocation: sourceLocation) }
      if preload == .fast, let calls {
        #expect(
          run.statistics.counts[calls, default: 0] > 0, "\(run.statistics.counts)", sourceLocation: sourceLocation)
      }
    }
  }

  @Test(
    "programs of every kind print the same with and without the library",
    arguments: [
      ("sync", "synchronous"), ("method", "synchronous"), ("threads", "synchronous"), ("fork", "synchronous"),
      ("constant", "synchronous"),
      ("event", "asynchronous"), ("wait", "asynchronous"), ("level", "asynchronous"), ("edge", "asynchronous"),
    ])
  func kinds(_ kind: String, _ calls: String) throws { try same([try Programs.kinds.get(), kind], calls: calls) }

  @Test(
    "no program reads or keeps memory that is not its own", .enabled(if: access("/usr/bin/valgrind", X_OK) == 0),
    arguments: ["sync", "method", "wait", "edge"])
  func memory(_ kind: String) throws {
    // valgrind does not understand the debug information.
    let library = world.folder.file("\(kind).so")
    #expect(try Run(["strip", "-o", library, try Preload.library()]).end == .exit(0))
    let run = try world.run(
      ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full", try Programs.kinds.get(), kind],
      environment: ["LD_PRELOAD": library, "SHMAPPER_PRELOAD": "fast", "SHMAPPER_PRELOAD_STATS": "1"], within: 60)
    #expect(run.end == .exit(0), "\(run.statistics.rest)")
    #expect(run.statistics.inProcess > 0, "\(run.statistics.counts)")
  }

  @Test("a call with a slot passes through, and can be cancelled")
  func slots() throws {
    try same([try Programs.kinds.get(), "slot"], calls: nil)
    let run = try world.run([try Programs.kinds.get(), "slot"], .fast)
    #expect(run.output == "first\nthird\n")
    #expect(run.statistics.counts["with a slot"] == 3)
  }

  @Test("boost.asio's loop wakes for answers out of shared memory", .enabled(if: Programs.hasBoost))
  func asio() throws { try same([try Programs.asio.get()], calls: "asynchronous") }

  @Test(
    "an interpreter's foreign function interface is served too", .enabled(if: access("/usr/bin/python3", X_OK) == 0))
  func binding() throws { try same(["/usr/bin/python3", Programs.binding], calls: "synchronous") }

  @Test("busctl has a copy of sd-bus for itself, and is left alone", .enabled(if: access("/usr/bin/busctl", X_OK) == 0))
  func busctl() throws {
    let call = [
      "busctl", "--system", "call", Mapper.name, Mapper.path, Mapper.interface, "GetObject", "sas", "\(sensors)/t/a",
      "0",
    ]
    try same(call, calls: nil)
    #expect(try world.run(call, .fast).statistics.counts.isEmpty)
  }

  @Test("the mapper tool prints the same")
  func mapperTool() throws {
    try same([try Products.mapperTool(), "get-service", "\(sensors)/t/a"], calls: nil)
  }

  @Test("a program without sd-bus does not even load libsystemd")
  func other() throws {
    let run = try world.run(["cat", "/proc/self/maps"], .exact)
    #expect(run.output.contains("libshmapper-preload.so"))
    #expect(!run.output.contains("libsystemd"))
    #expect(run.statistics.rest == "")
    #expect(run.statistics.counts.isEmpty)
  }

  @Test("without a pool, or with one that is damaged or another bus's, every call goes over D-Bus")
  func noPool() throws {
    let command = [try Programs.kinds.get(), "sync"]
    let plain = try world.run(command)
    func expectPassing(_ pool: String, lines: Int) throws {
      let run = try world.run(command, .fast, environment: ["SHMAPPER_POOL": pool])
      #expect(run.output == plain.output)
      #expect(run.statistics.inProcess == 0)
      #expect(run.statistics.rest.split(separator: "\n").count <= lines, "\(run.statistics.rest)")
    }
    try expectPassing("/nowhere/pool", lines: 0)
    try world.folder.write("damaged", String(repeating: "no pool\n", count: 5000))
    try expectPassing(world.folder.file("damaged"), lines: 1)
    var pool = try Data(contentsOf: URL(fileURLWithPath: world.pool))
    for place in stride(from: 4096, to: pool.count, by: 8) { pool[place] ^= 0xff }
    let broken = world.folder.file("broken")
    try pool.write(to: URL(fileURLWithPath: broken))
    chmod(broken, 0o640)
    try expectPassing(broken, lines: 1)

    let other = try World()
    _ = try Asker(startingIn: other)
    try expectPassing(other.pool, lines: 0)
  }

  @Test("a mapper that comes later is found, one that is killed is missed, the next one is found again")
  func comingAndGoing() throws {
    let caller = try PreloadCaller(in: world, .fast)
    let call = MapperCall("GetObject", .string("\(sensors)/t/a"), [])
    let wanted = try caller.answer(call)
    #expect(wanted?["reply"] != nil)
    for signal in [SIGKILL, SIGTERM] {
      world.stopMapper(signal: signal)
      // Nobody answers on the bus: the mapper's last state is what there is.
      #expect(try caller.answer(call) == wanted)
      try world.startMapper()
      try asker.awaitName()
      #expect(try asker.eventually { try asker.services(at: "\(sensors)/t/a") != nil })
      #expect(try caller.answer(call) == wanted)
    }
    let statistics = try caller.finish()
    #expect(statistics.inProcess > 0)
  }

  @Test("what a program has just heard of, it finds: no answer is older than the one over D-Bus")
  func neverOlder() throws {
    let run = try world.run([try Programs.churn.get(), "3"], .exact, within: 60)
    #expect(run.end == .exit(0), "\(run.statistics.rest)")
    #expect(run.output == "0 misses\n", "\(run.output)")
    #expect(run.statistics.inProcess > 0, "\(run.statistics.counts)")
  }

  @Test("many programs, objects that come and go, a daemon that is killed: no crash, no wrong answer, no growth")
  func soak() throws {
    let run = try Run(
      ["\(Products.package)/scripts/soak", "7", "4", "2"],
      environment: [
        "SHMAPPERD": try Products.daemon().joined(separator: " "),
        "SHMAPPER_BIN": (try Preload.library() as NSString).deletingLastPathComponent,
      ], within: 60)
    #expect(run.end == .exit(0), "\(run.output)\(run.error)")
  }
}
