// How services come into view: whole scans at once, nothing lost at the limits of a bus, signals at once.

import TestSupport
import Testing

@Suite(.lane)
struct ScanTests {
  /// A script with `count` objects below /NAME.
  private func script(_ name: String, objects count: Int) -> ServiceScript {
    var script = ServiceScript("com.\(name)")
    for n in 0..<count { script.add(["i.one"], to: "/\(name)/group\(n % 10)/object\(n)") }
    return script
  }

  @Test(
    "a service's objects show all at once when its scan is over",
    arguments: PrivateBus.Kind.allCases.filter(\.isInstalled))
  func wholeScans(_ kind: PrivateBus.Kind) throws {
    let world = try World(kind)
    let asker = try Asker(startingIn: world)
    var script = script("slow", objects: 300)
    script.delay = 0.03
    let service = try world.start(script)
    var counts: [Int] = []
    let whole = try asker.eventually {
      counts.append(try asker.paths(below: "/slow", ["i.one"]).count)
      return counts.last == 300
    }
    #expect(whole, "\(counts)")
    #expect(Set(counts) == [0, 300])
    #expect(counts.count > 3, "the scan was too fast to look into")
    #expect(service.introspections >= 311)  // each object, each group, and what is above
  }

  @Test("what a signal announces during the scan is there at once, and still when the scan is over")
  func addedDuringScan() throws {
    let world = try World()
    let asker = try Asker(startingIn: world)
    var slow = script("slow", objects: 30)
    slow.delay = 0.2
    let service = try world.start(slow)
    #expect(world.loop.run(within: 5) { service.introspections > 1 })
    try service.connection.signal(
      "/", Interfaces.manager, "InterfacesAdded", "oa{sa{sv}}", ["/slow/new", ["i.new": [:]]])
    try service.connection.flush()
    #expect(try asker.services(at: "/slow/new") == ["com.slow": ["i.new"]])
    #expect(try asker.paths(below: "/slow", ["i.one"]) == [])
    #expect(try asker.eventually { try asker.paths(below: "/slow", ["i.one"]).count == 30 })
    #expect(try asker.services(at: "/slow/new") == ["com.slow": ["i.new"]])
  }

  @Test("what a signal takes away during the scan is not brought back by it")
  func removedDuringScan() throws {
    let world = try World()
    let asker = try Asker(startingIn: world)
    let script = ServiceScript(
      "com.slow", objects: ["/slow/a": ["i.one"], "/slow/b": ["i.one"], "/slow/b/c": ["i.two"]])
    var heldBack: Call?
    let service = try world.start(script) { call in  // /slow/b/c is answered late, after everything else
      guard call.message.path == "/slow/b/c", call.message.member == "Introspect" else { return false }
      heldBack = call
      return true
    }
    #expect(world.loop.run(within: 5) { heldBack != nil })
    world.loop.run(for: 0.1)
    try service.remove(["i.one"] + Interfaces.standard, from: "/slow/a")
    try heldBack!.reply("s", [.string(service.document("/slow/b/c")!)])
    #expect(try asker.eventually { try asker.paths(below: "/slow", ["i.two"]) == ["/slow/b/c"] })
    #expect(try asker.services(at: "/slow/a") == nil)
  }

  @Test("IntrospectionComplete comes for each service, when its objects are there")
  func complete() throws {
    let world = try World()
    let asker = try Asker(startingIn: world)
    var done: [String] = []
    try asker.watchCompletions { done.append($0) }
    _ = [try world.start(script("one", objects: 5)), try world.start(script("two", objects: 50))].map { service in
      #expect(world.loop.run(within: 5) { done.contains(service.names[0]) })
      let name = service.names[0].dropFirst(4)
      #expect((try? asker.paths(below: "/\(name)", ["i.one"]).count) == (name == "one" ? 5 : 50))
      return service
    }
    #expect(done.sorted() == ["com.one", "com.two"])
  }

  @Test(
    "nothing is lost on a bus that allows few unanswered calls",
    arguments: [(128, 400), (128, 700), (12, 200)])
  func fewReplies(_ allowed: Int, _ objects: Int) throws {
    let world = try World(maxReplies: allowed)
    // On the bus before the mapper and after it, so that several scans go on at once.
    let first = try world.start(script("first", objects: objects))
    let asker = try Asker(startingIn: world)
    let second = try world.start(script("second", objects: objects))
    let third = try world.start(script("third", objects: objects))
    for service in [first, second, third] {
      let root = "/" + service.names[0].dropFirst(4)
      #expect(try asker.eventually(within: 30) { try asker.paths(below: root, ["i.one"]).count == objects }, "\(root)")
    }
  }

