// Names and who speaks for them.

import TestSupport
import Testing

@Suite("Names", .lane)
struct NameTests {
  private func start() throws -> (World, Witness) {
    let world = try World()
    let witness = try Witness(in: world)
    try world.startMapper()
    try witness.awaitMapper()
    return (world, witness)
  }

  @Test("Signals of a connection with two names count for the name that it took last")
  func twoNames() throws {
    let (world, witness) = try start()
    let service = try world.start(ServiceScript(names: ["com.b", "com.a"]))
    try witness.awaitScan(of: "com.a")
    try service.add(["i.one"], to: "/new")
    #expect(try witness.services(of: "/new") == ["com.a"])
  }

  @Test("When it gives up the other name, they still count for that one")
  func otherNameGivenUp() throws {
    let (world, witness) = try start()
    let service = try world.start(ServiceScript(names: ["com.first", "com.last"]))
    try witness.awaitScan(of: "com.last")
    try service.connection.disown("com.first")
    try service.add(["i.one"], to: "/new")
    #expect(try witness.services(of: "/new") == ["com.last"])
  }

  @Test("After a signal has been handled, what it announced is found by whoever hears of it")
  func order() throws {
    let (world, witness) = try start()
    let service = try world.start(ServiceScript("com.alpha", objects: ["/a": ["i.one"]]))
    try witness.awaitScan(of: "com.alpha")
    for number in 0..<200 {
      try service.add(["i.one"], to: "/a/n\(number)")
      #expect(try witness.knows("/a/n\(number)"))
      try service.remove(["i.one"], from: "/a/n\(number)")
      #expect(try !witness.knows("/a/n\(number)"))
    }
  }
}
