// The mapper's database as its daemon holds it: what services show, changed by scans and signals, published to readers in
// whole states. No D-Bus here: names, paths and definitions come in, answers and events go out.
//
//     let database = try MapperDatabase(poolPath: path, mode: 0o640, busID: id)
//     database.keepOnly(ownersOnTheBus)                  // what a previous daemon knew and is still true
//     database.setOwner(of: service, to: ":1.7")
//     database.replaceObjects(of: service, with: scan)
//     database.publish()
//
// Not thread-safe: one thread holds it. Changes are visible to its own queries at once, to other processes with `publish()`.

import CSystem
import ShMap

/// What one reply of a scan told, in the order of the replies.
public enum ScanStep {
  /// The interfaces in a path's introspection. A path without any still becomes known.
  case object(ObjectPath, [InterfaceName])
  /// The property `Associations` of an object.
  case associations(ObjectPath, [AssociationDefinition])
}

public final class MapperDatabase {
  /// What a pool of the mapper carries in its header: "OM", and the version of the blocks in Records.swift.
  public static let contents: UInt32 = 0x4f4d_0001
  /// The name under which the mapper's own objects are indexed.
  public static var ownName: ServiceName { "xyz.openbmc_project.ObjectMapper" }

  static var definitions: InterfaceName { "xyz.openbmc_project.Association.Definitions" }
  static var association: InterfaceName { "xyz.openbmc_project.Association" }

  var registry: Registry
  /// What a previous daemon left in a pool of this name.
  var previous: PreviousState?
  /// Paths that were taken over and not yet seen by their service's new scan.
  var inherited: [(service: ServiceName, paths: [ObjectPath])] = []
  private var rootBlock: UInt32 = 0
  private var isCommitted = false
  /// Whether something has changed since the last `publish()`.
  public private(set) var hasUnpublishedChanges = true

  /// Creates the pool, under a temporary name until the first `publish()`. A pool of that name that a previous daemon left is
  /// read for `keepOnly`, if it mirrors the same bus. Throws `inUse` when a living daemon writes that pool.
  ///
  /// - `mode`: the file's permissions. `busID`: the 16 bytes of the bus's id.
  public init(poolPath: ByteString, mode: UInt32, busID: [UInt8]) throws(PoolError) {
    previous = try PreviousState(poolPath.bytes, busID: busID)
    registry = Registry(
      try Pool(creating: poolPath.bytes, mode: mode, contents: MapperDatabase.contents, identity: busID))
    try registry.storage.ensureRoom()
    rootBlock = registry.storage.allocate(Roots.blockBytes)
    let own = registry.makeService(MapperDatabase.ownName)
    let standard: [StaticString] = [
      "org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Peer", "org.freedesktop.DBus.Properties",
    ]
    let names = standard.map { InterfaceName($0) }
    merge(names + ["org.freedesktop.DBus.ObjectManager"], into: "/", of: own)
    merge(names, into: "/xyz", of: own)
    merge(names, into: "/xyz/openbmc_project", of: own)
    merge(names + ["xyz.openbmc_project.ObjectMapper"], into: "/xyz/openbmc_project/object_mapper", of: own)
  }

  // MARK: Changes

  /// Runs a change that cannot fail half-way, and then what the mapper's own signals about it would make it do.
  func change(_ bytes: Int = Storage.reserve, _ body: () -> Void) {
    apply(bytes, body)
    indexOwnObjects()
  }

  /// Runs one change when the pool has room for it. A pool that cannot grow refuses it, which is recorded as a fault.
  func apply(_ bytes: Int, _ body: () -> Void) {
    do throws(PoolError) {
      try registry.storage.ensureRoom(bytes)
      body()
      hasUnpublishedChanges = true
    } catch {
      registry.faults.append(.poolFull)
    }
  }

  /// States which unique name owns a service.
  public func setOwner(of service: ServiceName, to unique: ByteString) {
    change { registry.setUnique(unique, of: service) }
  }

  /// The service has left the bus: all that it showed goes, and all that its definitions made.
  public func removeService(_ service: ServiceName) {
    defer { endTakeover(of: service) }
    if let record = registry.service(service.bytes.span) {
      // Reference: one pass over all paths; the mapper hears its own signals about it afterwards.
      for path in registry.keys(of: record.paths) {
        apply(Storage.reserve) { remove(record.text, from: registry.bytes(of: path)) }
      }
      apply(Storage.reserve) { registry.forgetService(service) }
    }
    // Reference: that pass also drops the paths that nobody shows.
    change {
      for path in ownerless.names where registry.object(path.span)?.owners == 0 { registry.forget(path) }
      ownerless = NameTable()
    }
  }

  /// Paths that became known without any service: their introspection named no interface, or their signal.
  private var ownerless = NameTable()

  /// Paths that associations have left behind, the oldest first: see LeftBehind.swift.
  var leftBehind: [[UInt8]] = []

  /// Makes a path known without stating that anybody shows it.
  func makeKnown(_ path: ObjectPath) {
    if !registry.isKnown(path.bytes.span) { _ = ownerless.insert(path.bytes) }
    _ = registry.makeKnown(path.bytes.span)
  }

