// What association definitions mean. Reference: associations, and the vectors association-*.

import ShMap
import Testing

@testable import Database

@Suite("Associations") struct AssociationTests {
  private let mapper: Mapper

  init() throws {
    mapper = try Mapper()
    mapper.scan("e.E", [("/e", ["i.End"]), ("/f", ["i.End"])])
    _ = mapper.events()
  }

  private func source(_ path: String, by service: String = "s.S", _ definitions: [Definition]) {
    mapper.add(path, [Mapper.definitions], by: service, definitions)
  }

  private func added(_ path: String, _ ends: [String]) -> AssociationEvent {
    .added(path.path, endpoints: ends.map { $0.path })
  }

  private func changed(_ path: String, _ ends: [String]) -> AssociationEvent {
    .changed(path.path, endpoints: ends.map { $0.path })
  }

  private func isSound() { #expect(mapper.database.checkInvariants() == []) }

  @Test("A definition makes both sides, tells of both, and the mapper shows an object for each")
  func bothSides() throws {
    source("/s", [Definition("to", "from", "/e")])
    #expect(try mapper.ends("/s/to") == ["/e"])
    #expect(try mapper.ends("/e/from") == ["/s"])
    #expect(mapper.events() == [added("/e/from", ["/s"]), added("/s/to", ["/e"])])
    #expect(
      try mapper.ask(.object("/s/to", []))
        == ["service xyz.openbmc_project.ObjectMapper", "interface xyz.openbmc_project.Association"])
    isSound()
  }

  @Test("An empty forward or reverse makes the other side alone; without both there is nothing")
  func oneSide() throws {
    source("/s", [Definition("to", "", "/e"), Definition("", "from", "/f"), Definition("", "", "/e")])
    #expect(mapper.events() == [added("/f/from", ["/s"]), added("/s/to", ["/e"])])
    #expect(mapper.database.takeFaults() == [])
  }

  @Test("A definition without an endpoint is a fault, and the others count")
  func emptyEndpoint() throws {
    source("/s", [Definition("to", "from", ""), Definition("to", "", "/e")])
    #expect(mapper.database.takeFaults() == [.emptyEndpoint("/s")])
    #expect(try mapper.ends("/s/to") == ["/e"])
  }

  @Test(
    "A name that makes no valid path is a fault, and the other side counts",
    arguments: ["f w", "a//b", "/a", "a/", "é"])
  func invalidName(name: String) throws {
    source("/s", [Definition(name, "from", "/e")])
    #expect(mapper.database.takeFaults() == [.invalidAssociation(ByteString("/s/\(name)"))])
    #expect(try mapper.ends("/e/from") == ["/s"])
    isSound()
  }

  @Test("The root as endpoint makes no valid path on its side")
  func rootEndpoint() throws {
    mapper.scan("r.R", [("/", ["i.Root"])])
    source("/s", [Definition("to", "from", "/")])
    #expect(try mapper.ends("/s/to") == ["/"])
    #expect(mapper.database.takeFaults() == [.invalidAssociation("//from")])
  }

  @Test("A name may have several parts")
  func slashInName() throws {
    source("/s", [Definition("to/there", "from", "/e")])
    #expect(try mapper.ends("/s/to/there") == ["/e"])
  }

  @Test("Endpoints keep the order in which they came; those of one statement come sorted, told in one event")
  func order() throws {
    source("/s", [Definition("to", "", "/f")])
    source("/s", [Definition("to", "", "/f"), Definition("to", "", "/e")])
    #expect(mapper.events() == [added("/s/to", ["/f"]), changed("/s/to", ["/f", "/e"])])
    source("/t", [Definition("to", "", "/f"), Definition("to", "", "/e")])
    #expect(mapper.events() == [added("/t/to", ["/e", "/f"])])
  }

