// Which service shows which interfaces on which path, and the indexes that answer questions about it. All indexes change
// together here, so that they always agree.

import ShMap

extension Registry {
  // MARK: Paths

  /// The path's text when the path is known, with its owner list.
  borrowing func object(_ path: Span<UInt8>) -> (text: UInt32, owners: UInt32)? {
    let view = self.view
    let found = sound { () throws(PoolError) in try view.find(ByBytes.self, roots.objects, Probe(path)) }
    return found.map { ($0.key, $0.value) }
  }

  borrowing func isKnown(_ path: Span<UInt8>) -> Bool { object(path) != nil }

  /// Makes a path known, without any service yet; gives its text.
  mutating func makeKnown(_ path: Span<UInt8>) -> UInt32 {
    if let known = object(path) { return known.text }
    let text = useText(path)
    let found = position(roots.objects, path)
    storage.insert(text, value: 0, into: &roots.objects, at: found)
    let leaf = leafPosition(path)
    storage.insert(text, value: nil, into: &roots.leaves, at: leaf)
    roots.objectCount += 1
    return text
  }

  /// Forgets a path that no service shows any more.
  mutating func forget(_ path: [UInt8]) {
    let found = position(roots.objects, path.span)
    guard found.isExact else { return }
    let text = sound { () throws(PoolError) in try view.key(found)! }
    storage.remove(from: &roots.objects, at: found)
    let leaf = leafPosition(path.span)
    storage.remove(from: &roots.leaves, at: leaf)
    roots.objectCount -= 1
    dropText(text)
  }

  // MARK: Interfaces

  /// The interfaces that a service shows on a path, sorted; nil when it does not show the path.
  borrowing func interfaces(_ path: Span<UInt8>, of service: UInt32) -> [UInt32]? {
    guard let object = object(path) else { return nil }
    let owners = words(of: object.owners, stride: 2)
    for index in stride(from: 0, to: owners.count, by: 2) where owners[index] == service {
      return words(of: owners[index + 1], stride: 1)
    }
    return nil
  }

  /// States which interfaces a service shows on a path: sorted texts, counted for this call. nil: it does not show the path
  /// any more. A path that no service shows is forgotten.
  mutating func setInterfaces(_ path: [UInt8], of service: UInt32, to interfaces: [UInt32]?) {
    guard interfaces != nil || isKnown(path.span) else { return }
    let text = makeKnown(path.span)
    let found = position(roots.objects, path.span)
    let oldList = sound { () throws(PoolError) in try view.value(found) }
    let oldOwners = words(of: oldList, stride: 2)
    let old = union(of: oldOwners)

    var owners: [UInt32] = []
    var isNew = true
    var inserted = interfaces == nil
    for index in stride(from: 0, to: oldOwners.count, by: 2) {
      let owner = oldOwners[index]
      if owner == service {
        isNew = false
        continue
      }
      if !inserted, compareTexts(service, owner) < 0 {
        append(service, interfaces!, to: &owners)
        inserted = true
      }
      useText(again: owner)
      useSet(again: oldOwners[index + 1])
      owners.append(owner)
      owners.append(oldOwners[index + 1])
    }
    if !inserted { append(service, interfaces!, to: &owners) }
    let new = union(of: owners)
    let list = useList(owners)

    if list != oldList { storage.setValue(list, in: &roots.objects, at: found) }
    for name in new where !old.contains(name) { index(text, path, under: name) }
    for name in old where !new.contains(name) { unindex(path, under: name) }
    if interfaces != nil, isNew { addPath(text, path, to: service) }
    if interfaces == nil, !isNew { removePath(path, from: service) }
    dropList(oldList)
    if list == 0 { forget(path) }
  }

  private mutating func append(_ service: UInt32, _ interfaces: [UInt32], to owners: inout [UInt32]) {
    useText(again: service)
    owners.append(service)
    owners.append(useSet(interfaces))
  }

  /// All interfaces that any service of an owner list shows.
  private borrowing func union(of owners: [UInt32]) -> [UInt32] {
    if owners.count == 2 { return words(of: owners[1], stride: 1) }
    var all: [UInt32] = []
    for index in stride(from: 0, to: owners.count, by: 2) {
      for name in words(of: owners[index + 1], stride: 1) where !all.contains(name) { all.append(name) }
    }
    return all
  }

  // MARK: The index interface -> paths

  private mutating func index(_ text: UInt32, _ path: [UInt8], under interface: UInt32) {
    let entry = position(roots.interfaces, ofText: interface)
    var tree = entry.isExact ? sound { () throws(PoolError) in try view.value(entry) } : 0
    let place = position(tree, path.span)
    storage.insert(text, value: nil, into: &tree, at: place)
    if entry.isExact {
      storage.setValue(tree, in: &roots.interfaces, at: entry)
    } else {
      storage.insert(interface, value: tree, into: &roots.interfaces, at: entry)
    }
  }

  private mutating func unindex(_ path: [UInt8], under interface: UInt32) {
    let entry = position(roots.interfaces, ofText: interface)
    var tree = sound { () throws(PoolError) in try view.value(entry) }
    let place = position(tree, path.span)
    storage.remove(from: &tree, at: place)
    if tree == 0 {
      storage.remove(from: &roots.interfaces, at: entry)
    } else {
      storage.setValue(tree, in: &roots.interfaces, at: entry)
    }
  }

