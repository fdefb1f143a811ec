// What a previous daemon left: a pool of the same bus, whole as of its last publication. The new daemon copies what is still
// true into its own pool before that takes the old one's name, so that readers never see an empty state in between.

import ShMap

/// The pool that had the name before, opened read-only.
final class PreviousState {
  let reader: Reader

  /// nil when there is none that can be used: no file, another bus, another version, damaged. Throws `inUse` when the
  /// process that writes it is alive.
  init?(_ path: [UInt8], busID: [UInt8]) throws(PoolError) {
    guard let reader = try? Reader(opening: path, contents: MapperDatabase.contents, identity: busID) else {
      return nil
    }
    guard reader.writerHasEnded else { throw .inUse }
    self.reader = reader
  }
}

/// One object of a previous daemon's state, as one service showed it.
private struct OldObject {
  var path: ObjectPath
  var service: Int
  var interfaces: [InterfaceName]
}

/// The services whose old entries are kept, by their texts in the old pool, in the order of `OldState.services`.
private struct KeptServices {
  var texts: [UInt32] = []

  subscript(text: UInt32) -> Int? { texts.firstIndex(of: text) }
}

/// One claim of the old state: the association and the endpoint, as texts side by side, and whose it is.
private struct OldSide {
  var side: UInt64
  var order: Int
  var service: Int
  var source: UInt32

