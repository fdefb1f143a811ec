// Changing a tree: the nodes from the changed leaf up to the root are copied, unless this transaction made them, and the new
// root is returned through `root`. Published nodes are never touched.
//
// Nodes are as long as they need to be. They split when full and join a neighbour when both together are half full, so that
// a tree that shrinks gives its memory back.

import ShMap

extension Storage {
  /// Puts `key` at the place that `lowerBound` found for it (`isExact` is false), with what it leads to.
  mutating func insert(_ key: UInt32, value: UInt32?, into root: inout UInt32, at found: borrowing TreePosition) {
    guard root != 0 else {
      root = makeNode(level: 0, values: value != nil, room: 1)
      pool[root] += 1
      pool[root + Node.keys] = key
      if let value { pool[root + Node.keys + 4] = value }
      return
    }
    // A position behind a leaf's end has been moved to the next leaf: its first key then changes, which is as good a place.
    let level = found.depth - 1
    var (node, split) = insertEntry(found.nodes[level], found.indexes[level], key, value)
    climb(&root, from: level, found, &node, &split)
  }

  /// Gives the entry at an exact position another value.
  mutating func setValue(_ value: UInt32, in root: inout UInt32, at found: borrowing TreePosition) {
    let level = found.depth - 1
    var node = editable(found.nodes[level], room: 0)
    pool[valueAt(node, found.indexes[level])] = value
    var split: UInt32 = 0
    climb(&root, from: level, found, &node, &split)
  }

  /// Takes the entry at an exact position out.
  mutating func remove(from root: inout UInt32, at found: borrowing TreePosition) {
    var level = found.depth - 1
    var node = removeEntry(found.nodes[level], found.indexes[level])
    while level > 0 {
      level -= 1
      let parent = found.nodes[level]
      let index = found.indexes[level]
      if node == 0 {
        node = removeEntry(parent, index)
        continue
      }
      var copy = editable(parent, room: 0)
      setChild(copy, index, node)
      copy = joinNeighbours(copy, index)
      node = copy
    }
    root = node
    while root != 0, pool[root + 4] & 0xff != 0, pool[root] & 0xffff == 1 {
      let child = pool[valueAt(root, 0)]
      discard(root, mark: 8)
      root = child
    }
  }

  /// Gives a whole tree's nodes back.
  mutating func removeTree(_ root: UInt32) {
    guard root != 0 else { return }
    if pool[root + 4] & 0xff != 0 {
      for index in 0..<(pool[root] & 0xffff) { removeTree(pool[valueAt(root, index)]) }
    }
    discard(root, mark: 8)
  }

  // MARK: Towards the root

  /// Puts a changed node, and the right half when it was split, into its parents.
  private mutating func climb(
    _ root: inout UInt32, from start: Int, _ found: borrowing TreePosition, _ node: inout UInt32, _ split: inout UInt32
  ) {
    var level = start
    while level > 0 {
      level -= 1
      let parent = found.nodes[level]
      let index = found.indexes[level]
      if split == 0 {
        let copy = editable(parent, room: 0)
        setChild(copy, index, node)
        node = copy
        continue
      }
      var copy = editable(parent, room: 1)
      setChild(copy, index, node)
      let right = split
      (copy, split) = insertEntry(copy, index + 1, pool[right + Node.keys], right)
      node = copy
    }
    guard split != 0 else {
      root = node
      return
    }
    root = makeNode(level: (pool[node + 4] & 0xff) + 1, values: true, room: 4)
    pool[root] += 2
    setChild(root, 0, node)
    setChild(root, 1, split)
  }

  private mutating func setChild(_ parent: UInt32, _ index: UInt32, _ child: UInt32) {
    pool[parent + Node.keys + 4 * index] = pool[child + Node.keys]
    pool[valueAt(parent, index)] = child
  }

  // MARK: One node

  private func valueAt(_ node: UInt32, _ index: UInt32) -> UInt32 {
    node + Node.keys + 4 * ((pool[node] >> 16) + index)
  }

  private func hasValues(_ node: UInt32) -> Bool { pool[node + 4] != 0 }

  private mutating func makeNode(level: UInt32, values: Bool, room: UInt32) -> UInt32 {
    let node = allocate(Int(Node.keys + 4 * room * (values ? 2 : 1)))
    pool[node] = room << 16
    pool[node + 4] = level | (values && level == 0 ? Node.leafValues : 0)
    pool[node + 8] = transaction
    return node
  }

