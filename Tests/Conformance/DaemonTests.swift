// shmapperd as a process: its options, how it starts, how it says that it cannot, and how it ends.

import CTestSupport
import Foundation
import TestSupport
import Testing

@Suite(.lane)
struct DaemonTests {
  /// Runs the daemon to its end.
  private func run(_ options: [String], in world: World, _ more: [String: String] = [:]) throws -> Run {
    try Run(try Products.daemon() + options, environment: world.environment.merging(more) { _, new in new })
  }

  /// Ended with an error, and said so in one line on standard error.
  private func expectRefusal(
    _ run: Run, naming word: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(
      run.end != nil && run.end != .exit(0), "it ended with \(String(describing: run.end))",
      sourceLocation: sourceLocation)
    if case .signal(let signal) = run.end { Issue.record("killed by signal \(signal)", sourceLocation: sourceLocation) }
    #expect(run.output == "", sourceLocation: sourceLocation)
    let lines = run.error.split(separator: "\n")
    #expect(lines.count == 1, "\(run.error)", sourceLocation: sourceLocation)
    #expect(run.error.contains(word), "\(run.error)", sourceLocation: sourceLocation)
  }

  @Test("--help shows every option on standard output")
  func help() throws {
    let run = try run(["--help"], in: World())
    #expect(run.end == .exit(0))
    #expect(run.error == "")
    for option in ["--help", "--version", "--pool", "--pool-mode", "--log-level"] {
      #expect(run.output.contains(option), "\(option) is not explained")
    }
  }

  @Test("--version shows name and version in one line")
  func version() throws {
    let run = try run(["--version"], in: World())
    #expect(run.end == .exit(0))
    #expect(run.error == "")
    #expect(run.output.hasPrefix("shmapperd "))
    #expect(run.output.contains { $0.isNumber })
    #expect(run.output.split(separator: "\n").count == 1)
  }

  @Test(
    "wrong options are refused in one line that says which",
    arguments: [
      (["--nope"], "--nope"), (["-z"], "z"), (["--pool"], "pool"), (["--pool", ""], "--pool"),
      (["--pool-mode", "rw"], "--pool-mode"), (["--pool-mode", "1777"], "--pool-mode"),
      (["--log-level", "chatty"], "--log-level"), (["word"], "arguments"),
    ])
  func wrongOptions(_ options: [String], _ word: String) throws {
    expectRefusal(try run(options, in: World()), naming: word)
  }

  @Test("a pool that cannot be written is refused in one line that names it")
  func unwritablePool() throws {
    let world = try World()
    try world.folder.write("file", "")
    let pool = world.folder.file("file") + "/pool"
    expectRefusal(try run(["--pool", pool], in: world), naming: pool)
  }

  @Test("a pool that is a folder is refused in one line that names it")
  func folderAsPool() throws {
    let world = try World()
    expectRefusal(try run([], in: world, ["SHMAPPER_POOL": world.folder.path]), naming: world.folder.path)
  }

  @Test("without a bus it ends with one line")
  func noBus() throws {
    let world = try World()
    let address = "unix:path=\(world.folder.file("none"))"
    expectRefusal(try run([], in: world, ["DBUS_SYSTEM_BUS_ADDRESS": address]), naming: "bus")
  }

  @Test("a name that another program holds is not waited for")
  func nameTaken() throws {
    let world = try World()
    let holder = try world.connect()
    try holder.own(Mapper.name)
    expectRefusal(try run([], in: world), naming: Mapper.name)
    #expect(try holder.nameHasOwner(Mapper.name))
  }

  @Test("a second instance ends with an error and leaves the first one and its pool alone")
  func secondInstance() throws {
    let world = try World()
    let service = try world.start(ServiceScript("com.one", objects: ["/one/a": ["i.one"]]))
    let asker = try Asker(startingIn: world)
    #expect(try asker.eventually { try asker.paths(below: "/one") == ["/one/a"] })
    expectRefusal(try run([], in: world), naming: Mapper.name)
    #expect(world.mapper!.isRunning)
    try service.add(["i.two"], to: "/one/b")
    #expect(try asker.paths(below: "/one") == ["/one/a", "/one/b"])
    #expect(FileManager.default.fileExists(atPath: world.pool))
  }

