// The tests' own tools: values, JSON, the D-Bus codec, child processes, private buses, scripted services.

import Foundation
import TestSupport
import Testing

struct ValueTests {
  @Test(
    "JSON text is read and written back",
    arguments: [
      "null", "[]", "{}", "[true, false, -3, 2.5]", #"{"a": [1], "b": {"c": "x"}}"#, #""\u00e9\n\"\\\u0001""#,
    ])
  func roundTrip(_ text: String) throws { #expect(try Value(json: text).json == text) }

  @Test("what is no JSON is refused", arguments: ["", "[", "[1,]", "{\"a\" 1}", "\"x", "nul", "1 2", "\"\\x\""])
  func refused(_ text: String) { #expect(throws: JSONError.self) { try Value(json: text) } }

  @Test("strings are equal when their bytes are, not when they look alike")
  func bytes() { #expect(Value.string("\u{e9}") != Value.string("e\u{301}")) }
}

@Suite(.lane)
struct BusTests {
  @Test("values of every type survive the way over a bus", arguments: PrivateBus.Kind.allCases.filter(\.isInstalled))
  func roundTrip(_ kind: PrivateBus.Kind) throws {
    let world = try World(kind)
    let caller = try world.connect()
    let service = try world.connect()
    try service.own("com.echo")
    var sent: (String, [Value]) = ("", [])
    service.onCall = { call in
      sent = (call.message.signature, call.message.body)
      try! call.reply("v", [.variant("s", "done")])
    }
    let cases: [(String, [Value], [Value]?)] = [
      ("", [], nil),
      ("ybnqiuxtd", [255, true, -3, 65535, -70000, 4_000_000_000, -5_000_000_000, 5_000_000_000, 0.5], nil),
      ("sogas", ["x\u{e9}", "/a/b", "a{sv}", ["x", ""]], nil),
      ("aias(sa(ib))", [[], [], ["s", [[1, true], [2, false]]]], nil),
      ("a{sv}", [["b": .variant("as", ["x"]), "a": .variant("i", 1)]], [[["a", 1], ["b", ["x"]]]]),
      ("a{sa{sas}}", [[["/b", [["s", ["i"]]]], ["/a", []]]], [[["/a", []], ["/b", [["s", ["i"]]]]]]),
      ("ay", [[0, 171, 255]], ["00abff"]),
      ("v", [.variant("a(sss)", [["f", "r", "/e"]])], [[["f", "r", "/e"]]]),
    ]
    for (signature, values, want) in cases {
      let reply = try caller.call("com.echo", "/", "com.echo", "Echo", signature, values)
      #expect(reply == .values(signature: "v", ["done"]))
      #expect(sent.0 == signature)
      #expect(sent.1 == want ?? values, "\(signature)")
    }
  }

  @Test(
    "values that do not fit their signature are not sent",
    arguments: [
      ("s", ["x", "y"]), ("i", ["x"]), ("v", ["x"]), ("(s", ["x"]), ("as", ["x"]), ("o", ["no path"]),
    ] as [(String, [Value])])
  func misfits(_ signature: String, _ values: [Value]) throws {
    let world = try World()
    let caller = try world.connect()
    #expect(throws: BusError.self) { try caller.call("com.echo", "/", "com.echo", "Echo", signature, values) }
  }

  @Test("errors, silence and a missing destination are told apart")
  func failures() throws {
    let world = try World()
    let caller = try world.connect()
    let service = try world.connect()
    try service.own("com.odd")
    service.onCall = { call in
      if call.message.member == "Fail" { try! call.fail("com.odd.Error", "text") }
    }
    #expect(try caller.call("com.odd", "/", "com.odd", "Fail") == .error(name: "com.odd.Error", message: "text"))
    #expect(try caller.call("com.odd", "/", "com.odd", "Hush", within: 0.05) == .silence(seconds: 0.05))
    let nobody = try caller.call("com.nobody", "/", "com.odd", "Hush")
    #expect(nobody.errorName == "org.freedesktop.DBus.Error.ServiceUnknown")
  }

  @Test("the bus refuses calls beyond the replies that it allows a connection")
  func maxReplies() throws {
    let world = try World(maxReplies: 3)
    let caller = try world.connect()
    let mute = try world.connect()
    try mute.own("com.mute")
    var refused = 0
    for _ in 0..<5 {
      try caller.start("com.mute", "/", "com.mute", "Hush") { reply in
        if reply.errorName == "org.freedesktop.DBus.Error.LimitsExceeded" { refused += 1 }
      }
    }
    #expect(world.loop.run(within: 5) { refused == 2 })
  }

  @Test("a scripted service shows its objects, parents and managers, and fails, delays and keeps silent as told")
  func service() throws {
    let world = try World()
    let caller = try world.connect()
    var script = ServiceScript("com.fake", objects: ["/a/b": ["i.<one>"], "/a/c": []])
    script.associate("/a/b", [["f", "r", "/x"]])
    script.raw["/raw"] = "<odd"
    script.failures["/a/c"] = "com.fake.Error"
    script.mute = ["/mute"]
    let fake = try world.start(script)
    func introspect(_ path: String, within seconds: Double = 5) throws -> Reply {
      try caller.call("com.fake", path, Interfaces.introspectable, "Introspect", within: seconds)
    }
    func document(_ extra: [String], _ children: [String]) -> Reply {
      let all = Interfaces.standard + extra
      return .values(
        signature: "s",
        [
          .string(
            "<node>" + all.map { "<interface name=\"\($0)\"></interface>" }.joined()
              + children.map { "<node name=\"\($0)\"/>" }.joined() + "</node>")
        ])
    }
    #expect(try introspect("/") == document([Interfaces.manager], ["a", "raw"]))
    #expect(try introspect("/a") == document([], ["b", "c"]))
    #expect(try introspect("/a/b") == document(["i.&lt;one&gt;", Interfaces.definitions], []))
    #expect(try introspect("/a/c") == .error(name: "com.fake.Error", message: "scripted"))
    #expect(try introspect("/raw") == .values(signature: "s", ["<odd"]))
    #expect(try introspect("/none").errorName == "org.freedesktop.DBus.Error.UnknownObject")
    #expect(try introspect("/mute", within: 0.05) == .silence(seconds: 0.05))
    #expect(fake.introspections == 7)

    let get: [Value] = [.string(Interfaces.definitions), "Associations"]
    let value = try caller.call("com.fake", "/a/b", Interfaces.properties, "Get", "ss", get)
    #expect(value == .values(signature: "v", [[["f", "r", "/x"]]]))
    let none = try caller.call("com.fake", "/a", Interfaces.properties, "Get", "ss", get)
    #expect(none.errorName == "org.freedesktop.DBus.Error.UnknownProperty")

    fake.change { $0.delay = 0.1 }
    let start = now()
    #expect(try introspect("/a") == document([], ["b", "c"]))
    #expect(now() - start >= 0.1)
  }

  @Test("a scripted service's signals come from its nearest object manager and carry what it shows")
  func signals() throws {
    let world = try World()
    let listener = try world.connect()
    var heard: [Message] = []
    listener.onSignal = { if $0.interface != "org.freedesktop.DBus" { heard.append($0) } }
    try listener.match("type='signal'")
    var script = ServiceScript("com.fake")
    script.managers = ["/", "/a"]
    let fake = try world.start(script)
    try fake.add(
      ["i.b", "i.a"], to: "/a/b", associations: [["f", "r", "/x"]], properties: ["i.b": ["P": .variant("d", 2.5)]])
    try fake.remove(["i.b", Interfaces.definitions], from: "/a/b")
    try fake.associate("/c", [])
    try listener.flush()
    #expect(heard.map(\.path) == ["/a", "/a", "/c"])
    #expect(heard.map(\.member) == ["InterfacesAdded", "InterfacesRemoved", "PropertiesChanged"])
    #expect(heard[0].signature == "oa{sa{sv}}")
    let associations: Value = [["Associations", [["f", "r", "/x"]]]]
    let added: [Value] = [
      "/a/b", [["i.a", []], ["i.b", [["P", 2.5]]], [.string(Interfaces.definitions), associations]],
    ]
    #expect(heard[0].body == added)
    #expect(heard[1].body == ["/a/b", ["i.b", .string(Interfaces.definitions)]])
    #expect(heard[2].body == [.string(Interfaces.definitions), [["Associations", []]], []])
    #expect(fake.script.objects == ["/a/b": ["i.a"]])
  }
}

@Suite(.lane)
struct ChildTests {
  @Test("how a child ended is known: its status, or the signal that killed it")
  func ends() throws {
    let folder = try TemporaryFolder()
    #expect(try Child(["sh", "-c", "exit 3"]).wait(within: 5) == .exit(3))
    #expect(try Child(["sh", "-c", "kill -9 $$"]).wait(within: 5) == .signal(9))
    #expect(try Child(["sleep", "60"]).stop() == .signal(SIGTERM))
    let deaf = try Child(["sh", "-c", "trap '' TERM; echo > \"$0\"; while :; do sleep 0.1; done", folder.file("ready")])
    while access(folder.file("ready"), F_OK) != 0 { usleep(2000) }
    #expect(deaf.stop(within: 0.3) == .signal(SIGKILL))
    #expect(throws: BusError.self) { try Child(["no-such-program"]) }
  }

  @Test("a child and its own children end with the object that stands for it")
  func goesAlong() throws {
    let folder = try TemporaryFolder()
    let out = try folder.create("pids")
    func start() throws -> [pid_t] {
      let child = try Child(["sh", "-c", "sleep 60 & echo $! $$; wait"], output: out.fileDescriptor)
      let until = now() + 5
      while try folder.read("pids").split(separator: " ").count < 2, now() < until { usleep(2000) }
      #expect(child.isRunning)
      return try folder.read("pids").split(whereSeparator: \.isWhitespace).compactMap { pid_t($0) }
    }
    let pids = try start()
    #expect(pids.count == 2)
    let until = now() + 5
    func isGone(_ pid: pid_t) -> Bool {
      let state = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
      return state.isEmpty || state.contains(") Z ")
    }
    while !pids.allSatisfy(isGone), now() < until { usleep(2000) }
    #expect(pids.allSatisfy(isGone))
  }

  @Test("a child gets the descriptors and variables that it is given, and no others")
  func inherits() throws {
    let run = try Run(
      ["sh", "-c", "echo out $A ${B-none}; echo err >&2; ls /proc/self/fd"], environment: ["A": "1", "B": ""])
    #expect(run.end == .exit(0))
    #expect(run.output == "out 1 none\n0\n1\n2\n3\n")  // 3 is ls's own
    #expect(run.error == "err\n")
  }
}
