// Questions about associations: the part of a subtree that an association leads to, by its path or by the last part of the
// path that it starts from. Reference: handler, getAssociatedSubTree and getAssociatedSubTreeById.

import ShMap

extension Lookup {
  /// The objects of a subtree that are endpoints of an association. No such association: nothing, without an error.
  public func getAssociatedSubTree<V: AnswerVisitor>(
    _ association: Span<UInt8>, _ root: Span<UInt8>, depth: Int32, _ interfaces: InterfaceNames, _ visitor: inout V
  ) throws(PoolError) -> Bool {
    let filter = try Filter(interfaces, view, roots)
    guard let endpoints = try endpoints(association, root, depth, filter) else { return false }
    for (key, owners) in endpoints { try visitObject(key, owners, filter, &visitor) }
    return true
  }

  /// The paths of `getAssociatedSubTree`.
  public func getAssociatedSubTreePaths<V: AnswerVisitor>(
    _ association: Span<UInt8>, _ root: Span<UInt8>, depth: Int32, _ interfaces: InterfaceNames, _ visitor: inout V
  ) throws(PoolError) -> Bool {
    let filter = try Filter(interfaces, view, roots)
    guard let endpoints = try endpoints(association, root, depth, filter) else { return false }
    for (key, owners) in endpoints where filter.isAny ? true : try passes(owners, filter) {
      visitor.path(try view.text(key))
    }
    return true
  }

  /// For each path below `root` whose last part is `id` and that shows one of `subtreeInterfaces` (none given: no path does):
  /// the objects below `root` that its association `association` leads to and that show one of `endpointInterfaces`.
  public func getAssociatedSubTreeById<V: AnswerVisitor>(
    _ id: Span<UInt8>, _ root: Span<UInt8>, _ subtreeInterfaces: InterfaceNames, _ association: Span<UInt8>,
    _ endpointInterfaces: InterfaceNames, _ visitor: inout V
  ) throws(PoolError) -> Bool {
    guard let sources = try sources(id, root, subtreeInterfaces) else { return false }
    for source in sources {
      let path = try associationPath(source, association)
      guard try getAssociatedSubTree(path.span, root, depth: 0, endpointInterfaces, &visitor) else { return false }
    }
    return true
  }

  /// The paths of `getAssociatedSubTreeById`.
  public func getAssociatedSubTreePathsById<V: AnswerVisitor>(
    _ id: Span<UInt8>, _ root: Span<UInt8>, _ subtreeInterfaces: InterfaceNames, _ association: Span<UInt8>,
    _ endpointInterfaces: InterfaceNames, _ visitor: inout V
  ) throws(PoolError) -> Bool {
    guard let sources = try sources(id, root, subtreeInterfaces) else { return false }
    for source in sources {
      let path = try associationPath(source, association)
      guard try getAssociatedSubTreePaths(path.span, root, depth: 0, endpointInterfaces, &visitor) else { return false }
    }
    return true
  }

  /// The endpoints of an association in the order in which they came; false when there is no such association.
  public func endpoints<V: AnswerVisitor>(of association: Span<UInt8>, _ visitor: inout V) throws(PoolError) -> Bool {
    guard let found = try view.find(ByBytes.self, roots.associations, Probe(association)) else { return false }
    for index in 0..<(try view.itemCount(found.value)) {
      visitor.path(try view.text(try view.item(found.value, index)))
    }
    return true
  }

  /// The paths of all association objects, sorted.
  public func visitAssociations<V: AnswerVisitor>(_ visitor: inout V) throws(PoolError) {
    var at = try view.lowerBound(ByBytes.self, roots.associations, Probe(Span<UInt8>()))
    while let key = try view.key(at) {
      visitor.path(try view.text(key))
      try view.advance(&at)
    }
  }

  // MARK: How

  /// The known endpoints of an association in the subtree, sorted by path, with their owner lists; none when nothing can pass
  /// the filter. nil: ResourceNotFound.
  private func endpoints(
    _ association: Span<UInt8>, _ root: Span<UInt8>, _ depth: Int32, _ filter: Filter
  ) throws(PoolError) -> [(key: UInt32, owners: UInt32)]? {
    guard let found = try view.find(ByBytes.self, roots.associations, Probe(association)) else { return [] }
    let base = strippedOfSlash(root)
    guard try isRoot(base) else { return nil }
    guard filter.isAny || !filter.texts.isEmpty else { return [] }
    let subtree = Subtree(base, depth)
    var inside: [UInt32] = []
    for index in 0..<(try view.itemCount(found.value)) {
      let endpoint = try view.item(found.value, index)
      if subtree.contains(try view.text(endpoint).bytes) { inside.append(endpoint) }
    }
    try sort(&inside)
    var objects = ObjectCursor()
    var known: [(key: UInt32, owners: UInt32)] = []
    for endpoint in inside where try isKnown(try view.text(endpoint).bytes) {
      known.append((endpoint, try objects.owners(of: endpoint, view, roots)))
    }
    return known
  }

  /// Sorts texts by their bytes, by merging: the lists are long and mostly in order already.
  func sort(_ texts: inout [UInt32]) throws(PoolError) {
    var width = 1
    var target = texts
    while width < texts.count {
      var start = 0
      while start < texts.count {
        let middle = min(start + width, texts.count)
        let end = min(start + 2 * width, texts.count)
        var (left, right, at) = (start, middle, start)
        while at < end {
          let takesLeft: Bool
          if left == middle {
            takesLeft = false
          } else if right == end {
            takesLeft = true
          } else {
            takesLeft = compareBytes(try view.text(texts[left]).bytes, try view.text(texts[right]).bytes) <= 0
          }
          target[at] = takesLeft ? texts[left] : texts[right]
          if takesLeft { left += 1 } else { right += 1 }
          at += 1
        }
        start = end
      }
      swap(&texts, &target)
      width *= 2
    }
  }

  /// The paths whose last part is `id`, below `root` and with one of the interfaces; nil: ResourceNotFound.
  private func sources(
    _ id: Span<UInt8>, _ root: Span<UInt8>, _ interfaces: InterfaceNames
  ) throws(PoolError) -> [UInt32]? {
    let base = strippedOfSlash(root)
    guard try isRoot(base) else { return nil }
    let filter = try Filter(interfaces, view, roots)
    var isKnownID = false
    var sources: [UInt32] = []
    let leaf = leafName(id)
    var at = try view.lowerBound(ByLeaf.self, roots.leaves, Probe(leaf))
    while let key = try view.key(at) {
      let path = try view.text(key).bytes
      guard compareBytes(leafName(path), leaf) == 0 else { break }
      // An id with slashes in it has to match as a whole.
      if path.count > id.count, path[path.count - id.count - 1] == slash,
        compareBytes(path.extracting(last: id.count), id) == 0
      {
        isKnownID = true
        // Below the root by string prefix, as the root was given; the root itself is left out.
        let isBelow = path.count >= root.count && compareBytes(path.extracting(first: root.count), root) == 0
        if isBelow, compareBytes(path, base) != 0, let object = try view.find(ByBytes.self, roots.objects, Probe(path))
        {
          if try passes(object.value, filter) { sources.append(key) }
        }
      }
      try view.advance(&at)
    }
    return isKnownID ? sources : nil
  }

  private func associationPath(_ source: UInt32, _ name: Span<UInt8>) throws(PoolError) -> [UInt8] {
    var path = ByteString(copying: try view.text(source).bytes).bytes
    if path.count > 1 { path.append(slash) }
    for index in name.indices { path.append(name[index]) }
    return path
  }
}
