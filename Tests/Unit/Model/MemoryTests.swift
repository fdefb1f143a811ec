// The pool's memory under endless change: it stays bounded, and what is removed gives all of it back.

import ShMap
import Testing

@testable import Database

@Suite struct MemoryTests {
  private struct World: ~Copyable {
    let place = PoolPath()
    let database: MapperDatabase

    init() throws {
      database = try MapperDatabase(
        poolPath: ByteString(place.path), mode: 0o600, busID: [UInt8](repeating: 8, count: 16))
      // Blocks that readers may still look at come back after some publications, however soon these follow.
      database.registry.storage.pool.grace.microseconds = 0
    }

    /// Publishes until every block that was given up is free again; gives the bytes in use.
    func settled() throws -> Int {
      for number in 0..<40 {
        database.setOwner(of: "settle.S", to: ByteString(":1.\(number % 10)"))
        try database.publish()
      }
      return database.statistics.usedBytes
    }
  }

  /// The nodes of trees that are left may have some room to spare, and blocks a little more than was asked for.
  private let slack = 256

  private func paths(_ count: Int, below base: String) -> [ObjectPath] {
    (0..<count).map { ObjectPath("\(base)/n\($0)/leaf\($0 * 7919 % count)") }
  }

  @Test("A service that comes and goes leaves nothing behind")
  func servicesGiveAllMemoryBack() throws {
    let world = try World()
    let start = try world.settled()
    for round in 0..<10 {
      world.database.setOwner(of: "s.S", to: ":1.7")
      let steps = paths(500, below: "/a").map { ScanStep.object($0, ["i.I\(round)".name, "i.Common", "i.Other"]) }
      world.database.replaceObjects(of: "s.S", with: steps)
      try world.database.publish()
      #expect(world.database.checkInvariants() == [])
      world.database.removeService("s.S")
      let left = try world.settled()
      #expect(left < start + slack, "\(left - start) bytes more")
    }
    #expect(world.database.checkInvariants() == [])
  }

  @Test("Objects that signals add and remove one by one leave nothing behind, in whatever order they go")
  func signalsGiveAllMemoryBack() throws {
    let world = try World()
    world.database.setOwner(of: "s.S", to: ":1.7")
    // Their parents are implied, and stay: a service that only ever adds keeps them until it leaves.
    let start = try world.settled()
    var random = Seeded(5)
    let all = paths(400, below: "/a")
    for path in all.shuffled(using: &random) {
      world.database.addInterfaces(["i.One", "i.Two"], to: path, of: "s.S", associations: nil)
    }
    try world.database.publish()
    for path in all.shuffled(using: &random) {
      world.database.removeInterfaces(["i.Two", "i.One"], from: path, of: "s.S")
    }
    world.database.removeService("s.S")
    world.database.setOwner(of: "s.S", to: ":1.7")
    let left = try world.settled()
    #expect(left < start + slack, "\(left - start) bytes more")
  }

  @Test("Definitions that change for ever do not make the pool grow")
  func associationsAreBounded() throws {
    let world = try World()
    var random = Seeded(6)
    let ends = paths(60, below: "/end")
    world.database.replaceObjects(of: "ends.E", with: ends.map { .object($0, ["i.End"]) })
    func round() throws -> Int {
      for path in paths(40, below: "/source") {
        let definitions = (0..<3).map { _ in
          AssociationDefinition(
            forward: "f", reverse: "r", endpoint: ByteString(ends.randomElement(using: &random)!.bytes))
        }
        world.database.addInterfaces([MapperDatabase.definitions], to: path, of: "s.S", associations: definitions)
        world.database.changeAssociations(definitions.dropLast(), of: path, by: "s.S")
      }
      try world.database.publish()
      world.database.removeService("s.S")
      _ = world.database.takeEvents()
      return try world.settled()
    }
    let first = try round()
    var size = 0
    for number in 0..<25 {
      #expect(try round() <= first + 4096)
      if number == 5 { size = world.database.statistics.poolBytes }
    }
    #expect(world.database.statistics.poolBytes == size)
    #expect(world.database.checkInvariants() == [])
  }

  @Test("Objects with new names and associations that come and go for ever do not pile up")
  func newNamesAreBounded() throws {
    let world = try World()
    var sizes: [Int] = []
    for round in 0..<60 {
      for entry in 0..<50 {
        let path = ObjectPath("/log/entry/\(round * 50 + entry)")
        let definitions = ["/log", "/not/there"].map {
          AssociationDefinition(forward: "callout", reverse: "fault", endpoint: ByteString($0))
        }
        let names = ["i.Entry\(round)".name, MapperDatabase.definitions]
        world.database.addInterfaces(names, to: path, of: "log.L", associations: definitions)
        // This one waits, and is gone before what it waits for comes.
        world.database.addInterfaces(
          names, to: "/other/\(round * 50 + entry)".path, of: "log.L", associations: [definitions[1]])
        world.database.removeInterfaces(names, from: path, of: "log.L")
        world.database.removeInterfaces(names, from: "/other/\(round * 50 + entry)".path, of: "log.L")
        _ = world.database.takeEvents()
      }
      sizes.append(try world.settled())
    }
    // They rise and fall: what is left behind goes when there is much of it.
    #expect(sizes[40...].max()! < sizes[..<40].max()! + 16384, "\(sizes)")
    #expect(world.database.checkInvariants() == [])
  }

  @Test("A pool grows to what is in use and little more")
  func thePoolIsNotMuchLargerThanItsContents() throws {
    let world = try World()
    for service in 0..<20 {
      let steps = paths(150, below: "/s\(service)").map { ScanStep.object($0, ["i.A", "i.B\(service)".name]) }
      world.database.replaceObjects(of: ServiceName("s.S\(service)"), with: steps)
      try world.database.publish()
    }
    let statistics = world.database.statistics
    #expect(statistics.poolBytes < statistics.usedBytes * 3 / 2 + (256 << 10), "\(statistics)")
  }
}

extension String {
  /// This string as an interface name.
  var name: InterfaceName { InterfaceName(self) }
  /// This string as an object path.
  var path: ObjectPath { ObjectPath(self) }
}
