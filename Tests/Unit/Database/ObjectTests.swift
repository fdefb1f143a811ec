// What scans and signals make known, and what they take away. Reference: processing, and the vectors interfaces-added-removed,
// parents-swept and shared-paths.

import ShMap
import Testing

@testable import Database

@Suite("Objects that come and go") struct ObjectTests {
  private let standard = [
    "org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Peer", "org.freedesktop.DBus.Properties",
  ]

  private func isSound(_ mapper: Mapper) throws {
    #expect(mapper.database.checkInvariants() == [])
  }

  @Test("InterfacesAdded makes the missing parents of that service known, without interfaces, up to the empty path")
  func parents() throws {
    let mapper = try Mapper()
    mapper.add("/a/b/c", ["i.A"])
    #expect(try mapper.paths() == ["/a", "/a/b", "/a/b/c"])
    #expect(try mapper.ask(.object("/a/b", [])) == ["service s.S"])
    #expect(try mapper.ask(.object("", [])) == ["service s.S"])
    try isSound(mapper)
  }

  @Test("Parents are added up to the first that the service shows already; another service's do not count")
  func parentsOfOthers() throws {
    let mapper = try Mapper()
    mapper.scan("s.S", [("/a", ["i.A"])])
    mapper.add("/a/b/c", ["i.C"])
    #expect(try mapper.ask(.object("", [])) == nil)
    mapper.add("/a/b/c", ["i.C"], by: "t.T")
    #expect(try mapper.ask(.object("", [])) == ["service t.T"])
    #expect(try mapper.ask(.object("/a", [])) == ["service s.S", "interface i.A", "service t.T"])
  }

  @Test("InterfacesAdded without interfaces makes a path known that nobody shows, and its parents the service's")
  func addedNothing() throws {
    let mapper = try Mapper()
    mapper.add("/a/b", [])
    #expect(try mapper.ask(.object("/a/b", [])) == [])
    #expect(try mapper.ask(.object("/a", [])) == ["service s.S"])
    try isSound(mapper)
  }

  @Test("Interfaces are added to those that are there, each once")
  func merged() throws {
    let mapper = try Mapper()
    mapper.add("/a", ["i.B", "i.A", "i.B"])
    mapper.add("/a", ["i.A", "i.C"])
    #expect(try mapper.ask(.object("/a", [])) == ["service s.S", "interface i.A", "interface i.B", "interface i.C"])
  }

  @Test(
    "InterfacesRemoved takes interfaces away; with the last one the service leaves the path, and with it the path goes")
  func removed() throws {
    let mapper = try Mapper()
    mapper.scan("s.S", [("/a", ["i.A", "i.B"])])
    mapper.scan("t.T", [("/a", ["i.A"])])
    mapper.remove("/a", ["i.A", "i.None"])
    #expect(try mapper.ask(.object("/a", [])) == ["service s.S", "interface i.B", "service t.T", "interface i.A"])
    mapper.remove("/a", ["i.B"])
    #expect(try mapper.ask(.object("/a", [])) == ["service t.T", "interface i.A"])
    mapper.remove("/a", ["i.A"], by: "t.T")
    #expect(try mapper.ask(.object("/a", [])) == nil)
    try isSound(mapper)
  }

  @Test("An entry without interfaces goes with any name in an InterfacesRemoved, and stays when there is none")
  func removedFromEmpty() throws {
    let mapper = try Mapper()
    mapper.add("/a/b", ["i.B"])
    mapper.remove("/a", [])
    #expect(try mapper.ask(.object("/a", [])) == ["service s.S"])
    mapper.remove("/a", ["i.None"])
    #expect(try mapper.ask(.object("/a", [])) == nil)
  }

  @Test("A path that nobody shows goes with any InterfacesRemoved for it, and when any service leaves the bus")
  func ownerless() throws {
    let mapper = try Mapper()
    mapper.scan("s.S", [("/a", []), ("/b", [])])
    mapper.remove("/a", [], by: "t.T")
    #expect(try mapper.paths() == ["/b"])
    mapper.leave("never.Seen")
    #expect(try mapper.paths() == [])
    try isSound(mapper)
  }

  @Test(
    "After a removal, parents with exactly the library's three interfaces and no child of that service are swept away")
  func swept() throws {
    let mapper = try Mapper()
    mapper.scan("s.S", [("/a", standard + ["i.A"]), ("/a/b", standard), ("/a/b/c", standard), ("/a/b/c/d", ["i.D"])])
    mapper.remove("/a/b/c/d", ["i.D"])
    #expect(try mapper.paths() == ["/a"])
    try isSound(mapper)
  }

  @Test(
    "Parents with fewer or other interfaces, or with another child, stay; another service's child does not hold them")
  func notSwept() throws {
    let mapper = try Mapper()
    mapper.scan("s.S", [("/a", standard), ("/a/b", standard), ("/a/b/c", ["i.C"]), ("/a/d", ["i.D"])])
    mapper.scan("t.T", [("/a/b/e", ["i.E"])])
    mapper.remove("/a/b/c", ["i.C"])
    #expect(try mapper.paths() == ["/a", "/a/b/e", "/a/d"])
    mapper.add("/x/y", ["i.Y"])
    mapper.remove("/x/y", ["i.Y"])
    #expect(try mapper.paths().contains("/x"))
  }

  @Test("A service that leaves takes all its paths along and nobody else's")
  func left() throws {
    let mapper = try Mapper()
    mapper.scan("s.S", [("/a", ["i.A"]), ("/b", ["i.B"])])
    mapper.scan("t.T", [("/b", ["i.B"])])
    mapper.leave("s.S")
    #expect(try mapper.ask(.subTree("/b", 0, [])) == [])
    #expect(try mapper.paths() == ["/b"])
    #expect(try mapper.ask(.object("/b", [])) == ["service t.T", "interface i.B"])
    try isSound(mapper)
  }

  @Test("A scan adds to what signals told before it")
  func scanAdds() throws {
    let mapper = try Mapper()
    mapper.add("/a", ["i.Signal"])
    mapper.scan("s.S", [("/a", ["i.Scan"])])
    #expect(try mapper.ask(.object("/a", [])) == ["service s.S", "interface i.Scan", "interface i.Signal"])
  }

  @Test("The mapper's own objects are known from the start, under its own name")
  func ownObjects() throws {
    let mapper = try Mapper()
    let own = "xyz.openbmc_project.ObjectMapper"
    #expect(
      try mapper.ask(.subTreePaths("/", 0, []))
        == ["path /", "path /xyz", "path /xyz/openbmc_project", "path /xyz/openbmc_project/object_mapper"])
    #expect(try mapper.ask(.object("/xyz/openbmc_project/object_mapper", [own]))?.first == "service \(own)")
    #expect(try mapper.ask(.object("/", ["org.freedesktop.DBus.ObjectManager"]))?.first == "service \(own)")
  }

  @Test("Nothing is seen by other processes before it is published, and all of it then")
  func published() throws {
    let mapper = try Mapper()
    mapper.add("/a", ["i.A"])
    #expect(mapper.database.hasUnpublishedChanges)
    try mapper.database.publish()
    #expect(!mapper.database.hasUnpublishedChanges)
    var reader = try Reader(opening: mapper.place.path, contents: MapperDatabase.contents, identity: nil)
    mapper.add("/b", ["i.B"])
    #expect(try Question.subTreePaths("/", 1, ["i.A", "i.B"]).ask(&reader) == ["path /a"])
    try mapper.database.publish()
    #expect(try Question.subTreePaths("/", 1, ["i.A", "i.B"]).ask(&reader) == ["path /a", "path /b"])
  }
}