  /// A scan of a service is complete: what it showed is added in one step. What a previous daemon knew of the service and the
  /// scan did not find again is dropped.
  public func replaceObjects(of service: ServiceName, with scan: [ScanStep]) {
    var old = InheritedPaths(inherited.first { $0.service == service }?.paths ?? [])
    defer { endTakeover(of: service) }
    for step in scan {
      switch step {
      case .object(let path, let interfaces):
        change(room(for: interfaces, path)) {
          if old.see(path) { inheritedObject(path, of: service, shows: interfaces) }
          addScanned(interfaces, to: path, of: service)
        }
      case .associations(let path, let definitions):
        change(room(for: definitions, path)) {
          registry.define(definitions, on: path.bytes, by: registry.makeService(service))
        }
      }
    }
    for path in old.unseen {
      change { remove(registry.makeService(service), from: path.bytes) }
    }
  }

  /// A service has announced interfaces on a path (InterfacesAdded). Parents that the service does not show yet are added
  /// with an empty interface list (reference: processInterfaceAdded).
  public func addInterfaces(
    _ interfaces: [InterfaceName], to path: ObjectPath, of service: ServiceName, associations: [AssociationDefinition]?
  ) {
    change(room(for: interfaces, path) + room(for: associations ?? [], path)) {
      add(interfaces, to: path, of: registry.makeService(service), associations)
    }
  }

  /// A service has taken interfaces away from a path (InterfacesRemoved); parents that only its D-Bus library made and that
  /// have no child left go too.
  public func removeInterfaces(_ interfaces: [InterfaceName], from path: ObjectPath, of service: ServiceName) {
    guard registry.isKnown(path.bytes.span) else { return }
    change(room(for: interfaces, path)) {
      let text = registry.makeService(service)
      take(interfaces, from: path, of: text)
      sweepParents(of: path.bytes, service, text)
    }
  }

  /// The definitions on an object have changed (PropertiesChanged).
  public func changeAssociations(_ associations: [AssociationDefinition], of path: ObjectPath, by service: ServiceName)
  {
    change(room(for: associations, path)) {
      registry.define(associations, on: path.bytes, by: registry.makeService(service))
    }
  }

  /// Puts back what a previous daemon knew of one object.
  func restore(_ interfaces: [InterfaceName], on path: ObjectPath, of service: ServiceName) {
    change(room(for: interfaces, path)) {
      let text = registry.makeService(service)
      if interfaces.isEmpty {
        registry.setInterfaces(path.bytes, of: text, to: [])
      } else {
        merge(interfaces, into: path, of: text)
      }
    }
  }

  /// Puts back one endpoint that a previous daemon had made from the definitions on `source`.
  func restore(
    _ association: ByteString, leadingTo endpoint: ByteString, from source: ObjectPath, of service: ServiceName
  ) {
    // An endpoint that only the mapper shows is what an association has left behind: for a new scan it is not there.
    guard isShownByService(endpoint.bytes) else { return }
    // The other side of a definition: its endpoint is the object that the association starts from.
    if endpoint.bytes == source.bytes, let at = association.bytes.lastIndex(of: slash) {
      guard isShownByService([UInt8](association.bytes[..<at])) else { return }
    }
    change { registry.restoreClaim(association.bytes, endpoint.bytes, source.bytes, registry.makeService(service)) }
  }

  /// Takes away what the mapper itself shows on a path.
  func dropOwn(_ path: [UInt8], _ own: UInt32) {
    change { registry.setInterfaces(path, of: own, to: nil) }
  }

  // MARK: Effects and publication

  /// What happened to association objects since the last call, in order.
  public func takeEvents() -> [AssociationEvent] {
    let events = registry.events
    registry.events = []
    registry.told = []
    return events
  }

  /// What services said wrongly since the last call, in order.
  public func takeFaults() -> [Fault] {
    let faults = registry.faults
    registry.faults = []
    return faults
  }

  /// Makes all changes visible to other processes, in one step, and wakes those that wait for a change. The first time, the
  /// pool takes its name.
  public func publish() throws(PoolError) {
    guard hasUnpublishedChanges else { return }
    try registry.storage.ensureRoom()
    if isCommitted {
      registry.storage.retire(rootBlock)
      rootBlock = registry.storage.allocate(Roots.blockBytes)
    }
    registry.roots.store(in: &registry.storage.pool, at: rootBlock)
    registry.storage.publish(root: rootBlock)
    hasUnpublishedChanges = false
    if !isCommitted {
      try registry.storage.pool.commit()
      previous = nil
      isCommitted = true
    }
  }

  /// States that everything which the bus had routed to this process before a moment is in the published state.
  ///
  /// - moment: microseconds of CLOCK_MONOTONIC.
  public func stamp(completeUpTo moment: UInt64) { registry.storage.pool.stamp(moment) }

  /// Takes the statement back: clients that need certainty ask over D-Bus until there is a new one.
  public func stampNothing() { registry.storage.pool.stamp(0) }

  /// Numbers about the database and its pool.
  public struct Statistics {
    public var objects: Int
    public var services: Int
    public var interfaces: Int
    public var associations: Int
    public var poolBytes: Int
    public var usedBytes: Int
    public var generation: UInt64
  }

  public var statistics: Statistics {
    Statistics(
      objects: Int(registry.roots.objectCount), services: registry.keys(of: registry.roots.services).count,
      interfaces: registry.keys(of: registry.roots.interfaces).count,
      associations: Int(registry.roots.associationCount),
      poolBytes: registry.storage.pool.size, usedBytes: registry.storage.pool.usedBytes,
      generation: registry.storage.pool.generation)
  }
}