  @Test(
    "a thousand objects announced in one go are all there for the call that follows",
    arguments: PrivateBus.Kind.allCases.filter(\.isInstalled))
  func thousandAdded(_ kind: PrivateBus.Kind) throws {
    let world = try World(kind)
    let asker = try Asker(startingIn: world)
    let service = try world.start(ServiceScript("com.many", objects: ["/many/first": ["i.one"]]))
    #expect(try asker.eventually { try asker.paths(below: "/many", ["i.one"]).count == 1 })
    for n in 0..<1000 {
      try service.connection.signal(
        "/", Interfaces.manager, "InterfacesAdded", "oa{sa{sv}}",
        [.string("/many/m\(n)"), ["i.one": ["P": .variant("i", .int(Int64(n)))]]])
    }
    try service.connection.flush()
    #expect(try asker.paths(below: "/many", ["i.one"]).count == 1001)
    for n in 0..<1000 {
      try service.connection.signal(
        "/", Interfaces.manager, "InterfacesRemoved", "oas", [.string("/many/m\(n)"), ["i.one"]])
    }
    try service.connection.flush()
    #expect(try asker.paths(below: "/many", ["i.one"]) == ["/many/first"])
  }

  @Test("an association with a thousand endpoints is complete at once, and announced at most once a second")
  func crowdedAssociation() throws {
    let world = try World()
    let asker = try Asker(startingIn: world)
    let service = try world.start(ServiceScript("com.many", objects: ["/chassis": ["i.chassis"]]))
    #expect(try asker.eventually { try asker.services(at: "/chassis") != nil })
    var lists: [Int] = []
    asker.connection.onSignal = { signal in
      if signal.member == "PropertiesChanged", signal.path == "/chassis/sensors" {
        lists.append(signal.body[1][0]?[1]?.array?.count ?? -1)
      }
    }
    try asker.connection.match("type='signal',sender='\(Mapper.name)',member='PropertiesChanged'")
    let start = now()
    for n in 0..<1000 {
      let associations: Value = ["Associations": .variant("a(sss)", [["chassis", "sensors", "/chassis"]])]
      try service.connection.signal(
        "/", Interfaces.manager, "InterfacesAdded", "oa{sa{sv}}",
        [.string("/sensor/s\(n)"), ["i.sensor": [:], Interfaces.definitions: associations]])
    }
    try service.connection.flush()
    #expect(try asker.endpoints(of: "/chassis/sensors")?.count == 1000)
    #expect(try asker.endpoints(of: "/sensor/s999/chassis") == ["/chassis"])
    #expect(world.loop.run(within: 5) { lists.last == 1000 }, "\(lists.suffix(3))")
    let crowded = lists.filter { $0 > 100 }
    #expect(crowded.count <= Int(now() - start) + 1, "\(crowded)")
  }

  @Test("an object announced before the mapper has looked at its service is not lost")
  func announcedFirst() throws {
    let world = try World()
    let asker = try Asker(startingIn: world)
    let connection = try world.connect()
    connection.onCall = { call in try? call.fail("org.freedesktop.DBus.Error.UnknownMethod", "no introspection") }
    // The bus gets all of it before the mapper gets any of it.
    try connection.start(
      "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName", "su", ["com.quick", 4]
    ) { _ in }
    try connection.signal("/", Interfaces.manager, "InterfacesAdded", "oa{sa{sv}}", ["/quick", ["i.quick": [:]]])
    #expect(try asker.eventually { try asker.services(at: "/quick") == ["com.quick": ["i.quick"]] })
    world.loop.run(for: 0.3)
    #expect(try asker.services(at: "/quick") == ["com.quick": ["i.quick"]])
  }

  @Test("a service that leaves takes its objects along, and shows new ones when it comes back")
  func comesBack() throws {
    let world = try World()
    let asker = try Asker(startingIn: world)
    let first = try world.start(ServiceScript("com.back", objects: ["/back/old": ["i.one"]]))
    #expect(try asker.eventually { try asker.paths(below: "/back") == ["/back/old"] })
    first.stop()
    #expect(try asker.eventually { try asker.paths(below: "/back") == [] })
    let second = try world.start(ServiceScript("com.back", objects: ["/back/new": ["i.one"]]))
    #expect(try asker.eventually { try asker.paths(below: "/back") == ["/back/new"] })
    second.stop()
  }
}
