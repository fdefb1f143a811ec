// Walking a part of the tree: below which path, how deep, and through which index.

import ShMap

/// The paths below `base`, at most `depth` segments below it.
@safe struct Subtree: ~Escapable {
  let base: Span<UInt8>
  let depth: Int

  @_lifetime(copy base)
  init(_ base: Span<UInt8>, _ depth: Int32) {
    self.base = base
    self.depth = depth <= 0 ? Int.max : Int(depth)
  }

  var isLimited: Bool { depth != Int.max }

  /// Where a path that is below `base` becomes too deep: the index of the slash that begins the first segment too many; nil
  /// when it does not.
  func cut(_ path: Span<UInt8>) -> Int? {
    // Shorter than the base: memory that was recycled while it is read.
    guard isLimited, path.count > base.count else { return nil }
    var slashes = 0
    for index in base.count..<path.count where path[index] == slash {
      slashes += 1
      if slashes > depth { return index }
    }
    return nil
  }

  /// Whether a path lies below `base` and not too deep.
  func contains(_ path: Span<UInt8>) -> Bool {
    guard path.count > base.count, path[base.count] == slash else { return false }
    return compareBytes(path.extracting(first: base.count), base) == 0 && cut(path) == nil
  }
}

/// The interfaces that were asked for, as texts of the pool with their index trees. A name that is not in the pool matches
/// nothing and is left out.
struct Filter {
  /// No interface was asked for: everything passes.
  let isAny: Bool
  private(set) var texts: [UInt32] = []
  private(set) var trees: [UInt32] = []

  init(_ names: InterfaceNames, _ view: ReadView, _ roots: Roots) throws(PoolError) {
    isAny = names.isEmpty
    for index in 0..<names.count {
      guard let found = try view.find(ByBytes.self, roots.interfaces, Probe(names[index])) else { continue }
      if texts.contains(found.key) { continue }
      texts.append(found.key)
      trees.append(found.value)
    }
  }

  /// Whether an interface set has one of them.
  @inline(__always)
  func matches(_ set: UInt32, _ view: ReadView) throws(PoolError) -> Bool {
    for index in 0..<(try view.itemCount(set)) {
      let text = try view.item(set, index)
      for wanted in texts where wanted == text { return true }
    }
    return false
  }
}

/// Finds the owner lists of paths that are asked for in order: most follow closely on the one before.
struct ObjectCursor {
  private var at = TreePosition()

  mutating func owners(of path: UInt32, _ view: ReadView, _ roots: Roots) throws(PoolError) -> UInt32 {
    for _ in 0..<8 {
      guard let key = try view.key(at) else { break }
      if key == path { return try view.value(at) }
      try view.advance(&at)
    }
    at = try view.lowerBound(ByBytes.self, roots.objects, Probe(try view.text(path).bytes))
    guard at.isExact else { throw .damaged }
    return try view.value(at)
  }
}

extension Lookup {
  /// Above this many interfaces it is cheaper to walk the subtree and look at each object's own.
  private static var mostIndexes: Int { 8 }

  /// The texts of all paths in the subtree on which some service passes the filter, in order.
  func candidates(_ subtree: borrowing Subtree, _ filter: Filter) throws(PoolError) -> [UInt32] {
    if filter.isAny { return try walkObjects(subtree, nil) }
    guard filter.trees.count <= Lookup.mostIndexes else { return try walkObjects(subtree, filter) }
    var found: [UInt32] = []
    for tree in filter.trees { try collect(tree, subtree, &found) }
    guard filter.trees.count > 1 else { return found }
    try sort(&found)
    // A path with two of the interfaces came twice.
    var last: UInt32 = 0
    found.removeAll { key in
      defer { last = key }
      return key == last
    }
    return found
  }

  /// Adds what the index of one interface has in the subtree.
  private func collect(_ tree: UInt32, _ subtree: borrowing Subtree, _ found: inout [UInt32]) throws(PoolError) {
    let (start, end) = try range(tree, subtree)
    try view.forEachKey(from: start, to: end) { key throws(PoolError) in
      if subtree.isLimited, subtree.cut(try view.text(key).bytes) != nil { return }
      // More than fit into the pool: a damaged tree that leads back into itself.
      guard found.count < view.size / 4 else { throw .damaged }
      found.append(key)
    }
  }

  func range(
    _ tree: UInt32, _ subtree: borrowing Subtree
  ) throws(PoolError) -> (start: TreePosition, end: TreePosition) {
    // All that begins with "base/" lies before "base0": zero is the byte behind the slash.
    let start = try view.lowerBound(ByBytes.self, tree, Probe(subtree.base, then: slash))
    let end = try view.lowerBound(ByBytes.self, tree, Probe(subtree.base, then: slash + 1))
    return (start, end)
  }

  /// Through the tree of all objects, past whole branches that lie too deep.
  private func walkObjects(_ subtree: borrowing Subtree, _ filter: Filter?) throws(PoolError) -> [UInt32] {
    var found: [UInt32] = []
    var (at, end) = try range(roots.objects, subtree)
    var skipped = 0
    var jumps = 0
    while !at.isSame(as: end), let key = try view.key(at) {
      let path = try view.text(key).bytes
      if let cut = subtree.cut(path) {
        skipped += 1
        if skipped > 8 {
          // Each jump passes entries, of which a pool holds no more than this; a damaged one may jump in circles.
          jumps += 1
          guard jumps <= view.size / 16 else { throw .damaged }
          at = try view.lowerBound(ByBytes.self, roots.objects, Probe(path.extracting(first: cut), then: slash + 1))
          skipped = 0
          continue
        }
      } else {
        skipped = 0
        if let filter {
          if try passes(try view.value(at), filter) { found.append(key) }
        } else {
          found.append(key)
        }
      }
      try view.advance(&at)
    }
    return found
  }
}
