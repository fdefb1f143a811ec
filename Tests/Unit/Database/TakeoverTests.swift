// A daemon that begins on the pool of one that ended: what stays, what goes, and when.

import ShMap
import Testing

@testable import Database

@Suite("Taking over a pool") struct TakeoverTests {
  private let mapper: Mapper

  init() throws {
    mapper = try Mapper()
    for (service, owner) in [("e.E", ":1.1"), ("s.S", ":1.2"), ("gone.G", ":1.3")] {
      mapper.database.setOwner(of: ServiceName(service), to: ByteString(owner))
    }
    mapper.scan("e.E", [("/e", ["i.End"]), ("/f", ["i.End", "i.Other"])])
    mapper.scan("gone.G", [("/g", ["i.Gone"]), ("/f", ["i.Gone"])])
    mapper.add("/s", [Mapper.definitions], [Definition("to", "from", "/f"), Definition("to", "from", "/g")])
    mapper.add(
      "/s", [], [Definition("to", "from", "/f"), Definition("to", "from", "/e"), Definition("to", "from", "/g")])
    try mapper.database.publish()
  }

  private func restart() throws { try mapper.restart(keeping: [("e.E", ":1.1"), ("s.S", ":1.2"), ("gone.G", ":1.9")]) }

  @Test("Services with the same owner keep their objects, also those with another's entry on them; the rest is gone")
  func objects() throws {
    try restart()
    #expect(try mapper.ask(.subTree("/", 0, ["i.Gone"])) == [])
    #expect(try mapper.ask(.object("/f", ["i.End"])) == ["service e.E", "interface i.End", "interface i.Other"])
    #expect(try mapper.ask(.object("/g", [])) == nil)
    #expect(mapper.database.checkInvariants() == [])
  }

  @Test("Associations between what is kept are as they were, in their order, and are told of as new ones")
  func associations() throws {
    #expect(try mapper.ends("/s/to") == ["/f", "/g", "/e"])
    try restart()
    #expect(try mapper.ends("/s/to") == ["/f", "/e"])
    #expect(try mapper.ends("/f/from") == ["/s"])
    #expect(try mapper.ends("/g/from") == nil)
    let told = mapper.events().compactMap { event -> ObjectPath? in
      if case .added(let path, _) = event { return path }
      return nil
    }
    #expect(told == ["/e/from", "/f/from", "/s/to"])
  }

  @Test("A new scan replaces what was kept: what it does not find any more goes, what it finds stays without an event")
  func rescan() throws {
    try restart()
    _ = mapper.events()
    mapper.scan("e.E", [("/f", ["i.End", "i.New"])])
    #expect(try mapper.ask(.object("/f", ["i.End"])) == ["service e.E", "interface i.End", "interface i.New"])
    #expect(mapper.events() == [.removed("/e/from"), .changed("/s/to", endpoints: ["/f"])])
    #expect(try mapper.ask(.subTree("/", 0, ["i.Other"])) == [])
    #expect(mapper.database.checkInvariants() == [])
  }

  @Test("A scan that shows an object with quite other interfaces leaves its associations alone")
  func rescanOther() throws {
    try restart()
    _ = mapper.events()
    mapper.scan("e.E", [("/e", ["i.A"]), ("/f", ["i.B"])])
    #expect(mapper.events() == [])
    #expect(try mapper.ends("/s/to") == ["/f", "/e"])
  }

  @Test("A definition that waited, or whose endpoint was not kept, comes with the new scan of its object")
  func definitions() throws {
    try restart()
    mapper.database.replaceObjects(
      of: "s.S",
      with: [
        .object("/s", [MapperDatabase.definitions]),
        .associations("/s", [Definition("to", "from", "/f").value, Definition("to", "from", "/g").value]),
      ])
    #expect(try mapper.ends("/s/to") == ["/f"])
    mapper.scan("gone.G", [("/g", ["i.Gone"])])
    #expect(try mapper.ends("/s/to") == ["/f", "/g"])
  }

  @Test("Readers of the old pool find the whole old state until the new one takes the name, and then the new one")
  func readers() throws {
    var reader = try Reader(opening: mapper.place.path, contents: MapperDatabase.contents, identity: nil)
    let question = Question.subTreePaths("/", 0, ["i.Gone"])
    #expect(state(reader) == [.writerIsAlive])
    try restart()
    #expect(state(reader) == [])
    #expect(try question.ask(&reader) == ["path /f", "path /g"])
    try mapper.database.publish()
    #expect(state(reader) == [.isRetired])
    #expect(try question.ask(&reader) == ["path /f", "path /g"])
    reader = try Reader(opening: mapper.place.path, contents: MapperDatabase.contents, identity: nil)
    #expect(state(reader) == [.writerIsAlive])
    #expect(try question.ask(&reader) == [])
  }

  private enum State { case writerIsAlive, isRetired }

  private func state(_ reader: borrowing Reader) -> [State] {
    (reader.writerIsAlive ? [.writerIsAlive] : []) + (reader.isRetired ? [.isRetired] : [])
  }

  @Test("The pool of a living daemon is not taken over, and another bus's pool is not looked at")
  func refused() throws {
    let same = [UInt8](repeating: 4, count: 16)
    #expect(throws: PoolError.inUse) {
      _ = try MapperDatabase(poolPath: ByteString(mapper.place.path), mode: 0o600, busID: same).statistics
    }
    let other = try MapperDatabase(
      poolPath: ByteString(mapper.place.path), mode: 0o600, busID: [UInt8](repeating: 5, count: 16))
    other.keepOnly([("e.E", ":1.1")])
    #expect(try Question.object("/e", []).ask(other) == nil)
  }
}
