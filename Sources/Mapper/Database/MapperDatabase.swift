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
  var inherited: [ServiceName: [ObjectPath]] = [:]
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

  /// Runs a change that cannot fail half-way. A pool that cannot grow refuses the change, which is recorded as a fault.
  private func change(_ bytes: Int = Storage.reserve, _ body: () -> Void) {
    do throws(PoolError) {
      try registry.storage.ensureRoom(bytes)
      body()
      indexOwnObjects()
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
    guard let record = registry.service(service.bytes.span) else { return }
    for path in registry.keys(of: record.paths) {
      change { remove(service, record.text, from: registry.bytes(of: path)) }
    }
    change {
      registry.forgetService(service)
      // Reference: the pass over all paths that a leaving service causes also drops those that nobody shows.
      for path in ownerless { if registry.object(path.span)?.owners == 0 { registry.forget(path) } }
      ownerless = []
    }
  }

  /// Known paths that no service shows: their introspection named no interface.
  private var ownerless: [[UInt8]] = []

  /// A scan of a service is complete: what it showed is added in one step. What a previous daemon knew of the service and the
  /// scan did not find again is dropped.
  public func replaceObjects(of service: ServiceName, with scan: [ScanStep]) {
    var old: [ObjectPath: Bool] = [:]
    for path in inherited[service] ?? [] { old[path] = true }
    defer { endTakeover(of: service) }
    for step in scan {
      switch step {
      case .object(let path, let interfaces):
        change(room(for: interfaces, path)) {
          if old.removeValue(forKey: path) != nil { inheritedObject(path, of: service, shows: interfaces) }
          addScanned(interfaces, to: path, of: service)
        }
      case .associations(let path, let definitions):
        change(room(for: definitions, path)) {
          registry.define(definitions, on: path.bytes, by: registry.makeService(service))
        }
      }
    }
    for path in old.keys {
      change { remove(service, registry.makeService(service), from: path.bytes) }
    }
  }

  private func addScanned(_ interfaces: [InterfaceName], to path: ObjectPath, of service: ServiceName) {
    if interfaces.isEmpty {
      if registry.object(path.bytes.span) == nil { ownerless.append(path.bytes) }
      _ = registry.makeKnown(path.bytes.span)
    } else {
      merge(interfaces, into: path, of: registry.makeService(service))
    }
    registry.completePending(path.bytes)
  }

  /// A path that was taken over is seen again: what the scan does not name any more goes.
  private func inheritedObject(_ path: ObjectPath, of service: ServiceName, shows interfaces: [InterfaceName]) {
    let text = registry.makeService(service)
    if !interfaces.contains(MapperDatabase.definitions) { registry.undefine(on: path.bytes, by: text) }
    let stale = registry.interfaces(path.bytes.span, of: text) ?? []
    let names = stale.map { InterfaceName(registry.bytes(of: $0)) }.filter { !interfaces.contains($0) }
    if !names.isEmpty { take(names, from: path, of: text) }
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

  private func add(
    _ interfaces: [InterfaceName], to path: ObjectPath, of service: UInt32, _ associations: [AssociationDefinition]?
  ) {
    merge(interfaces, into: path, of: service)
    if let associations { registry.define(associations, on: path.bytes, by: service) }
    var parent = path.bytes
    while let at = parent.lastIndex(of: slash) {
      parent.removeSubrange(at...)
      guard registry.interfaces(parent.span, of: service) == nil else { break }
      registry.setInterfaces(parent, of: service, to: [])
    }
    registry.completePending(path.bytes)
  }

  /// A service has taken interfaces away from a path (InterfacesRemoved); parents that only its D-Bus library made and that
  /// have no child left go too.
  public func removeInterfaces(_ interfaces: [InterfaceName], from path: ObjectPath, of service: ServiceName) {
    guard let record = registry.service(service.bytes.span), registry.isKnown(path.bytes.span) else { return }
    change(room(for: interfaces, path)) {
      take(interfaces, from: path, of: record.text)
      sweepParents(of: path.bytes, service, record.text)
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
    change { registry.restoreClaim(association.bytes, endpoint.bytes, source.bytes, registry.makeService(service)) }
  }

  /// Takes away what the mapper itself shows on a path.
  func dropOwn(_ path: [UInt8], _ own: UInt32) {
    change { registry.setInterfaces(path, of: own, to: nil) }
  }

  // MARK: How changes are made

  /// Adds interfaces to those that a service shows on a path.
  private func merge(_ interfaces: [InterfaceName], into path: ObjectPath, of service: UInt32) {
    var all = registry.interfaces(path.bytes.span, of: service) ?? []
    let before = all.count
    for text in all { registry.useText(again: text) }
    for name in interfaces {
      let text = registry.useText(name.bytes.span)
      if all.contains(text) {
        registry.dropText(text)
      } else {
        all.append(text)
      }
    }
    if all.count != before { all.sortInPlace { registry.compareTexts($0, $1) < 0 } }
    registry.setInterfaces(path.bytes, of: service, to: all)
  }

  private func take(_ interfaces: [InterfaceName], from path: ObjectPath, of service: UInt32) {
    guard let old = registry.interfaces(path.bytes.span, of: service) else {
      if registry.object(path.bytes.span)?.owners == 0 { registry.forget(path.bytes) }
      return
    }
    if interfaces.contains(MapperDatabase.definitions) { registry.undefine(on: path.bytes, by: service) }
    let gone = interfaces.map { registry.findText($0.bytes.span) }
    let left = old.filter { !gone.contains($0) }
    // Reference: a service whose list was empty before stays when nothing of the signal is found in it, since it only looks
    // for an empty list after taking an interface away.
    guard !interfaces.isEmpty else { return }
    if left.isEmpty {
      registry.setInterfaces(path.bytes, of: service, to: nil)
      suspendIfAlone(path.bytes)
    } else {
      for text in left { registry.useText(again: text) }
      registry.setInterfaces(path.bytes, of: service, to: left)
    }
  }

  /// Takes a path away from a service that has left.
  private func remove(_ service: ServiceName, _ text: UInt32, from path: [UInt8]) {
    if let definitions = registry.findText(MapperDatabase.definitions.bytes.span),
      registry.interfaces(path.span, of: text)?.contains(definitions) == true
    {
      registry.undefine(on: path, by: text)
    }
    registry.setInterfaces(path, of: text, to: nil)
    suspendIfAlone(path)
  }

  /// Reference: when the mapper is the only one left on a path, some association leads to it; that one is pending again.
  private func suspendIfAlone(_ path: [UInt8]) {
    if registry.isKnown(path.span), !isShownByService(path) { registry.suspend(path) }
  }

  /// Whether a service other than the mapper shows a path.
  private func isShownByService(_ path: [UInt8]) -> Bool {
    guard let object = registry.object(path.span) else { return false }
    let owners = registry.words(of: object.owners, stride: 2)
    return owners.count > 2 || owners.count == 2 && registry.bytes(of: owners[0]) != MapperDatabase.ownName.bytes
  }

  /// Reference: parents with exactly the three interfaces of a D-Bus library and no child of the same service are dropped.
  private func sweepParents(of path: [UInt8], _ name: ServiceName, _ service: UInt32) {
    var parent = path
    while let at = parent.lastIndex(of: slash), at > 0 {
      parent.removeSubrange(at...)
      guard let interfaces = registry.interfaces(parent.span, of: service), interfaces.count == 3 else { return }
      guard let record = registry.service(name.bytes.span), !registry.hasChild(of: parent, in: record.paths) else {
        return
      }
      registry.setInterfaces(parent, of: service, to: nil)
    }
  }

  /// Indexes or forgets the mapper's own association objects, as its own signals would make it do.
  private func indexOwnObjects() {
    while !registry.ownObjects.isEmpty {
      let (path, isNew) = registry.ownObjects.removeFirst()
      let own = registry.makeService(MapperDatabase.ownName)
      if isNew {
        add([MapperDatabase.association], to: ObjectPath(path), of: own, nil)
      } else {
        take([MapperDatabase.association], from: ObjectPath(path), of: own)
        sweepParents(of: path, MapperDatabase.ownName, own)
      }
    }
  }

  /// Bytes that a change may need: names, and the nodes on the way to each index entry.
  private func room(for interfaces: [InterfaceName], _ path: ObjectPath) -> Int {
    interfaces.reduce(Storage.reserve + path.bytes.count * 40) { $0 + $1.bytes.count + 4096 }
  }

  private func room(for definitions: [AssociationDefinition], _ path: ObjectPath) -> Int {
    definitions.reduce(Storage.reserve) {
      $0 + 8192 + 8 * ($1.endpoint.bytes.count + $1.forward.bytes.count + $1.reverse.bytes.count + path.bytes.count)
    }
  }

  // MARK: Effects and publication

  /// What happened to association objects since the last call, in order.
  public func takeEvents() -> [AssociationEvent] {
    let events = registry.events
    registry.events = []
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

  /// All signals that the bus had delivered up to this moment (microseconds of CLOCK_MONOTONIC) are in the published state.
  public func noteQueueEmpty(at moment: UInt64) {
    registry.storage.pool.stamp(moment)
  }

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