  // MARK: Services

  /// The service's record, made if need be; gives the text of its name.
  mutating func makeService(_ name: ServiceName) -> UInt32 {
    let found = position(roots.services, name.bytes.span)
    if found.isExact { return sound { () throws(PoolError) in try view.key(found)! } }
    let text = useText(name.bytes.span)
    let none = useText([UInt8]().span)
    let record = storage.allocate(12)
    writeService(record, unique: none, paths: 0)
    storage.insert(text, value: record, into: &roots.services, at: found)
    return text
  }

  /// The text of a service's name, its unique name, and the tree of its paths.
  borrowing func service(_ name: Span<UInt8>) -> (text: UInt32, unique: UInt32, paths: UInt32)? {
    let view = self.view
    return sound { () throws(PoolError) in
      guard let found = try view.find(ByBytes.self, roots.services, Probe(name)) else { return nil }
      return (found.key, try view.word(found.value + 4), try view.word(found.value + 8))
    }
  }

  mutating func setUnique(_ unique: ByteString, of name: ServiceName) {
    _ = makeService(name)
    let found = position(roots.services, name.bytes.span)
    let record = sound { () throws(PoolError) in try view.value(found) }
    let old = storage.pool[record + 4]
    let text = useText(unique.bytes.span)
    replaceService(at: found, unique: text, paths: storage.pool[record + 8])
    dropText(old)
  }

  /// Forgets a service that shows no path any more.
  mutating func forgetService(_ name: ServiceName) {
    let found = position(roots.services, name.bytes.span)
    guard found.isExact else { return }
    let text = sound { () throws(PoolError) in try view.key(found)! }
    let record = sound { () throws(PoolError) in try view.value(found) }
    dropText(storage.pool[record + 4])
    storage.remove(from: &roots.services, at: found)
    storage.discard(record, mark: 0)
    dropText(text)
  }

  private mutating func addPath(_ text: UInt32, _ path: [UInt8], to service: UInt32) {
    let found = position(roots.services, ofText: service)
    let record = sound { () throws(PoolError) in try view.value(found) }
    var paths = storage.pool[record + 8]
    let place = position(paths, path.span)
    storage.insert(text, value: nil, into: &paths, at: place)
    replaceService(at: found, unique: storage.pool[record + 4], paths: paths)
  }

  private mutating func removePath(_ path: [UInt8], from service: UInt32) {
    let found = position(roots.services, ofText: service)
    let record = sound { () throws(PoolError) in try view.value(found) }
    var paths = storage.pool[record + 8]
    let place = position(paths, path.span)
    storage.remove(from: &paths, at: place)
    replaceService(at: found, unique: storage.pool[record + 4], paths: paths)
  }

  private mutating func replaceService(at found: TreePosition, unique: UInt32, paths: UInt32) {
    let old = sound { () throws(PoolError) in try view.value(found) }
    if storage.pool[old] == storage.transaction {
      writeService(old, unique: unique, paths: paths)
      return
    }
    let record = storage.allocate(12)
    writeService(record, unique: unique, paths: paths)
    storage.setValue(record, in: &roots.services, at: found)
    storage.retire(old)
  }

  private mutating func writeService(_ record: UInt32, unique: UInt32, paths: UInt32) {
    storage.pool[record] = storage.transaction
    storage.pool[record + 4] = unique
    storage.pool[record + 8] = paths
  }

  /// Whether a tree of paths has one below `parent`.
  borrowing func hasChild(of parent: [UInt8], in paths: UInt32) -> Bool {
    let view = self.view
    return sound { () throws(PoolError) in
      let first = try view.lowerBound(ByBytes.self, paths, Probe(parent.span, then: slash))
      guard let key = try view.key(first) else { return false }
      let text = try view.text(key).bytes
      return text.count > parent.count && Probe(parent.span).compare(text.extracting(first: parent.count)) == 0
        && text[parent.count] == slash
    }
  }

  // MARK: Positions

  borrowing func position(_ tree: UInt32, _ key: Span<UInt8>) -> TreePosition {
    let view = self.view
    return sound { () throws(PoolError) in try view.lowerBound(ByBytes.self, tree, Probe(key)) }
  }

  borrowing func position(_ tree: UInt32, ofText text: UInt32) -> TreePosition {
    let view = self.view
    return sound { () throws(PoolError) in try view.lowerBound(ByBytes.self, tree, Probe(try view.text(text).bytes)) }
  }

  private borrowing func leafPosition(_ path: Span<UInt8>) -> TreePosition {
    let view = self.view
    return sound { () throws(PoolError) in try view.lowerBound(ByLeaf.self, roots.leaves, Probe(path)) }
  }

  /// The keys of a tree, in order.
  borrowing func keys(of tree: UInt32) -> [UInt32] {
    let view = self.view
    return sound { () throws(PoolError) in
      var all: [UInt32] = []
      var at = try view.lowerBound(ByBytes.self, tree, Probe(Span<UInt8>()))
      while let key = try view.key(at) {
        all.append(key)
        try view.advance(&at)
      }
      return all
    }
  }
}
