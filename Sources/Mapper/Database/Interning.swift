// Texts, interface sets and owner lists, each stored once and counted. What nothing names any more is retired.

import CSystem
import ShMap

/// The writer's whole state: the pool and the tables that find its blocks.
struct Registry: ~Copyable {
  var storage: Storage
  var roots = Roots()
  private var texts = InternTable<InternedText>()
  private var sets = InternTable<InternedSet>()
  private var lists = InternTable<InternedList>()

  // Associations: see Associations.swift.
  /// Definitions that wait for their endpoint.
  var pending = PendingEnds()
  var pendingCount = 0
  /// More than this: see LeftBehind.swift.
  var pendingLimit = Registry.manyPending
  /// The objects whose definitions made an endpoint, by its text; one entry for each claim.
  var claimants = Claimants()
  var events: [AssociationEvent] = []
  /// Paths that events have told lately; gone when the events are taken.
  var told: [ObjectPath?] = []
  var faults: [Fault] = []
  /// Association objects that came (true) or went, to be indexed as the mapper's own.
  var ownObjects: [(path: [UInt8], isNew: Bool)] = []

  init(_ pool: consuming Pool) { storage = Storage(pool) }

  var view: ReadView {
    @_lifetime(borrow self)
    borrowing get { storage.pool.view }
  }

  // MARK: Texts

  /// The text with these bytes, if it is in the pool.
  borrowing func findText(_ bytes: Span<UInt8>) -> UInt32? {
    let view = self.view
    return texts.find(ContentHash.of(bytes)) { block in
      sound { () throws(PoolError) in compareBytes(bytes, try view.text(block).bytes) == 0 }
    }
  }

  /// The text with these bytes, made if need be, and named once more.
  mutating func useText(_ bytes: Span<UInt8>) -> UInt32 {
    if let text = findText(bytes) {
      storage.pool[text] += 1
      return text
    }
    let text = storage.allocate(Int(TextBlock.bytes) + bytes.count + 1)
    storage.pool[text] = 1
    storage.pool[text + TextBlock.length] = UInt32(bytes.count)
    storage.pool.write(bytes, at: text + TextBlock.bytes)
    storage.pool.setByte(0, at: text + TextBlock.bytes + UInt32(bytes.count))
    texts.insert(text, storage.pool)
    return text
  }

  mutating func useText(again text: UInt32) { storage.pool[text] += 1 }

  mutating func dropText(_ text: UInt32) {
    storage.pool[text] -= 1
    guard storage.pool[text] == 0 else { return }
    texts.remove(text, storage.pool)
    storage.retire(text)
  }

  /// The bytes of a text of this pool.
  borrowing func bytes(of text: UInt32) -> [UInt8] {
    let view = self.view
    return sound { () throws(PoolError) in Name<AnyKind>(copying: try view.text(text).bytes).bytes }
  }

  /// Whether a text of this pool has these bytes.
  borrowing func equals(_ text: UInt32, _ bytes: Span<UInt8>) -> Bool {
    let view = self.view
    return sound { () throws(PoolError) in compareBytes(try view.text(text).bytes, bytes) == 0 }
  }

  /// Orders two texts of this pool by their bytes.
  borrowing func compareTexts(_ left: UInt32, _ right: UInt32) -> Int {
    if left == right { return 0 }
    let view = self.view
    return sound { () throws(PoolError) in compareBytes(try view.text(left).bytes, try view.text(right).bytes) }
  }

  // MARK: Interface sets and owner lists

  /// The words of an interface set or an owner list.
  borrowing func words(of block: UInt32, stride: UInt32) -> [UInt32] {
    guard block != 0 else { return [] }
    let view = self.view
    return sound { () throws(PoolError) in
      var words: [UInt32] = []
      for index in 0..<(try view.itemCount(block) * stride) { words.append(try view.item(block, index)) }
      return words
    }
  }

  /// The interface set with these texts, which are sorted and counted already; takes over their counts.
  mutating func useSet(_ interfaces: [UInt32]) -> UInt32 {
    if let set = findWords(sets, interfaces, stride: 1) {
      for text in interfaces { dropText(text) }
      storage.pool[set] += 1
      return set
    }
    let set = makeWords(interfaces, stride: 1)
    sets.insert(set, storage.pool)
    return set
  }

  mutating func useSet(again set: UInt32) { storage.pool[set] += 1 }

  mutating func dropSet(_ set: UInt32) {
    storage.pool[set] -= 1
    guard storage.pool[set] == 0 else { return }
    let interfaces = words(of: set, stride: 1)
    sets.remove(set, storage.pool)
    for text in interfaces { dropText(text) }
    storage.retire(set)
  }

  /// The owner list with these (service, set) pairs, sorted by service and counted already; takes over their counts. An
  /// empty list is zero.
  mutating func useList(_ owners: [UInt32]) -> UInt32 {
    guard !owners.isEmpty else { return 0 }
    if let list = findWords(lists, owners, stride: 2) {
      dropOwners(owners)
      storage.pool[list] += 1
      return list
    }
    let list = makeWords(owners, stride: 2)
    lists.insert(list, storage.pool)
    return list
  }

  mutating func dropList(_ list: UInt32) {
    guard list != 0 else { return }
    storage.pool[list] -= 1
    guard storage.pool[list] == 0 else { return }
    let owners = words(of: list, stride: 2)
    lists.remove(list, storage.pool)
    dropOwners(owners)
    storage.retire(list)
  }

  private mutating func dropOwners(_ owners: [UInt32]) {
    for index in stride(from: 0, to: owners.count, by: 2) {
      dropText(owners[index])
      dropSet(owners[index + 1])
    }
  }

  private borrowing func findWords<Kind>(_ table: InternTable<Kind>, _ words: [UInt32], stride: Int) -> UInt32? {
    let view = self.view
    return table.find(hashOfItems(words)) { block in
      sound { () throws(PoolError) in
        guard Int(try view.itemCount(block)) * stride == words.count else { return false }
        for index in words.indices where words[index] != (try view.item(block, UInt32(index))) { return false }
        return true
      }
    }
  }

  private mutating func makeWords(_ words: [UInt32], stride: Int) -> UInt32 {
    let block = storage.allocate(Int(Words.items) + words.count * 4)
    storage.pool[block] = 1
    storage.pool[block + Words.count] = UInt32(words.count / stride)
    for index in words.indices { storage.pool[block + Words.items + 4 * UInt32(index)] = words[index] }
    return block
  }
}

private enum InternedText: Interned {
  static func hash(_ block: UInt32, _ pool: borrowing Pool) -> UInt32 {
    let view = pool.view
    return sound { () throws(PoolError) in ContentHash.of(try view.text(block).bytes) }
  }
}

private enum InternedSet: Interned {
  static func hash(_ block: UInt32, _ pool: borrowing Pool) -> UInt32 { hashOfItems(block, stride: 1, pool) }
}

private enum InternedList: Interned {
  static func hash(_ block: UInt32, _ pool: borrowing Pool) -> UInt32 { hashOfItems(block, stride: 2, pool) }
}

private func hashOfItems(_ block: UInt32, stride: UInt32, _ pool: borrowing Pool) -> UInt32 {
  var hash = ContentHash()
  for index in 0..<(pool[block + Words.count] * stride) { hash.add(pool[block + Words.items + 4 * index]) }
  return hash.value
}

private func hashOfItems(_ words: [UInt32]) -> UInt32 {
  var hash = ContentHash()
  for word in words { hash.add(word) }
  return hash.value
}
