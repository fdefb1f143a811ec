// What scans and signals mean for the database: how interfaces come to a path and leave it, which other paths that touches,
// and how the mapper's own objects follow its associations. Each function here is a part of one change (MapperDatabase.apply).

import ShMap

extension MapperDatabase {
  // MARK: What comes

  /// One object of a scan.
  func addScanned(_ interfaces: [InterfaceName], to path: ObjectPath, of service: ServiceName) {
    if interfaces.isEmpty {
      makeKnown(path)
    } else {
      merge(interfaces, into: path, of: registry.makeService(service))
    }
    registry.completePending(path.bytes)
  }

  /// A path that was taken over is seen again: what the scan does not name any more goes.
  func inheritedObject(_ path: ObjectPath, of service: ServiceName, shows interfaces: [InterfaceName]) {
    let text = registry.makeService(service)
    if !interfaces.contains(MapperDatabase.definitions) { registry.undefine(on: path.bytes, by: text) }
    guard let old = registry.interfaces(path.bytes.span, of: text) else { return }
    let seen = interfaces.map { registry.findText($0.bytes.span) }
    let kept = old.filter { seen.contains($0) }
    for interface in kept { registry.useText(again: interface) }
    // Its other interfaces follow at once: the object is not away in between, and its associations stay.
    registry.setInterfaces(path.bytes, of: text, to: interfaces.isEmpty ? nil : kept)
  }

  /// Interfaces that a signal has announced, with the parents that it implies.
  func add(
    _ interfaces: [InterfaceName], to path: ObjectPath, of service: UInt32, _ associations: [AssociationDefinition]?
  ) {
    // Reference: a signal that names no interface makes the path known, and nobody its owner.
    if interfaces.isEmpty { makeKnown(path) } else { merge(interfaces, into: path, of: service) }
    if let associations { registry.define(associations, on: path.bytes, by: service) }
    var parent = path.bytes
    while let at = parent.lastIndex(of: slash) {
      parent.removeSubrange(at...)
      guard registry.interfaces(parent.span, of: service) == nil else { break }
      registry.setInterfaces(parent, of: service, to: [])
    }
    registry.completePending(path.bytes)
  }

  /// Adds interfaces to those that a service shows on a path.
  func merge(_ interfaces: [InterfaceName], into path: ObjectPath, of service: UInt32) {
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

  // MARK: What goes

  /// Takes interfaces away from a service on a path, one after the other: with the last one the service leaves the path, and
  /// what follows in the signal means nothing any more. A list that was empty before is gone with any name in the signal.
  func take(_ interfaces: [InterfaceName], from path: ObjectPath, of service: UInt32) {
    guard var left = registry.interfaces(path.bytes.span, of: service) else {
      if registry.object(path.bytes.span)?.owners == 0 { registry.forget(path.bytes) }
      return
    }
    guard !interfaces.isEmpty else { return }
    for name in interfaces {
      if name == MapperDatabase.definitions { registry.undefine(on: path.bytes, by: service) }
      if let text = registry.findText(name.bytes.span), let at = left.firstIndex(of: text) { left.remove(at: at) }
      if left.isEmpty {
        registry.setInterfaces(path.bytes, of: service, to: nil)
        suspendIfAlone(path.bytes)
        return
      }
    }
    for text in left { registry.useText(again: text) }
    registry.setInterfaces(path.bytes, of: service, to: left)
  }

  /// Takes a path away from a service that has left.
  func remove(_ service: UInt32, from path: [UInt8]) {
    guard let interfaces = registry.interfaces(path.span, of: service) else { return }
    if let definitions = registry.findText(MapperDatabase.definitions.bytes.span), interfaces.contains(definitions) {
      registry.undefine(on: path, by: service)
    }
    registry.setInterfaces(path, of: service, to: nil)
    suspendIfAlone(path)
  }

  /// Reference: when the mapper is the only one left on a path, some association leads to it; that one is pending again.
  private func suspendIfAlone(_ path: [UInt8]) {
    guard registry.isKnown(path.span), !isShownByService(path) else { return }
    registry.suspend(path)
    noteLeftBehind(path)
  }

  /// Whether a service other than the mapper shows a path.
  func isShownByService(_ path: [UInt8]) -> Bool {
    guard let object = registry.object(path.span) else { return false }
    let owners = registry.words(of: object.owners, stride: 2)
    return owners.count > 2 || owners.count == 2 && registry.bytes(of: owners[0]) != MapperDatabase.ownName.bytes
  }

  /// Reference: parents with exactly the three interfaces of a D-Bus library and no child of the same service are dropped.
  func sweepParents(of path: [UInt8], _ name: ServiceName, _ service: UInt32) {
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

  // MARK: The mapper's own objects

  /// Indexes or forgets the mapper's own association objects, as its own signals would make it do. What comes of that may
  /// bring more of them.
  func indexOwnObjects() {
    var next = 0
    while next < registry.ownObjects.count {
      let (path, isNew) = registry.ownObjects[next]
      next += 1
      apply(room(for: [MapperDatabase.association], ObjectPath(path))) { indexOwnObject(ObjectPath(path), isNew) }
    }
    if next > 0 { registry.ownObjects = [] }
  }

  private func indexOwnObject(_ path: ObjectPath, _ isNew: Bool) {
    let own = registry.makeService(MapperDatabase.ownName)
    if isNew {
      add([MapperDatabase.association], to: path, of: own, nil)
    } else if registry.isKnown(path.bytes.span) {
      take([MapperDatabase.association], from: path, of: own)
      sweepParents(of: path.bytes, MapperDatabase.ownName, own)
      if let at = path.bytes.lastIndex(of: slash) { noteLeftBehind([UInt8](path.bytes[..<at])) }
    }
  }

  // MARK: Room

  /// Bytes that a change may need: names, and the nodes on the way to each index entry.
  func room(for interfaces: [InterfaceName], _ path: ObjectPath) -> Int {
    interfaces.reduce(Storage.reserve + path.bytes.count * 40) { $0 + $1.bytes.count + 4096 }
  }

  func room(for definitions: [AssociationDefinition], _ path: ObjectPath) -> Int {
    definitions.reduce(Storage.reserve) {
      $0 + 8192 + 8 * ($1.endpoint.bytes.count + $1.forward.bytes.count + $1.reverse.bytes.count + path.bytes.count)
    }
  }
}
