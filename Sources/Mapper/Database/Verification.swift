// Whether a state of the pool keeps its own rules: every tree is ordered and even, every index says the same as the tree of
// objects, everything that is stored once is stored once, and the counts are right.
//
// Read-only, for a tool that looks at a living daemon's pool and for tests. Trusts nothing: a damaged pool gives findings or
// `damaged`, and ends.

import ShMap

/// One rule that a state breaks.
public enum Finding: Equatable {
  public enum Tree {
    case objects, leaves, interfaces, pathsOfInterface, services, pathsOfService, associations, claims
  }
  /// A key does not sort behind the one before it, or is not the one that its parent names.
  case disordered(Tree, node: UInt32)
  /// A node without entries, with more than its room, or at the wrong level.
  case misshapen(Tree, node: UInt32)
  /// Longer than any name, not terminated, or with a zero byte inside.
  case malformedText(UInt32)
  /// The same bytes are stored in two texts.
  case duplicateText(UInt32)
  /// Interfaces or services of an object that are not sorted.
  case disorderedList(UInt32)
  /// An index does not hold exactly the paths that the objects say.
  case wrongIndex(Tree, key: UInt32)
  /// An association without endpoints, or with one twice.
  case wrongEndpoints(UInt32)
  /// The number that the state gives for a tree is not the number of its entries.
  case wrongCount(Tree)
  /// A text, interface set or owner list is counted for fewer places than name it, or, for the writer, for more.
  case wrongUses(UInt32)
}

extension Lookup {
  /// Checks everything that can be reached from this state; empty when all is well. Costs about as much as copying it.
  public func verify() throws(PoolError) -> [Finding] {
    var verifier = Verifier()
    try verifier.run(view, roots)
    verifier.checkUses(view, exactly: false)
    return verifier.findings
  }
}

extension MapperDatabase {
  /// Checks the writer's state, published or not, with the counts that only the writer knows exactly.
  public func checkInvariants() -> [Finding] { registry.verify() }
}

extension Registry {
  fileprivate borrowing func verify() -> [Finding] {
    let view = self.view
    var verifier = Verifier()
    for endpoint in pending.endpoints {
      for end in pending[endpoint] {
        for text in [endpoint, end.service, end.forward, end.reverse, end.source] { verifier.use(text: text) }
      }
    }
    return sound { () throws(PoolError) in
      try verifier.run(view, roots)
      verifier.checkUses(view, exactly: true)
      return verifier.findings
    }
  }
}

private struct Verifier {
  var findings: [Finding] = []
  private var texts: [UInt32: UInt32] = [:]
  private var sets: [UInt32: UInt32] = [:]
  private var lists: [UInt32: UInt32] = [:]
  private var nodes = 0

  @inline(never)
  mutating func use(text: UInt32) { texts[text, default: 0] += 1 }

  mutating func run(_ view: ReadView, _ roots: Roots) throws(PoolError) {
    let objects = try entries(.objects, roots.objects, view, ByBytes.self)
    var byInterface = Groups()
    var byService = Groups()
    for (path, owners) in objects {
      use(text: path)
      guard owners != 0 else { continue }
      lists[owners, default: 0] += 1
      for (service, interfaces) in try checkList(owners, view) {
        byService.add(path, to: service)
        for interface in interfaces where byInterface[interface].last != path { byInterface.add(path, to: interface) }
      }
    }
    if objects.count != Int(roots.objectCount) { findings.append(.wrongCount(.objects)) }
    var known: [UInt32: UInt32] = [:]
    for (path, _) in objects { known[path] = 1 }
    let leaves = try entries(.leaves, roots.leaves, view, ByLeaf.self)
    if leaves.count != objects.count { findings.append(.wrongCount(.leaves)) }
    for (path, _) in leaves where known[path] == nil { findings.append(.wrongIndex(.leaves, key: path)) }

    let interfaces = try entries(.interfaces, roots.interfaces, view, ByBytes.self)
    if interfaces.count != byInterface.count { findings.append(.wrongCount(.interfaces)) }
    for (interface, tree) in interfaces {
      let paths = try keys(.pathsOfInterface, tree, view)
      if paths != byInterface[interface] { findings.append(.wrongIndex(.pathsOfInterface, key: interface)) }
    }
    for (service, record) in try entries(.services, roots.services, view, ByBytes.self) {
      use(text: service)
      use(text: try view.word(record &+ 4))
      let paths = try keys(.pathsOfService, try view.word(record &+ 8), view)
      if paths != byService[service] { findings.append(.wrongIndex(.pathsOfService, key: service)) }
      byService.empty(service)
    }
    for service in byService.notEmpty { findings.append(.wrongIndex(.services, key: service)) }
    try checkAssociations(view, roots)
    try checkTexts(view)
  }

  private mutating func checkAssociations(_ view: ReadView, _ roots: Roots) throws(PoolError) {
    let associations = try entries(.associations, roots.associations, view, ByBytes.self)
    if associations.count != Int(roots.associationCount) { findings.append(.wrongCount(.associations)) }
    for (association, block) in associations {
      use(text: association)
      var seen: [UInt32: UInt32] = [:]
      for index in 0..<(try view.itemCount(block)) {
        let endpoint = try view.item(block, index)
        use(text: endpoint)
        if seen.updateValue(1, forKey: endpoint) != nil { findings.append(.wrongEndpoints(association)) }
      }
      if seen.isEmpty { findings.append(.wrongEndpoints(association)) }
    }
    for (source, block) in try entries(.claims, roots.claims, view, ByBytes.self) {
      use(text: source)
      let count = try view.itemCount(block)
      if count == 0 { findings.append(.wrongIndex(.claims, key: source)) }
      for index in 0..<(3 &* count) { use(text: try view.item(block, index)) }
    }
  }

