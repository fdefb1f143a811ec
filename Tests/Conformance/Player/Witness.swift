// The witness of what the mapper signals, and the judge of when it has come to rest.

import TestSupport

final class Witness {
  let connection: Connection
  private var signals: [Message] = []

  init(in world: World) throws {
    connection = try world.connect()
    connection.onSignal = { [unowned self] in
      if $0.sender != "org.freedesktop.DBus" { signals.append($0) }
    }
    try connection.match("type='signal',sender='\(Mapper.name)'")
  }

  /// Waits until the mapper has its name.
  func awaitName() throws {
    let until = now() + 10
    while now() < until {
      if try connection.nameHasOwner(Mapper.name) { return }
      connection.loop.run(for: 0.02)
    }
    throw VectorError(description: "the mapper does not take its name within 10 s")
  }

  /// The tree and all endpoints, as far as that fills a record.
  func dump(_ caller: (MapperCall) throws -> Value) throws -> CheckRecord {
    var record = CheckRecord(
      tree: try caller(MapperCall("GetSubTree", "/", 0, [])), endpoints: [], signals: [:], calls: [])
    for object in record.objects {
      for service in object.services
      where service.name == Mapper.name && service.interfaces.contains(Interfaces.association) {
        record.endpoints.append((object.path, try caller(.endpoints(of: object.path))))
      }
    }
    return record
  }

  /// Waits until two dumps, `pause` apart, agree, with no signal of the mapper and no call to a service between them.
  func settle(_ pause: Double, calls: () -> Int, _ caller: (MapperCall) throws -> Value) throws {
    var last: CheckRecord?
    let until = now() + 30
    while now() < until {
      let before = (signals.count, calls())
      let dump = try dump(caller)
      if let last, last.tree == dump.tree, last.endpoints.elementsEqual(dump.endpoints, by: ==),
        before == (signals.count, calls())
      {
        return
      }
      last = dump
      connection.loop.run(for: pause)
    }
    throw VectorError(description: "the mapper does not come to rest")
  }

  /// The mapper's signals since the last time: by path, each path's in order.
  func drain() -> [String: Value] {
    var byPath: [String: [Value]] = [:]
    for signal in signals {
      let path: String
      let what: [Value]
      switch signal.member {
      case "InterfacesAdded", "InterfacesRemoved":
        path = signal.body.first?.string ?? ""
        what = [.string(signal.member), .string(signal.path), signal.body.count > 1 ? signal.body[1] : .null]
      case "PropertiesChanged":
        path = signal.path
        what = [.string(signal.member)] + signal.body
      default:
        path = signal.path
        what = [.string(signal.interface), .string(signal.member)] + signal.body
      }
      byPath[path, default: []].append(.array(what))
    }
    signals = []
    if let own = byPath[Mapper.path] {  // which service's scan ends first is a matter of scheduling
      byPath[Mapper.path] = Set(own).sorted { bytesBefore($0.json, $1.json) }
    }
    return byPath.mapValues(Value.array)
  }
}