  /// The first of a side's claims, in a list sorted by side.
  static func first(of side: UInt64, in claims: [OldSide]) -> Int {
    var (low, high) = (0, claims.count)
    while low < high {
      let middle = (low + high) / 2
      if claims[middle].side < side { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

private struct OldClaim {
  var service: Int
  var association: ByteString
  var endpoint: ByteString
  var source: ObjectPath
}

/// Paths that were taken over, and which of them a new scan has not found yet.
struct InheritedPaths {
  private var table = NameTable()
  private var isSeen: [Bool] = []

  init(_ paths: [ObjectPath]) {
    for path in paths where table.insert(path.bytes).isNew { isSeen.append(false) }
  }

  /// Notes a path; true when it was taken over and is found for the first time.
  mutating func see(_ path: ObjectPath) -> Bool {
    guard let number = table.number(of: path.bytes), !isSeen[number] else { return false }
    isSeen[number] = true
    return true
  }

  var unseen: [ObjectPath] { table.names.indices.filter { !isSeen[$0] }.map { ObjectPath(table.names[$0]) } }
}

extension MapperDatabase {
  /// Takes over what a previous daemon knew of the services that are still on the bus under the same unique name; all else of
  /// it is forgotten. To be called once, before the first `publish()`, with the names and their owners of this moment.
  public func keepOnly(_ owners: [(ServiceName, ByteString)]) {
    guard let state = readPrevious(owners) else { return }
    for (name, unique) in state.services { setOwner(of: name, to: unique) }
    for object in state.objects {
      let name = state.services[object.service].name
      restore(object.interfaces, on: object.path, of: name)
      if let place = inherited.firstIndex(where: { $0.service == name }) {
        inherited[place].paths.append(object.path)
      } else {
        inherited.append((name, [object.path]))
      }
    }
    for claim in state.claims {
      restore(claim.association, leadingTo: claim.endpoint, from: claim.source, of: state.services[claim.service].name)
    }
  }

  /// A service has been scanned anew, or has left. After the last that was taken over, what associations have left behind
  /// goes: paths where the mapper shows nothing and no association below. A mapper that had begun without an old state would
  /// not have them.
  func endTakeover(of service: ServiceName) {
    guard let place = inherited.firstIndex(where: { $0.service == service }) else { return }
    inherited.remove(at: place)
    guard inherited.isEmpty,
      let own = registry.service(MapperDatabase.ownName.bytes.span)
    else { return }
    for text in registry.keys(of: own.paths).reversed() {
      let path = registry.bytes(of: text)
      guard registry.interfaces(path.span, of: own.text)?.isEmpty == true,
        let now = registry.service(MapperDatabase.ownName.bytes.span), !registry.hasChild(of: path, in: now.paths)
      else { continue }
      dropOwn(path, own.text)
    }
  }

  private struct OldState {
    var services: [(name: ServiceName, unique: ByteString)] = []
    var objects: [OldObject] = []
    var claims: [OldClaim] = []
  }

  /// Copies the kept part of the old state out. nil when there is no old state, or it is damaged.
  private func readPrevious(_ owners: [(ServiceName, ByteString)]) -> OldState? {
    guard let previous else { return nil }
    let read = try? previous.reader.withSnapshot { snapshot throws(PoolError) in
      try MapperDatabase.read(snapshot, owners)
    }
    return try? read?.get()
  }

  private static func read(
    _ snapshot: borrowing Snapshot, _ owners: [(ServiceName, ByteString)]
  ) throws(PoolError) -> OldState {
    let view = snapshot.view
    let roots = try Roots(view, at: snapshot.root)
    var state = OldState()
    var kept = KeptServices()
    for (name, unique) in owners {
      guard let found = try view.find(ByBytes.self, roots.services, Probe(name.bytes.span)) else { continue }
      let old = try view.text(try view.word(found.value &+ 4))
      guard compareBytes(old.bytes, unique.bytes.span) == 0 else { continue }
      kept.texts.append(found.key)
      state.services.append((name, unique))
    }
    try readObjects(view, roots, kept, &state)
    try readClaims(view, roots, kept, &state)
    return state
  }

  private static func readObjects(
    _ view: ReadView, _ roots: Roots, _ kept: KeptServices, _ state: inout OldState
  ) throws(PoolError) {
    var at = try view.lowerBound(ByBytes.self, roots.objects, Probe(Span<UInt8>()))
    while let key = try view.key(at) {
      let owners = try view.value(at)
      for index in 0..<(owners == 0 ? 0 : try view.itemCount(owners)) {
        guard let service = kept[try view.item(owners, 2 * index)] else { continue }
        let set = try view.item(owners, 2 * index + 1)
        var interfaces: [InterfaceName] = []
        for entry in 0..<(try view.itemCount(set)) {
          interfaces.append(InterfaceName(copying: try view.text(try view.item(set, entry)).bytes))
        }
        let path = ObjectPath(copying: try view.text(key).bytes)
        state.objects.append(OldObject(path: path, service: service, interfaces: interfaces))
      }
      try view.advance(&at)
    }
  }

  /// Reads the claims of kept services, in the order in which their endpoints stand in their associations.
  private static func readClaims(
    _ view: ReadView, _ roots: Roots, _ kept: KeptServices, _ state: inout OldState
  ) throws(PoolError) {
    var claims: [OldSide] = []
    var at = try view.lowerBound(ByBytes.self, roots.claims, Probe(Span<UInt8>()))
    while let source = try view.key(at) {
      let block = try view.value(at)
      for index in 0..<(try view.itemCount(block)) {
        guard let service = kept[try view.item(block, 3 * index)] else { continue }
        let side = UInt64(try view.item(block, 3 * index + 1)) << 32 | UInt64(try view.item(block, 3 * index + 2))
        claims.append(OldSide(side: side, order: claims.count, service: service, source: source))
      }
      try view.advance(&at)
    }
    claims.sortInPlace { ($0.side, $0.order) < ($1.side, $1.order) }
    at = try view.lowerBound(ByBytes.self, roots.associations, Probe(Span<UInt8>()))
    while let association = try view.key(at) {
      let list = try view.value(at)
      for index in 0..<(try view.itemCount(list)) {
        let endpoint = try view.item(list, index)
        let side = UInt64(association) << 32 | UInt64(endpoint)
        var next = OldSide.first(of: side, in: claims)
        while next < claims.count, claims[next].side == side {
          let (service, source) = (claims[next].service, claims[next].source)
          next += 1
          state.claims.append(
            OldClaim(
              service: service, association: ByteString(copying: try view.text(association).bytes),
              endpoint: ByteString(copying: try view.text(endpoint).bytes),
              source: ObjectPath(copying: try view.text(source).bytes)))
        }
      }
      try view.advance(&at)
    }
  }
}
