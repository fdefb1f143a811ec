// What associations leave behind, within bounds. The reference keeps it for ever: a path that an association led to or from
// stays known, as the mapper's own, after its service has taken it away; and a definition that waits for its endpoint goes on
// waiting when the object that it stood on has gone. Where objects come and go under new names, as log entries do, that
// would fill the memory. The answers are the reference's as long as there are few of them; beyond that the oldest go.

import ShMap

extension MapperDatabase {
  /// So many paths that only the mapper shows, without an interface and without an association below, stay known.
  static var mostLeftBehind: Int { 1024 }

  /// A service or an association has left a path. Notes it when nothing but the mapper's empty entry remains.
  func noteLeftBehind(_ path: [UInt8]) {
    guard isLeftBehind(path) else { return }
    leftBehind.append(path)
    while leftBehind.count > MapperDatabase.mostLeftBehind { dropOldest() }
  }

  private func isLeftBehind(_ path: [UInt8]) -> Bool {
    guard let object = registry.object(path.span), let own = registry.service(MapperDatabase.ownName.bytes.span) else {
      return false
    }
    let owners = registry.words(of: object.owners, stride: 2)
    return owners.count == 2 && owners[0] == own.text && registry.words(of: owners[1], stride: 1).isEmpty
      && !registry.hasChild(of: path, in: own.paths)
  }

  private func dropOldest() {
    let path = leftBehind.removeFirst()
    // It may have come to life again since.
    guard isLeftBehind(path), let own = registry.service(MapperDatabase.ownName.bytes.span) else { return }
    registry.setInterfaces(path, of: own.text, to: nil)
    if let at = path.lastIndex(of: slash) { noteLeftBehind([UInt8](path[..<at])) }
  }
}

extension Registry {
  /// So many definitions may wait before those of objects that are gone are looked for.
  static var manyPending: Int { 1024 }

  /// Forgets definitions that wait although the object that they stood on is gone, when there are many.
  mutating func prunePending() {
    guard pendingCount > pendingLimit else { return }
    for endpoint in pending.endpoints {
      let ends = pending[endpoint]
      let gone = ends.filter { !isKnown(bytes(of: $0.source).span) }
      guard !gone.isEmpty else { continue }
      pending[endpoint] = ends.filter { !gone.contains($0) }
      for end in gone { drop(end, of: endpoint) }
    }
    pendingLimit = max(Registry.manyPending, 2 * pendingCount)
  }
}