  @Test("when its bus goes away it ends with an error")
  func busGone() throws {
    let world = try World()
    _ = try Asker(startingIn: world)
    world.bus.stop()
    let end = world.mapper!.wait(within: 5)
    #expect(end != nil && end != .exit(0), "\(String(describing: end))")
    if case .signal(let signal) = end { Issue.record("killed by signal \(signal)") }
  }

  @Test("SIGTERM and SIGINT end it with status 0, at once", arguments: [SIGTERM, SIGINT])
  func terminates(_ signal: Int32) throws {
    let world = try World()
    _ = try Asker(startingIn: world)
    let start = now()
    #expect(world.stopMapper(signal: signal) == .exit(0))
    #expect(now() - start < 3)
    #expect(try world.connect().nameHasOwner(Mapper.name) == false)
  }

  @Test("SIGTERM ends it in the middle of a scan that nobody answers, too")
  func terminatesInScan() throws {
    let world = try World()
    var script = ServiceScript("com.mute")
    script.mute = ["/"]
    let service = try world.start(script)
    _ = try Asker(startingIn: world)
    #expect(world.loop.run(within: 5) { service.introspections > 0 })
    let start = now()
    #expect(world.stopMapper() == .exit(0))
    #expect(now() - start < 3)
  }

  @Test("systemd is told READY once the name is there, and a status in words")
  func notifies() throws {
    let world = try World()
    let path = world.folder.file("notify")
    let socket = try #require(Optional(test_datagram(path)).flatMap { $0 >= 0 ? $0 : nil })
    defer { close(socket) }
    try world.startMapper(environment: ["NOTIFY_SOCKET": path])
    let asker = try world.connect()
    var text = ""
    func receive() -> Bool {
      var buffer = [UInt8](repeating: 0, count: 4096)
      while true {
        let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        guard count > 0 else { return text.split(separator: "\n").contains("READY=1") && text.contains("STATUS=") }
        text += String(decoding: buffer[..<count], as: UTF8.self) + "\n"
      }
    }
    #expect(world.loop.run(within: 5, until: receive), "\(text)")
    #expect(try asker.nameHasOwner(Mapper.name))
  }

  @Test("the pool is where --pool or SHMAPPER_POOL says, and no wider than --pool-mode; 0640 without it")
  func pool() throws {
    func mode(_ path: String) -> Int? {
      (try? FileManager.default.attributesOfItem(atPath: path))?[.posixPermissions] as? Int
    }
    let world = try World()
    _ = try Asker(startingIn: world)
    #expect(mode(world.pool) == 0o640)
    #expect(world.stopMapper() == .exit(0))

    let other = world.folder.file("other")
    _ = try Asker(startingIn: world, ["--pool", other, "--pool-mode", "0600"])
    #expect(mode(other) == 0o600)
  }

  @Test("killed at any moment, it leaves a pool that its successor can use")
  func killedOften() throws {
    let world = try World()
    var script = ServiceScript("com.busy")
    for n in 0..<200 { script.add(["i.one"], to: "/busy/b\(n)") }
    script.associate("/busy/b0", [["to", "from", "/busy/b1"]])
    let service = try world.start(script)
    for round in 0..<15 {
      let asker = try Asker(startingIn: world)
      let until = now() + Double(round * 3) / 1000
      while now() < until {
        try service.add(["i.more"], to: "/busy/more")
        try service.remove(["i.more"], from: "/busy/more")
      }
      asker.connection.close()
      #expect(world.stopMapper(signal: SIGKILL) == .signal(SIGKILL))
    }
    let asker = try Asker(startingIn: world)
    #expect(try asker.eventually { try asker.paths(below: "/busy", ["i.one"]).count == 200 })
    // What the old pool had stays until the new scan replaces it.
    #expect(try asker.eventually { try asker.paths(below: "/busy", ["i.more"]) == [] })
    #expect(try asker.eventually { try asker.endpoints(of: "/busy/b1/from") == ["/busy/b0"] })
    #expect(world.stopMapper() == .exit(0))
  }
}
