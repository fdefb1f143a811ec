// The mapper's questions, answered from one state of the pool: the same code serves the daemon's methods and every client.
// What each question means is the reference's (handler); how it is found is ours: cost follows the answer, not the tree.
//
// Each function returns false where the reference answers ResourceNotFound, and throws when the pool is damaged, or seems so
// because the state was recycled while it was read.

import ShMap

@safe public struct Lookup: ~Escapable {
  let view: ReadView
  let roots: Roots

  /// A published state.
  @_lifetime(copy snapshot)
  public init(_ snapshot: borrowing Snapshot) throws(PoolError) {
    view = snapshot.view
    roots = try Roots(snapshot.view, at: snapshot.root)
  }

  /// The writer's own state, published or not.
  @_lifetime(copy view)
  init(_ view: ReadView, _ roots: Roots) {
    self.view = view
    self.roots = roots
  }

  // MARK: GetObject, GetAncestors

  /// The services on a path that show one of the interfaces (none given: all), each with all its interfaces.
  public func getObject<V: AnswerVisitor>(
    _ path: Span<UInt8>, _ interfaces: InterfaceNames, _ visitor: inout V
  ) throws(PoolError) -> Bool {
    guard let found = try view.find(ByBytes.self, roots.objects, Probe(path)) else { return false }
    if interfaces.isEmpty {
      try visitServices(found.value, nil, &visitor)
      return true
    }
    guard found.value != 0 else { return false }
    var any = false
    for index in 0..<(try view.itemCount(found.value)) {
      let set = try view.item(found.value, 2 &* index &+ 1)
      guard try contains(set, oneOf: interfaces) else { continue }
      any = true
      try visitService(try view.item(found.value, 2 &* index), set, &visitor)
    }
    return any
  }

  /// The known paths that `path` begins with, as strings: `/a/b` counts for `/a/bc`. The path itself is left out.
  public func getAncestors<V: AnswerVisitor>(
    _ path: Span<UInt8>, _ interfaces: InterfaceNames, _ visitor: inout V
  ) throws(PoolError) -> Bool {
    let wanted = strippedOfSlash(path)
    guard try isRoot(wanted) else { return false }
    let filter = try Filter(interfaces, view, roots)
    for length in try ancestorLengths(wanted).reversed() {
      guard let found = try view.find(ByBytes.self, roots.objects, Probe(wanted.extracting(first: length))) else {
        continue
      }
      // Unlike below a root, an object that nobody shows any more counts here.
      try visitObject(found.key, found.value, filter, isEmptyWanted: true, &visitor)
    }
    return true
  }

  /// Lengths of the known paths that `path` begins with, longest first.
  private func ancestorLengths(_ path: Span<UInt8>) throws(PoolError) -> [Int] {
    var lengths: [Int] = []
    // Between two ancestors lie only paths that leave `path` earlier: jump to where they do.
    var limit = path.count
    var isInclusive = false
    // Two steps for each length suffice; a damaged tree may lead round in circles.
    for _ in 0...(2 * path.count) {
      guard
        let key = try view.predecessor(
          roots.objects, Probe(path.extracting(first: limit), then: isInclusive ? 0 : nil))
      else { return lengths }
      let text = try view.text(key).bytes
      var common = 0
      while common < text.count, common < limit, text[common] == path[common] { common += 1 }
      isInclusive = common < text.count
      limit = common
      if !isInclusive { lengths.append(common) }
    }
    throw .damaged
  }

  // MARK: GetSubTree, GetSubTreePaths

  /// The objects below `root`, at most `depth` path segments below it (0 and less: any), whose services show one of the
  /// interfaces, with those services.
  public func getSubTree<V: AnswerVisitor>(
    _ root: Span<UInt8>, depth: Int32, _ interfaces: InterfaceNames, _ visitor: inout V
  ) throws(PoolError) -> Bool {
    let base = strippedOfSlash(root)
    guard try isRoot(base) else { return false }
    let filter = try Filter(interfaces, view, roots)
    var objects = ObjectCursor()
    for key in try candidates(Subtree(base, depth), filter) {
      let owners = try objects.owners(of: key, view, roots)
      try visitObject(key, owners, filter, &visitor)
    }
    return true
  }

