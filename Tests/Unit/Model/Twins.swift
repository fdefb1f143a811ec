// The engine and the naive model, side by side: every change goes to both, and everything that can be asked must be answered
// the same by the writer, by a reader of the published pool, and by the model.

import ShMap

@testable import Database

/// The first difference between the engine and the model.
struct Difference: Error, CustomStringConvertible {
  let description: String
}

struct Twins: ~Copyable {
  private let place = PoolPath()
  private var engine: MapperDatabase
  private var model = NaiveMapper()
  private static let bus = [UInt8](repeating: 9, count: 16)
  private var connections = 0
  /// The model as it was published last.
  private var published: NaiveMapper?

  init() throws {
    engine = try MapperDatabase(poolPath: ByteString(place.path), mode: 0o600, busID: Twins.bus)
  }

  mutating func apply(_ operation: Operation) throws {
    switch operation {
    case .scan(let service, let steps):
      appear(service)
      engine.replaceObjects(of: ServiceName(service), with: steps.map(ScanStep.init))
      model.scan(service, steps)
    case .add(let names, let path, let service, let definitions):
      appear(service)
      engine.addInterfaces(
        names.map { InterfaceName($0) }, to: ObjectPath(path), of: ServiceName(service),
        associations: definitions.map { $0.map(AssociationDefinition.init) })
      model.add(names, path, service, definitions)
    case .remove(let names, let path, let service):
      appear(service)
      engine.removeInterfaces(names.map { InterfaceName($0) }, from: ObjectPath(path), of: ServiceName(service))
      model.remove(names, path, service)
    case .define(let definitions, let path, let service):
      appear(service)
      engine.changeAssociations(
        definitions.map(AssociationDefinition.init), of: ObjectPath(path), by: ServiceName(service))
      model.changeAssociations(definitions, path, service)
    case .leave(let service):
      engine.removeService(ServiceName(service))
      model.removeService(service)
    case .publish: try publish()
    case .restart(let changed): try restart(changed)
    case .ask(let question): try ask(question)
    }
    try compareEvents()
  }

  /// A service owns a connection before anything is said about it.
  private mutating func appear(_ service: String) {
    guard model.owners[service] == nil else { return }
    connections += 1
    engine.setOwner(of: ServiceName(service), to: ByteString(":1.\(connections)"))
    model.setOwner(service, ":1.\(connections)")
  }

  private mutating func publish() throws {
    try engine.publish()
    published = model
  }

  private mutating func restart(_ changed: [String]) throws {
    try publish()
    var owners = model.owners
    for service in changed where owners[service] != nil {
      connections += 1
      owners[service] = ":1.\(connections)"
    }
    // The old writer has to end before the next may begin.
    engine = try MapperDatabase(poolPath: ByteString(place.path + Array(".none".utf8)), mode: 0o600, busID: Twins.bus)
    engine = try MapperDatabase(poolPath: ByteString(place.path), mode: 0o600, busID: Twins.bus)
    engine.keepOnly(
      owners.sorted { $0.key < $1.key }.map { (ServiceName($0.key), ByteString($0.value)) })
    model = model.successor(keeping: owners)
    try compareEvents()
    try publish()
  }

  private func ask(_ question: Question) throws {
    let wanted = question.ask(model)
    let got = try question.ask(engine)
    guard got == wanted else { throw differs("\(question)", got, wanted) }
    guard let published else { return }
    var reader = try Reader(opening: place.path, contents: MapperDatabase.contents, identity: Twins.bus)
    let read = try question.ask(&reader)
    let state = question.ask(published)
    guard read == state else { throw differs("reader: \(question)", read, state) }
  }

  private mutating func compareEvents() throws {
    let got = engine.takeEvents()
    let wanted = model.takeEvents().map(AssociationEvent.init)
    guard got == wanted else { throw Difference(description: "events\n  engine: \(got)\n  model:  \(wanted)") }
    _ = engine.takeFaults()
  }

  /// Compares all that is known, in the writer's state, and checks that the pool is sound.
  func compareAll() throws {
    for question in [Question.subTree("/", 0, []), .subTreePaths("/", 0, []), .object("", [])] { try ask(question) }
    for association in model.endpoints.keys.sorted() { try ask(.endpoints(association)) }
    var answer = Answer()
    engine.visitAssociations(&answer)
    let wanted = model.endpoints.keys.sorted().map { "path \($0)" }
    guard answer.lines == wanted else { throw differs("associations", answer.lines, wanted) }
    guard engine.statistics.objects == model.objects.count, engine.statistics.associations == model.endpoints.count
    else {
      throw Difference(description: "counts: \(engine.statistics)")
    }
    let findings = engine.checkInvariants()
    guard findings.isEmpty else { throw Difference(description: "invariants: \(findings)") }
  }

  private func differs(_ what: String, _ got: [String]?, _ wanted: [String]?) -> Difference {
    Difference(description: "\(what)\n  engine: \(got as Any)\n  model:  \(wanted as Any)")
  }
}

extension Name {
  init(_ string: String) { self.init(Array(string.utf8)) }
}

extension AssociationDefinition {
  init(_ definition: NaiveMapper.Definition) {
    self.init(
      forward: ByteString(definition.forward), reverse: ByteString(definition.reverse),
      endpoint: ByteString(definition.endpoint))
  }
}

extension ScanStep {
  init(_ step: NaiveMapper.ScanStep) {
    switch step {
    case .object(let path, let names): self = .object(ObjectPath(path), names.map { InterfaceName($0) })
    case .associations(let path, let definitions):
      self = .associations(ObjectPath(path), definitions.map(AssociationDefinition.init))
    }
  }
}

extension AssociationEvent {
  init(_ event: NaiveMapper.Event) {
    switch event {
    case .added(let path, let ends): self = .added(ObjectPath(path), endpoints: ends.map { ObjectPath($0) })
    case .changed(let path, let ends): self = .changed(ObjectPath(path), endpoints: ends.map { ObjectPath($0) })
    case .removed(let path): self = .removed(ObjectPath(path))
    case .crowded(let path): self = .crowded(ObjectPath(path))
    }
  }
}
