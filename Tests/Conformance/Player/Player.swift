// Plays a scenario: fake services come and go on a private bus, and at each check the mapper is asked.

import Foundation
import TestSupport

final class Player {
  /// What the checks saw.
  let checks: [CheckRecord]

  /// Plays a whole scenario against a fresh mapper, and throws when the mapper dies, does not come to rest, or does not end
  /// when it is told to.
  ///
  /// - caller: makes the one whose answers the checks compare, for a world whose mapper is running.
  init(
    _ scenario: Scenario, on kind: PrivateBus.Kind = .daemon,
    caller: (World, BusCaller) throws -> any MapperCaller = { $1 }
  ) throws {
    let world = try World(kind, maxReplies: scenario.maxReplies)
    do {
      let play = Play(scenario, world)
      checks = try play.run(caller)
      guard world.mapper!.isRunning else { throw VectorError(description: "the mapper died") }
      guard world.stopMapper() == .exit(0) else {
        throw VectorError(description: "the mapper did not end cleanly: \(world.mapper!.end!)")
      }
    } catch {
      let end = world.mapper?.isRunning == false ? "\nthe mapper ended: \(world.mapper!.end!)" : ""
      throw VectorError(description: "\(error)\(end)\nits log:\n\(world.mapperLog.suffix(4000))")
    }
  }
}

/// A scenario that is being played.
private final class Play {
  let scenario: Scenario
  let world: World
  var services: [String: FakeService] = [:]

  init(_ scenario: Scenario, _ world: World) {
    self.scenario = scenario
    self.world = world
  }

  /// Grows with every call that a service gets.
  private func calls() -> Int { services.values.reduce(0) { $0 + $1.calls } }

  func run(_ makeCaller: (World, BusCaller) throws -> any MapperCaller) throws -> [CheckRecord] {
    for script in scenario.before { try start(script) }
    try world.startMapper()
    let witness = try Witness(in: world)
    try witness.awaitName()
    let bus = BusCaller(connection: witness.connection)
    func overBus(_ call: MapperCall) throws -> Value { try bus.answer(call)! }
    func settle() throws { try witness.settle(scenario.pause, calls: calls, overBus) }
    try settle()
    _ = witness.drain()
    let caller = try makeCaller(world, bus)
    func answer(_ call: MapperCall) throws -> Value { try caller.answer(call) ?? overBus(call) }

    var checks: [CheckRecord] = []
    for step in scenario.steps {
      switch step {
      case .settle: try settle()
      case .restartMapper(let kill):
        world.stopMapper(signal: kill ? SIGKILL : SIGTERM)
        try world.startMapper()
        try witness.awaitName()
      case .check(let listed, let sweep):
        try settle()
        var record = try witness.dump(answer)
        record.signals = witness.drain()
        for call in Battery.calls(listed: listed, sweep: sweep, tree: record) {
          record.calls.append((call, try answer(call)))
        }
        checks.append(record)
      default: try perform(step)
      }
    }
    for service in services.values { service.stop() }
    world.loop.run(for: 0.1)
    try settle()
    return checks
  }

  private func start(_ script: ServiceScript) throws {
    let service = try world.start(script)
    for name in script.names { services[name] = service }
  }

  private func service(_ name: String) throws -> FakeService {
    guard let service = services[name] else { throw VectorError(description: "no service \(name)") }
    return service
  }

  /// The steps of services.
  private func perform(_ step: Scenario.Step) throws {
    switch step {
    case .start(let script): try start(script)
    case .stop(let name):
      let leaving = try service(name)
      leaving.stop()
      for name in leaving.names { services[name] = nil }
    case .own(let new, let name):
      services[new] = try service(name)
      try service(name).connection.own(new)
    case .disown(let old, let name): try service(name).connection.disown(old)
    case .add(let path, let thing, let name):
      try service(name).add(
        thing.interfaces, to: path, associations: thing.associations, properties: thing.properties)
    case .put(let path, let thing, let name): try service(name).change { $0.put(thing, at: path) }
    case .remove(let interfaces, let path, let name): try service(name).remove(interfaces, from: path)
    case .associate(let path, let value, let name): try service(name).associate(path, value)
    case .emit(let path, let interface, let member, let signature, let body, let name):
      try service(name).emit(path, interface, member, signature, body)
    case .sleep(let seconds): world.loop.run(for: seconds)
    case .settle, .check, .restartMapper: preconditionFailure("not a step of a service")
    }
  }
}
