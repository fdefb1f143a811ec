// Ordered indexes in the pool: B+ trees whose nodes are never changed once they are published. Reading them is here; changing
// them, by copying the nodes on the way down, is in TreeEdit.swift.
//
//     node     0  count       entries in use (low half) and room for entries (high half)
//              4  kind        level (0: leaf) in the low byte; 256: a leaf with values
//              8  transaction of the writer that made it; the writer may change its own unpublished nodes in place
//             12  keys[room]  offsets of texts, in order
//                 values[room]  inner node: children; leaf with values: what the key leads to
//
// The key of a child is the first key below it. All keys are texts in the pool, and each tree holds a text once.

import ShMap

enum Node {
  static let keys: UInt32 = 12
  static let mostEntries: UInt32 = 64
  static let leafValues: UInt32 = 256
  /// Deeper than any tree that fits a pool.
  static let deepest = 12

  /// Which child of an inner node a search goes on with: that whose first key is the last one not behind the probe.
  @inline(__always)
  static func child(_ index: UInt32, _ isExact: Bool) -> UInt32 { isExact || index == 0 ? index : index &- 1 }
}

/// What is searched for: bytes, perhaps followed by one byte more, which saves building `path + "/"`.
@safe struct Probe: ~Escapable {
  let bytes: Span<UInt8>
  /// The byte behind `bytes`; negative for none.
  let last: Int

  @_lifetime(copy bytes)
  @inline(__always)
  init(_ bytes: Span<UInt8>, then last: UInt8? = nil) {
    self.bytes = bytes
    self.last = last.map { Int($0) } ?? -1
  }

  /// Below, at or above zero as the probe sorts before, with or behind `text`, by bytes.
  @inline(__always)
  func compare(_ text: Span<UInt8>) -> Int {
    if last < 0 { return compareBytes(bytes, text) }
    if text.count <= bytes.count {
      let order = compareBytes(bytes, text)
      return order == 0 ? 1 : order
    }
    let order = compareBytes(bytes, text.extracting(first: bytes.count))
    if order != 0 { return order }
    let byte = Int(text[bytes.count])
    return last != byte ? last - byte : bytes.count + 1 - text.count
  }
}

protocol TreeOrder {
  static func compare(_ probe: borrowing Probe, _ text: borrowing Text) -> Int
}

/// By the bytes of the text.
enum ByBytes: TreeOrder {
  @inline(__always)
  static func compare(_ probe: borrowing Probe, _ text: borrowing Text) -> Int { probe.compare(text.bytes) }
}

/// Paths by their last part, then by the whole. A probe is a whole path; one without a slash comes before all paths that
/// have it as their last part.
enum ByLeaf: TreeOrder {
  static func compare(_ probe: borrowing Probe, _ text: borrowing Text) -> Int {
    let wanted = leafName(probe.bytes)
    let order = compareBytes(wanted, leafName(text.bytes))
    if order != 0 { return order }
    return wanted.count == probe.bytes.count && text.bytes.count > wanted.count
      ? -1 : compareBytes(probe.bytes, text.bytes)
  }
}

/// A place in a tree: the nodes from the root down, and the index taken in each.
struct TreePosition {
  var depth = 0
  var nodes = InlineArray<12, UInt32>(repeating: 0)
  var indexes = InlineArray<12, UInt32>(repeating: 0)
  /// Whether the entry here is the one that was searched for.
  var isExact = false
  /// Entries of leaves that were walked so far: bounds the walk through a damaged pool.
  private(set) var steps = 0

  /// The leaf; zero in an empty tree.
  var leaf: UInt32 { depth == 0 ? 0 : nodes[depth - 1] }
  var index: UInt32 { depth == 0 ? 0 : indexes[depth - 1] }

  @inline(__always)
  func isSame(as other: TreePosition) -> Bool { leaf == other.leaf && index == other.index }

  fileprivate mutating func step(over entries: UInt32, atMost most: Int) throws(PoolError) {
    steps += 1 + Int(entries)
    guard steps <= most else { throw .damaged }
  }
}

extension ReadView {
  @inline(__always)
  func nodeCount(_ node: UInt32) throws(PoolError) -> UInt32 {
    let count = try word(node) & 0xffff
    guard count <= Node.mostEntries else { throw .damaged }
    return count
  }

  @inline(__always)
  func nodeRoom(_ node: UInt32) throws(PoolError) -> UInt32 {
    let room = try word(node) >> 16
    guard room <= Node.mostEntries else { throw .damaged }
    return room
  }

  @inline(__always)
  func nodeLevel(_ node: UInt32) throws(PoolError) -> UInt32 { try word(node &+ 4) & 0xff }

  @inline(__always)
  func nodeKey(_ node: UInt32, _ index: UInt32) throws(PoolError) -> UInt32 {
    try word(node &+ Node.keys &+ 4 &* index)
  }

  /// All keys of a node.
  @_lifetime(copy self)
  @inline(__always)
  func nodeKeys(_ node: UInt32) throws(PoolError) -> WordSpan {
    try words(node &+ Node.keys, count: nodeCount(node))
  }

