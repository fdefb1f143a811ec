// A mapper's database as a test wants to speak with it: strings in, lines out.

import ShMap

@testable import Database

/// A database with its pool in a temporary folder.
final class Mapper {
  let place = PoolPath()
  private(set) var database: MapperDatabase
  private static let bus = [UInt8](repeating: 4, count: 16)
  static let definitions = "xyz.openbmc_project.Association.Definitions"

  init() throws { database = try MapperDatabase(poolPath: ByteString(place.path), mode: 0o600, busID: Mapper.bus) }

  /// The line that a path's service makes in an answer.
  func add(_ path: String, _ interfaces: [String], by service: String = "s.S", _ definitions: [Definition]? = nil) {
    database.addInterfaces(
      interfaces.map { $0.name }, to: path.path, of: ServiceName(service),
      associations: definitions.map { $0.map { $0.value } })
  }

  func remove(_ path: String, _ interfaces: [String], by service: String = "s.S") {
    database.removeInterfaces(interfaces.map { $0.name }, from: path.path, of: ServiceName(service))
  }

  func scan(_ service: String, _ objects: [(String, [String])]) {
    database.replaceObjects(of: ServiceName(service), with: objects.map { .object($0.0.path, $0.1.map { $0.name }) })
  }

  func define(_ path: String, _ definitions: [Definition], by service: String = "s.S") {
    database.changeAssociations(definitions.map { $0.value }, of: path.path, by: ServiceName(service))
  }

  func leave(_ service: String) { database.removeService(ServiceName(service)) }

  /// What a question is answered with; nil: ResourceNotFound.
  func ask(_ question: Question) throws -> [String]? { try question.ask(database) }

  /// The endpoints of an association, in order; nil: there is none.
  func ends(_ association: String) throws -> [String]? {
    try ask(.endpoints(association))?.map { String($0.dropFirst(5)) }
  }

  /// All paths that services other than the mapper show, or that nobody shows.
  func paths() throws -> [String] {
    try ask(.subTreePaths("/", 0, []))!.map { String($0.dropFirst(5)) }
      .filter { $0 != "/" && !$0.hasPrefix("/xyz") }
  }

  func events() -> [AssociationEvent] { database.takeEvents() }

  /// Ends this mapper as a kill would, after what it published, and begins another one on its pool.
  func restart(keeping owners: [(String, String)]) throws {
    database = try MapperDatabase(
      poolPath: ByteString(place.path + Array(".none".utf8)), mode: 0o600, busID: Mapper.bus)
    database = try MapperDatabase(poolPath: ByteString(place.path), mode: 0o600, busID: Mapper.bus)
    database.keepOnly(owners.map { (ServiceName($0.0), ByteString($0.1)) })
  }
}

/// One entry of the property `Associations`.
struct Definition {
  var value: AssociationDefinition
  init(_ forward: String, _ reverse: String, _ endpoint: String) {
    value = AssociationDefinition(
      forward: ByteString(forward), reverse: ByteString(reverse), endpoint: ByteString(endpoint))
  }
}
