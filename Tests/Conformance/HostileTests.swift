// Services that misbehave: the mapper drops what is wrong, says so in few lines, goes on answering, and does not grow.

import Foundation
import TestSupport
import Testing

@Suite(.lane)
struct HostileTests {
  /// A world with a mapper and one sane service, which the mapper knows.
  private func sane() throws -> (World, Asker, FakeService) {
    let world = try World()
    let asker = try Asker(startingIn: world)
    let service = try world.start(ServiceScript("com.sane", objects: ["/sane": ["i.one"]]))
    #expect(try asker.eventually { try asker.services(at: "/sane") != nil })
    return (world, asker, service)
  }

  /// The mapper answers at once, sees what is new, and is small.
  private func expectHealthy(
    _ asker: Asker, _ service: FakeService, memory kilobytes: Int = 40_000,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let start = now()
    try service.add(["i.late"], to: "/sane/late")
    #expect(try asker.services(at: "/sane/late") == ["com.sane": ["i.late"]], sourceLocation: sourceLocation)
    #expect(now() - start < 2, sourceLocation: sourceLocation)
    let used = asker.world.mapper!.residentMemory
    #expect(used > 0 && used < kilobytes, "\(used) KiB resident", sourceLocation: sourceLocation)
  }

  @Test(
    "a tree that grows with every look at it is bounded, and calls are answered meanwhile",
    arguments: [1, 2, 40])
  func growingTree(_ children: Int) throws {
    let (world, asker, service) = try sane()
    var looks = 0
    let bad = try world.start(ServiceScript("com.bad")) { call in
      guard call.message.member == "Introspect" else { return false }
      looks += 1
      let below = (0..<children).map { "<node name=\"n\($0)\"/>" }.joined()
      try! call.reply("s", [.string("<node><interface name=\"i.bad\"/>\(below)</node>")])
      return true
    }
    var slowest = 0.0
    var last = (looks: 0, since: now())
    let start = now()
    while now() - start < 40, now() - last.since < 1 {  // until it has not looked for a second
      let asked = now()
      #expect(try asker.services(at: "/sane") != nil)
      slowest = max(slowest, now() - asked)
      world.loop.run(for: 0.05)
      if looks != last.looks { last = (looks, now()) }
    }
    #expect(now() - last.since >= 1, "\(looks) looks, and no end")
    #expect(slowest < 10)  // a debug build under load takes seconds to publish what it accepted
    try expectHealthy(asker, service)
    bad.stop()
    #expect(try asker.eventually { try asker.paths(below: "/", ["i.bad"]).isEmpty })
  }

  @Test(
    "documents that unfold into very many bytes, name files, or nest without end do no harm",
    arguments: [
      """
      <!DOCTYPE node [<!ENTITY a "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"> <!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
      <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"> <!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">
      <!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;"> <!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;">
      <!ENTITY g "&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;">]><node><interface name="&g;"/></node>
      """,
      #"<!DOCTYPE node [<!ENTITY x SYSTEM "file:///proc/version">]><node><interface name="i.bad">&x;</interface></node>"#,
      #"<!DOCTYPE node [<!ENTITY % x SYSTEM "file:///proc/version"> %x;]><node><interface name="i.bad"/></node>"#,
      String(repeating: "<node>", count: 100_000),
      "<node>" + String(repeating: "<interface name=\"i.bad\"/>", count: 200_000) + "</node>",
      "<node><interface name=\"i.\(String(repeating: "bad", count: 2_000_000))\"/></node>",
      "<node>\u{0}</node>", "\u{feff}<node/>", "<node", "<node></nod>", "not XML at all", " ",
    ].map(Document.init))
  func documents(_ document: Document) throws {
    let (world, asker, service) = try sane()
    var script = ServiceScript("com.bad")
    script.raw["/"] = document.text
    let bad = try world.start(script)
    #expect(world.loop.run(within: 5) { bad.introspections > 0 })
    world.loop.run(for: 0.2)
    try expectHealthy(asker, service, memory: 120_000)
    let names = try asker.services(at: "/")?["com.bad"] ?? []
    #expect(!names.contains { $0.contains("Linux") })
  }

  /// So that a failure names a document by its beginning.
  struct Document: CustomTestStringConvertible, Sendable {
    var text: String
    var testDescription: String { String(text.prefix(60)) }
  }

  @Test("children whose names are no part of a path are skipped, the others are taken")
  func oddChildren() throws {
    let (world, asker, service) = try sane()
    var script = ServiceScript("com.bad", objects: ["/fine": ["i.fine"]])
    let odd = ["", "/", "//", "a//b", "/etc", ".", "..", "a b", "\u{e9}", "x/", String(repeating: "n", count: 300)]
    script.raw["/"] =
      "<node>" + (odd + ["fine"]).map { "<node name=\"\($0)\"/>" }.joined() + "<node/></node>"
    _ = try world.start(script)
    #expect(try asker.eventually { try asker.services(at: "/fine") != nil })
    try expectHealthy(asker, service)
  }