  /// The paths of `getSubTree`.
  public func getSubTreePaths<V: AnswerVisitor>(
    _ root: Span<UInt8>, depth: Int32, _ interfaces: InterfaceNames, _ visitor: inout V
  ) throws(PoolError) -> Bool {
    let base = strippedOfSlash(root)
    guard try isRoot(base) else { return false }
    let filter = try Filter(interfaces, view, roots)
    let subtree = Subtree(base, depth)
    if filter.trees.count == 1, !subtree.isLimited {
      // The one way that is worth code of its own for each visitor: most questions have one interface.
      let (start, end) = try range(filter.trees[0], subtree)
      try view.forEachKey(from: start, to: end) { key throws(PoolError) in visitor.path(try view.text(key)) }
    } else {
      for key in try candidates(subtree, filter) { visitor.path(try view.text(key)) }
    }
    return true
  }

  /// The unique name that owns a service, as the mapper last knew it; nil when the service is not known.
  public func owner(of service: Span<UInt8>) throws(PoolError) -> ByteString? {
    guard let found = try view.find(ByBytes.self, roots.services, Probe(service)) else { return nil }
    return ByteString(copying: try view.text(try view.word(found.value &+ 4)).bytes)
  }

  // MARK: Visiting

  func isKnown(_ path: Span<UInt8>) throws(PoolError) -> Bool {
    try view.lowerBound(ByBytes.self, roots.objects, Probe(path)).isExact
  }

  /// Whether a path without its last slash may be asked about: it is known, or it is the root of all.
  func isRoot(_ base: Span<UInt8>) throws(PoolError) -> Bool { base.isEmpty ? true : try isKnown(base) }

  /// An object with those of its services that pass the filter; nothing when none does. Without a filter an object that has no
  /// services is nothing either, unless it is wanted.
  func visitObject<V: AnswerVisitor>(
    _ key: UInt32, _ owners: UInt32, _ filter: Filter, isEmptyWanted: Bool = false, _ visitor: inout V
  ) throws(PoolError) {
    guard filter.isAny ? isEmptyWanted || owners != 0 : try passes(owners, filter) else { return }
    visitor.beginObject(try view.text(key))
    try visitServices(owners, filter.isAny ? nil : filter, &visitor)
    visitor.endObject()
  }

  private func visitServices<V: AnswerVisitor>(
    _ owners: UInt32, _ filter: Filter?, _ visitor: inout V
  ) throws(PoolError) {
    guard owners != 0 else { return }
    for index in 0..<(try view.itemCount(owners)) {
      let set = try view.item(owners, 2 &* index &+ 1)
      if let filter {
        guard try filter.matches(set, view) else { continue }
      }
      try visitService(try view.item(owners, 2 &* index), set, &visitor)
    }
  }

  private func visitService<V: AnswerVisitor>(
    _ service: UInt32, _ set: UInt32, _ visitor: inout V
  ) throws(PoolError) {
    visitor.beginService(try view.text(service))
    for index in 0..<(try view.itemCount(set)) { visitor.interface(try view.text(try view.item(set, index))) }
    visitor.endService()
  }

  /// Whether any service of an owner list passes the filter.
  func passes(_ owners: UInt32, _ filter: Filter) throws(PoolError) -> Bool {
    guard owners != 0 else { return false }
    for index in 0..<(try view.itemCount(owners)) {
      if try filter.matches(try view.item(owners, 2 &* index &+ 1), view) { return true }
    }
    return false
  }

  /// Whether a set has one of the names. For single objects: compares bytes, without looking the names up first.
  private func contains(_ set: UInt32, oneOf names: InterfaceNames) throws(PoolError) -> Bool {
    for index in 0..<(try view.itemCount(set)) {
      let interface = try view.text(try view.item(set, index))
      for name in 0..<names.count where compareBytes(names[name], interface.bytes) == 0 { return true }
    }
    return false
  }
}

/// A path without one slash at its end, as the reference takes subtree roots: `/` becomes empty.
@_lifetime(copy path)
func strippedOfSlash(_ path: Span<UInt8>) -> Span<UInt8> {
  path.count > 0 && path[path.count - 1] == slash ? path.extracting(first: path.count - 1) : path
}