  /// The services of an owner list with their interfaces.
  private mutating func checkList(
    _ list: UInt32, _ view: ReadView
  ) throws(PoolError) -> [(service: UInt32, interfaces: [UInt32])] {
    var owners: [(service: UInt32, interfaces: [UInt32])] = []
    for index in 0..<(try view.itemCount(list)) {
      let service = try view.item(list, 2 &* index)
      let set = try view.item(list, 2 &* index &+ 1)
      if let last = owners.last, try !isBefore(last.service, service, view) { findings.append(.disorderedList(list)) }
      var interfaces: [UInt32] = []
      for entry in 0..<(try view.itemCount(set)) {
        let interface = try view.item(set, entry)
        if let last = interfaces.last, try !isBefore(last, interface, view) { findings.append(.disorderedList(set)) }
        interfaces.append(interface)
      }
      if lists[list] == 1 {
        use(text: service)
        sets[set, default: 0] += 1
        if sets[set] == 1 { for interface in interfaces { use(text: interface) } }
      }
      owners.append((service, interfaces))
    }
    return owners
  }

  private func isBefore(_ left: UInt32, _ right: UInt32, _ view: ReadView) throws(PoolError) -> Bool {
    compareBytes(try view.text(left).bytes, try view.text(right).bytes) < 0
  }

  // MARK: Texts and their counts

  private mutating func checkTexts(_ view: ReadView) throws(PoolError) {
    var byHash = Groups()
    for text in texts.keys {
      let bytes = try view.text(text).bytes
      var isWhole = try view.bytes(text &+ TextBlock.bytes, count: bytes.count + 1)[bytes.count] == 0
      for index in bytes.indices where bytes[index] == 0 { isWhole = false }
      if !isWhole { findings.append(.malformedText(text)) }
      let hash = ContentHash.of(bytes)
      for other in byHash[hash] where compareBytes(try view.text(other).bytes, bytes) == 0 {
        findings.append(.duplicateText(text))
      }
      byHash.add(text, to: hash)
    }
  }

  /// Compares what is counted in each shared block with the places that name it. Definitions that wait for their endpoint
  /// are known to the writer only, so that a reader may find more than it can account for.
  mutating func checkUses(_ view: ReadView, exactly isExact: Bool) {
    for counted in [texts, sets, lists] {
      for (block, places) in counted {
        guard let uses = try? view.word(block), isExact ? uses == places : uses >= places else {
          findings.append(.wrongUses(block))
          continue
        }
      }
    }
  }

  // MARK: Trees

  /// All keys of a tree of paths, in order.
  private mutating func keys(
    _ tree: Finding.Tree, _ root: UInt32, _ view: ReadView
  ) throws(PoolError) -> [UInt32] {
    var keys: [UInt32] = []
    for (key, _) in try entries(tree, root, view, ByBytes.self) { keys.append(key) }
    return keys
  }

  /// All entries of a tree in order, with what they lead to; zero where the tree holds keys alone.
  private mutating func entries<Order: TreeOrder>(
    _ tree: Finding.Tree, _ root: UInt32, _ view: ReadView, _ order: Order.Type
  ) throws(PoolError) -> [(key: UInt32, value: UInt32)] {
    var found: [(key: UInt32, value: UInt32)] = []
    guard root != 0 else { return found }
    try walk(tree, root, try view.nodeLevel(root), view, order, &found)
    return found
  }

  private mutating func walk<Order: TreeOrder>(
    _ tree: Finding.Tree, _ node: UInt32, _ level: UInt32, _ view: ReadView, _ order: Order.Type,
    _ found: inout [(key: UInt32, value: UInt32)]
  ) throws(PoolError) {
    nodes += 1
    // A node takes at least 16 bytes: more of them than fit means that the tree leads back into itself.
    guard nodes <= view.size / 16, level < UInt32(Node.deepest) else { throw .damaged }
    let count = try view.nodeCount(node)
    let hasValues = try view.word(node &+ 4) & Node.leafValues != 0
    let room = try view.nodeRoom(node)
    let actual = try view.nodeLevel(node)
    if count == 0 || count > room || actual != level {
      findings.append(.misshapen(tree, node: node))
    }
    for index in 0..<count {
      let key = try view.nodeKey(node, index)
      if level > 0 {
        let child = try view.nodeValue(node, index)
        if try view.nodeKey(child, 0) != key { findings.append(.disordered(tree, node: node)) }
        try walk(tree, child, level - 1, view, order, &found)
        continue
      }
      if let last = found.last, try order.compare(Probe(view.text(last.key).bytes), view.text(key)) >= 0 {
        findings.append(.disordered(tree, node: node))
      }
      found.append((key, hasValues ? try view.nodeValue(node, index) : 0))
    }
  }
}

/// Lists of numbers, each under a number. On one dictionary of numbers, since each other one is another 2 KB of code.
private struct Groups {
  private var places: [UInt32: UInt32] = [:]
  private var lists: [[UInt32]] = []

  var count: Int { lists.count }

  /// The list under a number; empty when there is none.
  subscript(_ group: UInt32) -> [UInt32] {
    @inline(never) get { places[group].map { lists[Int($0)] } ?? [] }
  }

  /// The numbers with a list that is not empty.
  var notEmpty: [UInt32] { places.keys.filter { !self[$0].isEmpty } }

  @inline(never)
  mutating func add(_ member: UInt32, to group: UInt32) {
    guard let place = places[group] else {
      places[group] = UInt32(lists.count)
      return lists.append([member])
    }
    lists[Int(place)].append(member)
  }

  mutating func empty(_ group: UInt32) {
    if let place = places[group] { lists[Int(place)] = [] }
  }
}
