// shmapperctl(1) as a process: what it prints, in which form, from where, and what it ends with.

import Foundation
import TestSupport
import Testing

/// Statuses that the help and the manual page promise.
private enum Status {
  static let done = Child.End.exit(0)
  static let wrongArguments = Child.End.exit(1)
  static let notFound = Child.End.exit(2)
  static let noAnswer = Child.End.exit(3)
  static let isWrong = Child.End.exit(4)
  static let timeIsOver = Child.End.exit(5)
}

@Suite(.lane)
struct ControlTests {
  private let control: String
  init() throws { control = try Products.program("shmapperctl") }

  /// A small machine: a chassis with two sensors, which know where they belong.
  private func startMachine() throws -> (World, FakeService) {
    let world = try World()
    try world.startReadyMapper()
    var script = ServiceScript("com.sensors")
    script.add(["i.Chassis"], to: "/x/chassis0")
    for name in ["a", "b"] {
      script.add(["i.Sensor"], to: "/x/sensors/\(name)")
      script.associate("/x/sensors/\(name)", [["chassis", "all_sensors", "/x/chassis0"]])
    }
    let service = try world.start(script)
    #expect(try world.awaitPath("/x/sensors/b/chassis"))
    return (world, service)
  }

  private func json(_ text: String) throws -> NSObject {
    try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed) as! NSObject
  }

  private func object(_ text: String) throws -> [String: Any] { try #require(try json(text) as? [String: Any]) }

  static let lookups: [([String], String)] = [
    (["get-object", "/x/chassis0", "i.Chassis"], "com.sensors"),
    (["get-ancestors", "/x/sensors/a", "i.Sensor"], "{}"),
    (["get-ancestors", "/x/sensors/a"], "\"/x/sensors\""),
    (["get-subtree", "/x", "i.Sensor"], "/x/sensors/b"),
    (["get-subtree-paths", "/x", "i.Sensor", "i.Chassis"], #"["/x/chassis0","/x/sensors/a","/x/sensors/b"]"#),
    (["get-subtree-paths", "/x", "--depth", "1"], #"["/x/chassis0","/x/sensors"]"#),
    (["get-associated-subtree", "/x/chassis0/all_sensors", "/x", "i.Sensor"], "/x/sensors/a"),
    (
      ["get-associated-subtree-paths", "/x/chassis0/all_sensors", "/x/sensors"],
      #"["/x/sensors/a","/x/sensors/b"]"#
    ),
    (
      ["get-associated-subtree-by-id", "chassis0", "/x", "all_sensors", "-i", "i.Chassis", "-e", "i.Sensor"],
      "/x/sensors/a"
    ),
    (
      ["-e", "i.Sensor", "get-associated-subtree-paths-by-id", "chassis0", "-i", "i.Chassis", "/x", "all_sensors"],
      #"["/x/sensors/a","/x/sensors/b"]"#
    ),
    (["endpoints", "/x/chassis0/all_sensors"], #"["/x/sensors/a","/x/sensors/b"]"#),
    (["associations", "/x/chassis0"], #"{"all_sensors":["/x/sensors/a","/x/sensors/b"]}"#),
    (["dump"], #""associations":{"#),
    (["tree", "/x"], #""name":"sensors""#),
  ]

  @Test("each lookup prints the same from the pool, over the bus and by itself, as JSON and for people")
  func lookups() throws {
    let (world, service) = try startMachine()
    for (words, expected) in Self.lookups {
      let short = try ["auto", "pool", "bus"].map { try world.run([control, "--json=short", "--via", $0] + words) }
      for run in short {
        #expect(run.end == Status.done, "\(words)")
        #expect(run.error == "")
        #expect(run.output.contains(expected), "\(words)")
        #expect(run.output == short[0].output, "\(words)")
        #expect(run.output.split(separator: "\n").count == 1)
      }
      let pretty = try world.run([control] + words + ["--json=pretty"])
      #expect(try json(pretty.output) == json(short[0].output), "\(words)")
      let plain = try world.run([control] + words)
      #expect(plain.end == Status.done)
      #expect(!plain.output.contains("\u{1b}"))
      #expect(plain.output.contains("com.sensors") || plain.output.contains("/x/sensors") || expected == "{}")
    }
    #expect(service.names == ["com.sensors"])
  }

  @Test("lookups print what D-Bus answers for people: paths, services below them, interfaces below those")
  func plain() throws {
    let (world, service) = try startMachine()
    let run = try world.run([control, "get-subtree", "/x", "i.Chassis"])
    #expect(
      run.output == """
        /x/chassis0
          com.sensors
            i.Chassis
            org.freedesktop.DBus.Introspectable
            org.freedesktop.DBus.Peer
            org.freedesktop.DBus.Properties

        """)
    #expect(service.names.count == 1)
  }

  @Test("the tree is drawn, with lines where the locale has them")
  func tree() throws {
    let (world, service) = try startMachine()
    let drawn = try world.run([control, "tree", "/x"], ["LC_ALL": "C.UTF-8"]).output
    #expect(
      drawn == """
        /x
        ├─ chassis0  com.sensors
        │  └─ all_sensors  xyz.openbmc_project.ObjectMapper
        └─ sensors
           ├─ a  com.sensors
           │  └─ chassis  xyz.openbmc_project.ObjectMapper
           └─ b  com.sensors
              └─ chassis  xyz.openbmc_project.ObjectMapper

        """)
    let ascii = try world.run([control, "tree", "/x", "-d1"], ["LC_ALL": "C"]).output
    #expect(ascii == "/x\n|- chassis0  com.sensors\n`- sensors\n")
    let long = try world.run([control, "-l", "tree", "/x/chassis0"], ["LC_ALL": "C"]).output
    #expect(long.hasPrefix("/x/chassis0\n|  com.sensors\n|    i.Chassis\n`- all_sensors\n"))
    #expect(service.names.count == 1)
  }

  @Test("colours only when wanted")
  func colour() throws {
    let (world, service) = try startMachine()
    #expect(try world.run([control, "--color=always", "tree"]).output.contains("\u{1b}[1m"))
    #expect(try !world.run([control, "tree"]).output.contains("\u{1b}"))
    #expect(service.names.count == 1)
  }

  @Test("what a service calls itself cannot command the terminal")
  func controlCharacters() throws {
    let (world, service) = try startMachine()
    try service.add(["evil\u{1b}[31m\u{7}"], to: "/x/evil")
    #expect(try world.awaitPath("/x/evil"))
    let plain = try world.run([control, "get-object", "/x/evil"])
    #expect(plain.output.contains("evil?[31m?"))
    let short = try world.run([control, "--json=short", "get-object", "/x/evil"])
    #expect(short.output.contains(#"evil\u001b[31m\u0007"#))
  }

  @Test("what is not there: one line on standard error, and a status of its own")
  func failures() throws {
    let (world, service) = try startMachine()
    let unknown = try world.run([control, "get-object", "/nope"])
    #expect(unknown.end == Status.notFound)
    #expect(unknown.output == "")
    #expect(unknown.error == "shmapperctl: /nope: the mapper does not know it\n")
    #expect(try world.run([control, "get-object", "/x/chassis0", "i.None"]).end == Status.notFound)
    #expect(try world.run([control, "endpoints", "/x/chassis0"]).end == Status.notFound)
    #expect(try world.run([control, "get-associated-subtree", "no path", "/"]).end == Status.wrongArguments)
    #expect(try world.run([control, "stats", "--pool=/nope"]).end == Status.noAnswer)
    #expect(try world.run([control, "--pool=/nope", "--via=pool", "get-object", "/"]).end == Status.noAnswer)
    let noBus = try world.run([control, "--address=unix:path=/nope", "--via=bus", "get-object", "/"])
    #expect(noBus.end == Status.noAnswer)
    #expect(noBus.error.hasPrefix("shmapperctl: /: no answer: "))
    #expect(service.names.count == 1)
  }

  @Test("a mapper that is gone: its last state is shown, and stats says so")
  func gone() throws {
    let (world, service) = try startMachine()
    world.stopMapper(signal: SIGKILL)
    let run = try world.run([control, "get-subtree-paths", "/x", "i.Sensor"])
    #expect(run.end == Status.done)
    #expect(run.output == "/x/sensors/a\n/x/sensors/b\n")
    #expect(try world.run([control, "stats"]).output.contains("mapper        gone; this is its last state\n"))
    let stats = try object(try world.run([control, "stats", "--json=short"]).output)
    #expect(stats["mapperIsAlive"] as? Bool == false)
    #expect(service.names.count == 1)
  }

  @Test("stats counts what is there")
  func stats() throws {
    let (world, service) = try startMachine()
    let stats = try object(try world.run([control, "stats", "--json=pretty"]).output)
    let paths = try json(try world.run([control, "get-subtree-paths", "/", "--json=short"]).output) as? [String]
    let others = Set(paths ?? []).subtracting(["", "/"]).count
    // The root, and the path above it that signals make, are objects too.
    #expect((others...others + 2).contains(stats["objects"] as? Int ?? 0))
    #expect(stats["associations"] as? Int == 3)
    #expect(stats["services"] as? Int == 2)
    #expect(stats["mapperProcess"] as? Int == world.mapper.map { Int($0.pid) })
    #expect((stats["bytes"] as? Int ?? 0) > 0)
    #expect(service.names.count == 1)
  }

  @Test("verify finds nothing in a sound pool, and the mapper agrees with it")
  func verify() throws {
    let (world, service) = try startMachine()
    let run = try world.run([control, "verify", "--bus"])
    #expect(run.end == Status.done)
    #expect(run.output == "pool: no fault found\nmapper: no fault found\n")
    #expect(service.names.count == 1)
  }

  @Test("verify says what is wrong in a damaged pool", arguments: 0..<2)
  func damaged(_ part: Int) throws {
    let (world, service) = try startMachine()
    world.stopMapper()
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: world.pool)))
    let start = 20480 + part * 3000
    for index in start..<min(start + 2000, bytes.count) { bytes[index] = UInt8(truncatingIfNeeded: index &* 7) }
    let copy = world.folder.file("damaged")
    try Data(bytes).write(to: URL(fileURLWithPath: copy))
    let run = try world.run([control, "verify", "--pool", copy])
    #expect(run.end == Status.isWrong)
    #expect(run.output.contains("pool: "))
    #expect(service.names.count == 1)
  }

  @Test("watch tells what appears and goes, as it happens", arguments: PoolAccess.allCases)
  func watch(_ access: PoolAccess) throws {
    let (world, service) = try startMachine()
    let plain = try Running([control, "watch", "/x"], in: world, access.environment)
    let lines = try Running([control, "watch", "--json=short"], in: world, access.environment)
    world.loop.run(for: 0.5)
    #expect(plain.output == "")
    try service.add(["i.New"], to: "/x/new")
    #expect(plain.hasWritten("+ /x/new  com.sensors i.New\n"))
    try service.add(["i.More"], to: "/x/new")
    #expect(plain.hasWritten("+ /x/new  com.sensors i.More\n"))
    try service.remove(["i.New"], from: "/x/new")
    #expect(plain.hasWritten("- /x/new  com.sensors i.New\n"))
    service.stop()
    #expect(plain.hasWritten("- /x/chassis0  com.sensors i.Chassis\n"))
    #expect(lines.hasWritten(#"{"event":"removed","path":"/x/sensors/a","service":"com.sensors""#))
    for line in lines.output.split(separator: "\n") { _ = try json(String(line)) }
    plain.send(SIGINT)
    #expect(plain.end() == .signal(SIGINT))
  }

  @Test("wait ends when its paths are there, or when the time is over", arguments: PoolAccess.allCases)
  func wait(_ access: PoolAccess) throws {
    let (world, service) = try startMachine()
    let late = try world.run([control, "wait", "-t", "0.3", "/x", "/never"], access.environment)
    #expect(late.end == Status.timeIsOver)
    let wait = try Running([control, "wait", "/x", "/x/late", "--timeout=10"], in: world, access.environment)
    world.loop.run(for: 0.3)
    try service.add(["i.i"], to: "/x/late")
    #expect(wait.end() == Status.done)
  }

  @Test(
    "wrong arguments: something on standard error, nothing on standard output, and status 1",
    arguments: [
      [], ["nonsense"], ["get-object"], ["endpoints"], ["endpoints", "/a", "/b"], ["get-associated-subtree", "/a"],
      ["get-associated-subtree-by-id", "a", "/b"], ["stats", "/a"], ["wait"], ["tree", "/a", "/b"],
      ["--json=long", "dump"], ["--via=air", "dump"], ["--color=blue", "dump"], ["-d", "deep", "get-subtree", "/"],
      ["-d", "99999999999", "get-subtree", "/"], ["-t", "soon", "wait", "/"], ["-t", "-1", "wait", "/"], ["--nonsense"],
      ["--depth"],
    ])
  func usage(_ arguments: [String]) throws {
    let run = try Run([control] + arguments, environment: ["DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"])
    #expect(run.end == Status.wrongArguments)
    #expect(run.output == "")
    #expect(run.error.split(separator: "\n").count == 1)
  }

  @Test("output that cannot be written is a failure; a reader that has had enough is none to talk about")
  func outputs() throws {
    let (world, service) = try startMachine()
    let full = try world.run(["/bin/sh", "-c", "'\(control)' dump >/dev/full"])
    #expect(full.end == Status.noAnswer)
    #expect(full.error == "shmapperctl: cannot write: No space left on device\n")
    let pipe = try world.run(["/bin/sh", "-c", "'\(control)' dump | head -n 1"])
    #expect(pipe.end == .exit(0))
    #expect(pipe.output == "/\n")
    #expect(pipe.error == "")
    #expect(service.names.count == 1)
  }

  @Test("help, manual page and completion know every command and every option")
  func documents() throws {
    let help = try Run([control, "--help"])
    #expect(help.end == Status.done)
    #expect(help.error == "")
    #expect(try Run([control, "help"]).output == help.output)
    let page = try text("packaging/man/shmapperctl.1").replacingOccurrences(of: "\\-", with: "-")
    let completion = try text("packaging/completion/shmapperctl")
    let commands = help.output.split(separator: "\n").filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }
      .compactMap { $0.split(separator: " ").first }.filter { !$0.hasPrefix("-") }
    #expect(commands.count == 16)
    for command in commands + ["help"] {
      #expect(page.contains(command), "the manual page lacks \(command)")
      #expect(completion.contains(command), "the completion lacks \(command)")
    }
    let options = help.output.split(whereSeparator: { " ,\n".contains($0) }).filter { $0.hasPrefix("--") }
      .map { String($0.prefix { $0 != "=" }) }
    #expect(Set(options).count >= 13)
    for option in Set(options) {
      #expect(page.contains(option), "the manual page lacks \(option)")
      #expect(completion.contains(option), "the completion lacks \(option)")
    }
  }

  private func text(_ file: String) throws -> String {
    try String(contentsOfFile: "\(Products.package)/\(file)", encoding: .utf8)
  }

  @Test(
    "bash completes commands, options, their values, and paths",
    arguments: [
      ("(shmapperctl get-o)", "get-object"), ("(shmapperctl --json=short ver)", "verify"),
      ("(shmapperctl -d 2 tr)", "tree"), ("(shmapperctl --lo)", "--long"),
      ("(shmapperctl --via=p)", "--via=pool"), ("(shmapperctl --json = s)", "short"),
      ("(shmapperctl tree /x/se)", "/x/sensors"),
    ])
  func completion(_ words: String, _ expected: String) throws {
    let (world, service) = try startMachine()
    let folder = URL(fileURLWithPath: control).deletingLastPathComponent().path
    let run = try world.run([
      "bash", "-c",
      "compopt() { :; }; PATH='\(folder)':$PATH; source '\(Products.package)/packaging/completion/shmapperctl';"
        + "COMP_WORDS=\(words); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _shmapperctl; echo \"${COMPREPLY[@]}\"",
    ])
    #expect(run.output == expected + "\n")
    #expect(run.error == "")
    #expect(service.names.count == 1)
  }
}