  /// The node itself when this transaction made it and it has room, else a copy that has.
  private mutating func editable(_ node: UInt32, room extra: UInt32) -> UInt32 {
    let count = pool[node] & 0xffff
    let own = pool[node + 8] == transaction
    if own, count + extra <= pool[node] >> 16 { return node }
    // A node that grows within one transaction is probably part of a scan and will grow on.
    let wanted = own ? count + max(extra, count / 2) : count + extra
    let copy = makeNode(
      level: pool[node + 4] & 0xff, values: hasValues(node), room: min(Node.mostEntries, (wanted + 1) & ~1))
    pool[copy] += count
    moveWords(count, from: node + Node.keys, to: copy + Node.keys)
    if hasValues(node) { moveWords(count, from: valueAt(node, 0), to: valueAt(copy, 0)) }
    discard(node, mark: 8)
    return copy
  }

  /// Adds an entry; gives the node that now holds it and, when it had to be split, the right half.
  private mutating func insertEntry(
    _ node: UInt32, _ index: UInt32, _ key: UInt32, _ value: UInt32?
  ) -> (node: UInt32, split: UInt32) {
    let count = pool[node] & 0xffff
    if count < Node.mostEntries {
      let copy = editable(node, room: 1)
      openGap(copy, index, count)
      write(copy, index, key, value)
      return (copy, 0)
    }
    // Entries that come in order leave full nodes behind.
    let kept = index == count ? count : count / 2
    let right = makeNode(level: pool[node + 4] & 0xff, values: hasValues(node), room: max(4, count - kept + 2))
    pool[right] += count - kept
    moveWords(count - kept, from: node + Node.keys + 4 * kept, to: right + Node.keys)
    if hasValues(node) { moveWords(count - kept, from: valueAt(node, kept), to: valueAt(right, 0)) }
    let left = editable(node, room: 0)
    pool[left] -= count - kept
    if index <= kept, kept < count {
      openGap(left, index, kept)
      write(left, index, key, value)
    } else {
      openGap(right, index - kept, count - kept)
      write(right, index - kept, key, value)
    }
    return (left, right)
  }

  private mutating func openGap(_ node: UInt32, _ index: UInt32, _ count: UInt32) {
    let key = node + Node.keys + 4 * index
    moveWords(count - index, from: key, to: key + 4)
    if hasValues(node) { moveWords(count - index, from: valueAt(node, index), to: valueAt(node, index + 1)) }
    pool[node] += 1
  }

  private mutating func write(_ node: UInt32, _ index: UInt32, _ key: UInt32, _ value: UInt32?) {
    pool[node + Node.keys + 4 * index] = key
    if let value { pool[valueAt(node, index)] = value }
  }

  /// Takes an entry out; gives the node that is left, zero when it was the last one.
  private mutating func removeEntry(_ node: UInt32, _ index: UInt32) -> UInt32 {
    let count = pool[node] & 0xffff
    guard count > 1 else {
      discard(node, mark: 8)
      return 0
    }
    let copy = editable(node, room: 0)
    let key = copy + Node.keys + 4 * index
    moveWords(count - index - 1, from: key + 4, to: key)
    if hasValues(copy) { moveWords(count - index - 1, from: valueAt(copy, index + 1), to: valueAt(copy, index)) }
    pool[copy] -= 1
    return trimmed(copy)
  }

  /// A node of this transaction that has become much shorter than its room gives the rest back.
  private mutating func trimmed(_ node: UInt32) -> UInt32 {
    let count = pool[node] & 0xffff
    guard pool[node] >> 16 >= 4 * count + 8 else { return node }
    let shorter = makeNode(level: pool[node + 4] & 0xff, values: hasValues(node), room: count)
    pool[shorter] += count
    moveWords(count, from: node + Node.keys, to: shorter + Node.keys)
    if hasValues(node) { moveWords(count, from: valueAt(node, 0), to: valueAt(shorter, 0)) }
    discard(node, mark: 8)
    return shorter
  }

  /// Joins the child at `index` with a neighbour when both together fill half a node. `parent` is the transaction's own.
  private mutating func joinNeighbours(_ parent: UInt32, _ index: UInt32) -> UInt32 {
    let children = pool[parent] & 0xffff
    guard children > 1 else { return parent }
    let left = index + 1 < children ? index : index - 1
    let first = pool[valueAt(parent, left)]
    let second = pool[valueAt(parent, left + 1)]
    let a = pool[first] & 0xffff
    let b = pool[second] & 0xffff
    guard a + b <= Node.mostEntries / 2 else { return parent }
    let joined = editable(first, room: b)
    moveWords(b, from: second + Node.keys, to: joined + Node.keys + 4 * a)
    if hasValues(second) { moveWords(b, from: valueAt(second, 0), to: valueAt(joined, a)) }
    pool[joined] += b
    discard(second, mark: 8)
    setChild(parent, left, joined)
    return removeEntry(parent, left + 1)
  }
}
