// The writer. What it publishes can be checked by whoever reads it: paths /churn/a/N and /churn/b/N are there together, an
// association leads from the one to the other, and one object's interface says how many pairs there are.

import CSystem
import Database
import ShMap

enum Content {
  static var first: ServiceName { "churn.A" }
  static var second: ServiceName { "churn.B" }
  static var state: ServiceName { "churn.State" }
  static var item: InterfaceName { "churn.Item" }
  static var definitions: InterfaceName { "xyz.openbmc_project.Association.Definitions" }
  static var count: InterfaceName { "churn.Count" }
  static var statePath: ObjectPath { "/churn/state" }

  static func a(_ number: Int) -> ObjectPath { ObjectPath("/churn/a/").with(number) }
  static func b(_ number: Int) -> ObjectPath { ObjectPath("/churn/b/").with(number) }
}

struct Writer {
  private let database: MapperDatabase
  private var random: Random
  private let board: Board
  private var present = [Bool](repeating: false, count: 400)
  private var pairs = 0
  private var stated: InterfaceName?
  private var changes = 0

  /// Takes over what the writer before left, which must be a whole state.
  init(_ pool: ByteString, _ random: Random, _ board: Board) throws(PoolError) {
    self.random = random
    self.board = board
    database = try MapperDatabase(poolPath: pool, mode: 0o600, busID: [UInt8](repeating: 5, count: 16))
    let services: [(ServiceName, ByteString)] = [
      (Content.first, ":1.1"), (Content.second, ":1.2"), (Content.state, ":1.3"),
    ]
    database.keepOnly(services)
    for (service, owner) in services { database.setOwner(of: service, to: owner) }
    var seen = Seen()
    do throws(QueryError) {
      try seen.look(database)
    } catch { throw .damaged }
    guard seen.isWhole else { throw .damaged }
    for number in seen.first where number < present.count { present[number] = true }
    pairs = seen.first.count
    stated = seen.stated.map { Content.count.with($0) }
  }

  mutating func run() throws(PoolError) {
    var published = 0
    while !board.isStopped {
      for _ in 0...random.below(12) { change() }
      stateCount()
      _ = database.takeEvents()
      try database.publish()
      published += 1
      if published % 16 == 0 {
        board.count(changes, 16)
        changes = 0
      }
    }
    board.count(changes, 0)
  }

  private mutating func change() {
    switch random.below(1000) {
    case 0: leaveAndReturn()
    case 1..<8: pad()
    case 8..<20: rescan()
    default:
      let number = random.below(present.count)
      if present[number] { remove(number) } else { add(number) }
    }
  }

  private mutating func add(_ number: Int) {
    database.addInterfaces([Content.item], to: Content.b(number), of: Content.second, associations: nil)
    let twin = AssociationDefinition(
      forward: "twin", reverse: "back", endpoint: ByteString(Content.b(number).bytes))
    database.addInterfaces(
      [Content.item, Content.definitions], to: Content.a(number), of: Content.first, associations: [twin])
    present[number] = true
    pairs += 1
    changes += 2
  }

  private mutating func remove(_ number: Int) {
    database.removeInterfaces([Content.item, Content.definitions], from: Content.a(number), of: Content.first)
    database.removeInterfaces([Content.item], from: Content.b(number), of: Content.second)
    present[number] = false
    pairs -= 1
    changes += 2
  }

  /// All pairs go at once.
  private mutating func leaveAndReturn() {
    database.removeService(Content.first)
    database.removeService(Content.second)
    database.setOwner(of: Content.first, to: ":1.1")
    database.setOwner(of: Content.second, to: ":1.2")
    for number in present.indices { present[number] = false }
    changes += 2 * pairs + 4
    pairs = 0
  }

  /// Makes the pool grow for a while.
  private mutating func pad() {
    let long = InterfaceName(Content.item.bytes + [UInt8](repeating: 120, count: 200))
    let path = ObjectPath("/churn/pad/")
    let count = 20 + random.below(100)
    for number in 0..<count {
      database.addInterfaces([long.with(number)], to: path.with(number), of: Content.state, associations: nil)
    }
    for number in 0..<count {
      database.removeInterfaces([long.with(number)], from: path.with(number), of: Content.state)
    }
    changes += 2 * count
  }

  /// The second service is found again as it is.
  private mutating func rescan() {
    var steps: [ScanStep] = []
    for number in present.indices where present[number] { steps.append(.object(Content.b(number), [Content.item])) }
    database.replaceObjects(of: Content.second, with: steps)
    changes += steps.count
  }

  private mutating func stateCount() {
    let name = Content.count.with(pairs)
    guard stated != name else { return }
    database.addInterfaces([name], to: Content.statePath, of: Content.state, associations: nil)
    if let stated { database.removeInterfaces([stated], from: Content.statePath, of: Content.state) }
    stated = name
    changes += 2
  }
}