  @Test("What is stated anew replaces what was stated, additions first; the same again is no event")
  func restated() throws {
    source("/s", [Definition("to", "from", "/e")])
    _ = mapper.events()
    mapper.define("/s", [Definition("to", "from", "/e")])
    #expect(mapper.events() == [])
    mapper.define("/s", [Definition("to", "from", "/f")])
    #expect(
      mapper.events() == [
        added("/f/from", ["/s"]), changed("/s/to", ["/e", "/f"]), .removed("/e/from"), changed("/s/to", ["/f"]),
      ])
    mapper.define("/s", [])
    #expect(mapper.events() == [.removed("/f/from"), .removed("/s/to")])
    #expect(try mapper.ask(.object("/s/to", [])) == nil)
    isSound()
  }

  @Test("An endpoint that is not known makes nothing until it is: then both sides come, the endpoint's first")
  func pending() throws {
    source("/s", [Definition("to", "from", "/late")])
    #expect(mapper.events() == [])
    mapper.add("/late", ["i.Late"], by: "l.L")
    #expect(mapper.events() == [added("/late/from", ["/s"]), added("/s/to", ["/late"])])
    isSound()
  }

  @Test("A definition that waits does so once, however often it is stated, and each service's for itself")
  func pendingOnce() throws {
    for _ in 0..<3 { source("/s", [Definition("to", "from", "/late")]) }
    source("/s", by: "t.T", [Definition("to", "from", "/late")])
    #expect(mapper.database.registry.pendingCount == 2)
    mapper.scan("l.L", [("/late", ["i.Late"])])
    #expect(mapper.events() == [added("/late/from", ["/s"]), added("/s/to", ["/late"])])
    #expect(mapper.database.registry.pendingCount == 0)
  }

  @Test("A parent that a signal implies does not complete what waits for it; its own announcement does")
  func impliedParent() throws {
    source("/s", [Definition("to", "from", "/late")])
    mapper.add("/late/child", ["i.Child"], by: "l.L")
    #expect(mapper.events() == [])
    mapper.add("/late", ["i.Late"], by: "l.L")
    #expect(mapper.events().count == 2)
  }

  @Test("When only the mapper is left on an endpoint, its associations wait again, and come back with it")
  func suspended() throws {
    source("/s", [Definition("to", "from", "/e")])
    _ = mapper.events()
    mapper.remove("/e", ["i.End"], by: "e.E")
    #expect(mapper.events() == [.removed("/e/from"), .removed("/s/to")])
    #expect(mapper.database.registry.pendingCount == 1)
    mapper.add("/e", ["i.End"], by: "other.O")
    #expect(mapper.events() == [added("/e/from", ["/s"]), added("/s/to", ["/e"])])
    isSound()
  }

  @Test("As long as another service shows the endpoint, nothing happens to its associations")
  func notSuspended() throws {
    mapper.scan("other.O", [("/e", ["i.Other"])])
    source("/s", [Definition("to", "from", "/e")])
    _ = mapper.events()
    mapper.remove("/e", ["i.End"], by: "e.E")
    #expect(mapper.events() == [])
    #expect(try mapper.ends("/s/to") == ["/e"])
  }

  @Test("A service that leaves makes its endpoints wait, and its own definitions go")
  func serviceLeaves() throws {
    source("/s", [Definition("to", "from", "/e")])
    source("/e", by: "e.E", [Definition("other", "rest", "/f")])
    _ = mapper.events()
    mapper.leave("e.E")
    #expect(mapper.events() == [.removed("/e/other"), .removed("/f/rest"), .removed("/e/from"), .removed("/s/to")])
    mapper.scan("e.E", [("/e", ["i.End"])])
    #expect(mapper.events() == [added("/e/from", ["/s"]), added("/s/to", ["/e"])])
    isSound()
  }

  @Test("An endpoint that several services name is listed once, and the first of them that goes takes it along")
  func manyOwners() throws {
    source("/s", by: "s.S", [Definition("to", "from", "/e")])
    source("/s", by: "t.T", [Definition("to", "from", "/e")])
    #expect(mapper.events().count == 2)
    mapper.remove("/s", [Mapper.definitions], by: "s.S")
    #expect(mapper.events() == [.removed("/e/from"), .removed("/s/to")])
    mapper.remove("/s", [Mapper.definitions], by: "t.T")
    #expect(mapper.events() == [])
    isSound()
  }

  @Test("Definitions stand without their interface, until a signal takes that away")
  func withoutInterface() throws {
    mapper.add("/s", ["i.Source", "i.More"])
    mapper.define("/s", [Definition("to", "from", "/e")])
    mapper.remove("/s", ["i.Source"])
    #expect(try mapper.ends("/s/to") == ["/e"])
    mapper.remove("/s", [Mapper.definitions])
    #expect(try mapper.ends("/s/to") == nil)
    isSound()
  }

  @Test("Beyond a hundred endpoints a change is only noted; the first and the last are told as ever")
  func crowd() throws {
    func sensor(_ number: Int) { source("/s/\(number)", [Definition("", "all", "/e")]) }
    for number in 0..<100 { sensor(number) }
    #expect(mapper.events().count == 100)
    sensor(100)
    sensor(101)
    #expect(mapper.events() == [.crowded("/e/all"), .crowded("/e/all")])
    #expect(try mapper.ends("/e/all")!.count == 102)
    mapper.remove("/s/7", [Mapper.definitions])
    mapper.remove("/s/8", [Mapper.definitions])
    let events = mapper.events()
    #expect(events.first == .crowded("/e/all") && events.count == 2)
    #expect(events.last == changed("/e/all", (0..<102).filter { $0 != 7 && $0 != 8 }.map { "/s/\($0)" }))
    mapper.leave("s.S")
    #expect(mapper.events().last == .removed("/e/all"))
    source("/t", (0..<150).map { Definition("to", "", $0 == 0 ? "/e" : "/f/\($0)") })
    mapper.scan("f.F", (1..<150).map { ("/f/\($0)", ["i.F"]) })
    #expect(try mapper.ends("/t/to")!.count == 150)
    isSound()
  }

  @Test("An association that begins with a crowd is announced with all of it")
  func crowdAtOnce() throws {
    mapper.scan("f.F", (100..<300).map { ("/f/\($0)", ["i.F"]) })
    source("/t", (100..<300).map { Definition("to", "", "/f/\($0)") })
    #expect(mapper.events() == [added("/t/to", (100..<300).map { "/f/\($0)" })])
  }

  @Test("An object may be associated with itself, and with an association object")
  func loops() throws {
    source("/s", [Definition("to", "from", "/s"), Definition("up", "down", "/s/to")])
    #expect(try mapper.ends("/s/to") == ["/s"])
    #expect(try mapper.ends("/s/from") == ["/s"])
    #expect(try mapper.ends("/s/up") == ["/s/to"])
    #expect(try mapper.ends("/s/to/down") == ["/s"])
    mapper.leave("s.S")
    isSound()
  }
}