  /// Signals of the right names and wrong types.
  static let wrongSignals: [(path: String, interface: String, member: String, signature: String, body: [Value])] = [
    ("/", Interfaces.manager, "InterfacesAdded", "", []),
    ("/", Interfaces.manager, "InterfacesAdded", "s", ["x"]),
    ("/", Interfaces.manager, "InterfacesAdded", "o", ["/sane"]),
    ("/", Interfaces.manager, "InterfacesAdded", "oa{sa{ss}}", ["/sane", ["i": ["p": "x"]]]),
    ("/", Interfaces.manager, "InterfacesAdded", "oa{ss}", ["/sane", ["i": "x"]]),
    (
      "/", Interfaces.manager, "InterfacesAdded", "oa{sa{sv}}",
      ["/sane", [Interfaces.definitions: ["Associations": .variant("as", ["x"])]]]
    ),
    ("/", Interfaces.manager, "InterfacesRemoved", "", []),
    ("/", Interfaces.manager, "InterfacesRemoved", "o", ["/sane"]),
    ("/", Interfaces.manager, "InterfacesRemoved", "os", ["/sane", "i.one"]),
    ("/", Interfaces.manager, "InterfacesRemoved", "ao", [["/sane"]]),
    ("/sane", Interfaces.properties, "PropertiesChanged", "", []),
    ("/sane", Interfaces.properties, "PropertiesChanged", "s", [.string(Interfaces.definitions)]),
    (
      "/sane", Interfaces.properties, "PropertiesChanged", "sa{sv}as",
      [.string(Interfaces.definitions), ["Associations": .variant("i", 1)], []]
    ),
    (
      "/sane", Interfaces.properties, "PropertiesChanged", "sa{sv}as",
      [.string(Interfaces.definitions), ["Associations": .variant("a(ss)", [["f", "r"]])], []]
    ),
    ("/", "org.freedesktop.DBus", "NameOwnerChanged", "s", ["com.sane"]),
    ("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss", ["com.sane", ":1.1", ""]),
  ]

  @Test("signals with wrong types change nothing, whoever sends them and however often, and fill no log")
  func wrongSignals() throws {
    let (world, asker, service) = try sane()
    let stranger = try world.connect()
    for _ in 0..<200 {
      for signal in Self.wrongSignals {
        for sender in [service.connection, stranger] {
          try sender.signal(signal.path, signal.interface, signal.member, signal.signature, signal.body)
        }
      }
    }
    for sender in [service.connection, stranger] { try sender.flush() }
    #expect(try asker.services(at: "/sane")?["com.sane"]?.contains("i.one") == true)
    try expectHealthy(asker, service)
    let lines = world.mapperLog.split(separator: "\n").count
    #expect(lines > 0 && lines < 200, "\(lines) lines for \(400 * Self.wrongSignals.count) signals")
  }

  @Test("signals of objects from a connection without a name change nothing")
  func nameless() throws {
    let (world, asker, service) = try sane()
    let stranger = try world.connect()
    try stranger.signal("/", Interfaces.manager, "InterfacesAdded", "oa{sa{sv}}", ["/ghost", ["i.ghost": [:]]])
    try stranger.signal("/", Interfaces.manager, "InterfacesRemoved", "oas", ["/sane", ["i.one"]])
    try stranger.flush()
    #expect(try asker.services(at: "/ghost") == nil)
    #expect(try asker.services(at: "/sane")?["com.sane"]?.contains("i.one") == true)
    try expectHealthy(asker, service)
  }

  @Test("services that never answer do not keep others waiting", arguments: [20, 1])
  func muteServices(_ count: Int) throws {
    let (world, asker, service) = try sane()
    // Either many services with one mute object each, or one with very many.
    let mute = try (0..<count).map { n in
      var script = ServiceScript("com.mute\(n)")
      if count == 1 {
        for n in 0..<300 { script.add(["i.mute"], to: "/mute/m\(n)") }
        script.mute = Set(script.objects.keys)
      } else {
        script.mute = ["/"]
      }
      return try world.start(script)
    }
    #expect(world.loop.run(within: 5) { mute.allSatisfy { $0.introspections > 0 } })
    world.loop.run(for: 0.3)
    let late = try world.start(ServiceScript("com.late", objects: ["/late": ["i.late"]]))
    #expect(try asker.eventually(within: 3) { try asker.services(at: "/late") != nil })
    try expectHealthy(asker, service)
    late.stop()
  }

  @Test("a service that leaves while it is being scanned leaves nothing behind")
  func leavesDuringScan() throws {
    let (world, asker, service) = try sane()
    for _ in 0..<20 {
      var script = ServiceScript("com.brief")
      for n in 0..<50 { script.add(["i.brief"], to: "/brief/b\(n)") }
      let brief = try world.start(script)
      #expect(world.loop.run(within: 5) { brief.introspections > 3 })
      brief.stop()
    }
    world.loop.run(for: 0.3)
    #expect(try asker.paths(below: "/", ["i.brief"]) == [])
    #expect(try asker.services(at: "/brief") == nil)
    try expectHealthy(asker, service)
  }

  @Test(
    "callers with absurd arguments get an answer",
    arguments: [
      MapperCall("GetObject", "", []), MapperCall("GetObject", "no path", []), MapperCall("GetAncestors", "", []),
      MapperCall("GetSubTree", "", -1, []), MapperCall("GetSubTree", "//", 0, []),
      MapperCall("GetSubTreePaths", "/", 2_147_483_647, []), MapperCall("GetSubTreePaths", "/", -2_147_483_648, [""]),
      MapperCall("GetSubTree", .string("/" + String(repeating: "x", count: 100_000)), 0, []),
      MapperCall("GetSubTreePaths", "/", 0, Value((0..<20_000).map { "i.n\($0)" })),
      MapperCall("GetAssociatedSubTreeById", "", "", [], "", []),
    ])
  func absurdCalls(_ call: MapperCall) throws {
    let (_, asker, service) = try sane()
    let reply = try asker.call(call, within: 5)
    switch reply {
    case .silence: Issue.record("no answer")
    case .error(let name, _): #expect(name.hasSuffix(".ResourceNotFound") || name.hasSuffix(".InvalidArgs"), "\(name)")
    case .values: break
    }
    try expectHealthy(asker, service)
  }
}

extension MapperCall: CustomTestStringConvertible {
  var testDescription: String { String(description.prefix(80)) }
}