  @inline(__always)
  func nodeValue(_ node: UInt32, _ index: UInt32) throws(PoolError) -> UInt32 {
    try word(node &+ Node.keys &+ 4 &* (try nodeRoom(node) &+ index))
  }

  /// The first entry of a node at or behind the probe, or the number of its entries, and whether it is what was searched for.
  @inline(never)
  private func search<Order: TreeOrder>(
    _ order: Order.Type, _ node: UInt32, _ probe: borrowing Probe
  ) throws(PoolError) -> (index: UInt32, isExact: Bool) {
    let keys = try nodeKeys(node)
    var low: UInt32 = 0
    var high = keys.count
    while low < high {
      let middle = (low &+ high) / 2
      let comparison = Order.compare(probe, try text(keys[middle]))
      if comparison == 0 { return (middle, true) }
      if comparison > 0 { low = middle &+ 1 } else { high = middle }
    }
    return (low, false)
  }

  /// The first entry at or behind the probe.
  func lowerBound<Order: TreeOrder>(
    _ order: Order.Type, _ root: UInt32, _ probe: borrowing Probe
  ) throws(PoolError) -> TreePosition {
    var position = TreePosition()
    guard root != 0 else { return position }
    var node = root
    while true {
      guard position.depth < Node.deepest else { throw .damaged }
      let (index, isExact) = try search(order, node, probe)
      position.nodes[position.depth] = node
      if try nodeLevel(node) == 0 {
        position.indexes[position.depth] = index
        position.depth += 1
        position.isExact = isExact
        if !isExact { try normalize(&position) }
        return position
      }
      let child = Node.child(index, isExact)
      position.indexes[position.depth] = child
      position.depth += 1
      node = try nodeValue(node, child)
    }
  }

  /// Moves a position behind a leaf's last entry to the first of the next leaf, if there is one.
  private func normalize(_ position: inout TreePosition) throws(PoolError) {
    let count = try nodeCount(position.leaf)
    guard position.index >= count else { return }
    // An entry takes four bytes at least: a walk over more of them goes round in circles.
    try position.step(over: count, atMost: size / 4)
    var level = position.depth - 1
    while level > 0 {
      level -= 1
      let next = position.indexes[level] + 1
      if next < (try nodeCount(position.nodes[level])) {
        position.indexes[level] = next
        for below in (level + 1)..<position.depth {
          position.nodes[below] = try nodeValue(position.nodes[below - 1], position.indexes[below - 1])
          position.indexes[below] = 0
        }
        return
      }
    }
  }

  @inline(__always)
  func advance(_ position: inout TreePosition) throws(PoolError) {
    position.indexes[position.depth - 1] &+= 1
    try normalize(&position)
  }

  /// Calls `body` for each key from `start` to before `end`, two positions of one tree.
  @inline(__always)
  func forEachKey(
    from start: TreePosition, to end: TreePosition, _ body: (UInt32) throws(PoolError) -> Void
  ) throws(PoolError) {
    guard start.depth > 0 else { return }
    var at = start
    while true {
      let leaf = at.leaf
      let isLast = leaf == end.leaf
      let keys = try nodeKeys(leaf)
      let stop = isLast ? min(end.index, keys.count) : keys.count
      var index = at.index
      while index < stop {
        try body(keys[index])
        index &+= 1
      }
      if isLast { return }
      at.indexes[at.depth - 1] = stop
      try normalize(&at)
      guard at.leaf != leaf else { return }
    }
  }

  /// The last key before the probe; nil when there is none.
  func predecessor(_ root: UInt32, _ probe: borrowing Probe) throws(PoolError) -> UInt32? {
    guard root != 0 else { return nil }
    var node = root
    for _ in 0..<Node.deepest {
      let index = try search(ByBytes.self, node, probe).index
      guard index > 0 else { return nil }
      if try nodeLevel(node) == 0 { return try nodeKey(node, index - 1) }
      node = try nodeValue(node, index - 1)
    }
    throw .damaged
  }

  /// The key at a position; nil behind the last entry.
  @inline(__always)
  func key(_ position: borrowing TreePosition) throws(PoolError) -> UInt32? {
    guard position.depth > 0, position.index < (try nodeCount(position.leaf)) else { return nil }
    return try nodeKey(position.leaf, position.index)
  }

  @inline(__always)
  func value(_ position: borrowing TreePosition) throws(PoolError) -> UInt32 {
    try nodeValue(position.leaf, position.index)
  }

  /// What a key leads to; nil when it is not there. For trees with values.
  func find<Order: TreeOrder>(
    _ order: Order.Type, _ root: UInt32, _ probe: borrowing Probe
  ) throws(PoolError) -> (key: UInt32, value: UInt32)? {
    guard root != 0 else { return nil }
    var node = root
    for _ in 0..<Node.deepest {
      let (index, isExact) = try search(order, node, probe)
      if try nodeLevel(node) == 0 {
        return isExact ? (try nodeKey(node, index), try nodeValue(node, index)) : nil
      }
      node = try nodeValue(node, Node.child(index, isExact))
    }
    throw .damaged
  }
}
