// What the ordered indexes in the pool promise.

import ShMap
import Testing

@testable import Database

/// A tree in a pool of its own, and the sorted list that it must be equal to.
private struct Grove: ~Copyable {
  private let place = PoolPath()
  private(set) var registry: Registry
  private(set) var root: UInt32 = 0
  private var model: [String] = []
  private var texts: [String: UInt32] = [:]

  init() throws {
    var pool = try Pool(creating: place.path, mode: 0o600, contents: 1, identity: [UInt8](repeating: 0, count: 16))
    pool.grace.microseconds = 0
    registry = Registry(pool)
  }

  mutating func insert(_ key: String) {
    let bytes = Array(key.utf8)
    let text = registry.useText(bytes.span)
    let found = registry.position(root, bytes.span)
    #expect(!found.isExact)
    registry.storage.insert(text, value: text ^ 0x5555_5555, into: &root, at: found)
    texts[key] = text
    model.append(key)
  }

  mutating func remove(_ key: String) {
    let found = registry.position(root, Array(key.utf8).span)
    #expect(found.isExact)
    registry.storage.remove(from: &root, at: found)
    registry.dropText(texts.removeValue(forKey: key)!)
    model.remove(at: model.firstIndex(of: key)!)
  }

  /// Publishes, as if the tree were a state: what there is must not be changed in place any more.
  mutating func publish() throws {
    let block = try registry.storage.pool.allocate(12)
    registry.storage.publish(root: block)
    registry.storage.retire(block)
  }

  /// The tree holds exactly the keys of the list, in order, and finds each with its value.
  mutating func check() {
    model.sort()
    let keys = registry.keys(of: root).map { String(decoding: registry.bytes(of: $0), as: UTF8.self) }
    #expect(keys == model)
    for key in model {
      let found = find(key)
      #expect(found == texts[key]! ^ 0x5555_5555, "\(key)")
    }
  }

  borrowing func find(_ key: String) -> UInt32? {
    let view = registry.view
    let bytes = Array(key.utf8)
    return sound { () throws(PoolError) in try view.find(ByBytes.self, root, Probe(bytes.span))?.value }
  }

  /// The first key at or behind a probe, and the last before it.
  borrowing func neighbours(_ probe: String, then last: UInt8? = nil) -> (String?, String?) {
    let view = registry.view
    let bytes = Array(probe.utf8)
    return sound { () throws(PoolError) in
      let place = try view.lowerBound(ByBytes.self, root, Probe(bytes.span, then: last))
      let after = try view.key(place)
      let before = try view.predecessor(root, Probe(bytes.span, then: last))
      return (
        after.map { String(decoding: registry.bytes(of: $0), as: UTF8.self) },
        before.map { String(decoding: registry.bytes(of: $0), as: UTF8.self) }
      )
    }
  }

  /// Gives the tree back; the bytes that stay in use.
  mutating func fell() throws -> Int {
    registry.storage.removeTree(root)
    root = 0
    for text in texts.values { registry.dropText(text) }
    texts = [:]
    model = []
    for _ in 0..<40 { try publish() }
    return registry.storage.pool.usedBytes
  }
}

@Suite("Trees in the pool") struct TreeTests {
  private func keys(_ count: Int) -> [String] { (0..<count).map { "/some/path/\($0 % 7)/\($0)" } }

  @Test(
    "Thousands of keys are found in order, however they came and whatever was published between", arguments: [1, 2, 3])
  func manyKeys(seed: Int) throws {
    var grove = try Grove()
    var random = Seeded(UInt64(seed))
    let all = keys(3000)
    for (number, key) in (seed == 1 ? all : all.shuffled(using: &random)).enumerated() {
      grove.insert(key)
      if number % (seed == 3 ? 3 : 500) == 0 { try grove.publish() }
    }
    grove.check()
    for (number, key) in (seed == 2 ? all : all.shuffled(using: &random)).dropLast(100).enumerated() {
      grove.remove(key)
      if number % (seed == 3 ? 3 : 500) == 0 { try grove.publish() }
    }
    grove.check()
  }

  @Test("A tree that was emptied key by key has no root, and may grow again")
  func emptied() throws {
    var grove = try Grove()
    for _ in 0..<3 {
      for key in keys(200) { grove.insert(key) }
      for key in keys(200) { grove.remove(key) }
      let root = grove.root
      #expect(root == 0)
    }
  }

  @Test("A tree that has shrunk holds little more memory than one that never was large")
  func shrinks() throws {
    var small = try Grove()
    for key in keys(40) { small.insert(key) }
    for _ in 0..<40 { try small.publish() }
    let wanted = small.registry.storage.pool.usedBytes
    var large = try Grove()
    for key in keys(3000) { large.insert(key) }
    try large.publish()
    for key in keys(3000).dropFirst(40) { large.remove(key) }
    for _ in 0..<40 { try large.publish() }
    let left = large.registry.storage.pool.usedBytes
    #expect(left < wanted + 1024)
    let felled = try large.fell()
    #expect(felled < 1024)
  }

  @Test("A probe finds the first key at or behind it, and the last one before it")
  func neighbours() throws {
    var grove = try Grove()
    for key in ["/a", "/a/b", "/a/bc", "/a0", "/b"] + (0..<300).map({ "/m/\($0)" }) { grove.insert(key) }
    #expect(grove.neighbours("/a/b") == ("/a/b", "/a"))
    #expect(grove.neighbours("") == ("/a", nil))
    #expect(grove.neighbours("/z") == (nil, "/m/99"))
    // Everything below "/a" lies between "/a" followed by a slash and "/a" followed by the byte behind it.
    #expect(grove.neighbours("/a", then: UInt8(ascii: "/")) == ("/a/b", "/a"))
    #expect(grove.neighbours("/a", then: UInt8(ascii: "0")) == ("/a0", "/a/bc"))
    #expect(grove.neighbours("/a/b", then: 0) == ("/a/bc", "/a/b"))
  }

  @Test("Published nodes are not touched: an old root still leads to what it led to")
  func copyOnWrite() throws {
    var grove = try Grove()
    for key in keys(500) { grove.insert(key) }
    try grove.publish()
    let old = grove.root
    let before = grove.registry.keys(of: old)
    for key in keys(250) { grove.remove(key) }
    for number in 0..<100 { grove.insert("/new/\(number)") }
    #expect(grove.registry.keys(of: old) == before)
    #expect(grove.root != old)
  }

  @Test("An empty tree has no key, no neighbour, and no end")
  func empty() throws {
    let grove = try Grove()
    #expect(grove.find("/a") == nil)
    #expect(grove.neighbours("/a") == (nil, nil))
    #expect(grove.registry.keys(of: 0).isEmpty)
  }
}

@Suite("What is stored once") struct InterningTests {
  private func registry(_ place: borrowing PoolPath) throws -> Registry {
    var pool = try Pool(creating: place.path, mode: 0o600, contents: 1, identity: [UInt8](repeating: 0, count: 16))
    pool.grace.microseconds = 0
    return Registry(pool)
  }

  @Test("Equal strings are one text, and the last user takes it along")
  func texts() throws {
    let place = PoolPath()
    var registry = try registry(place)
    let first = registry.useText(Array("a.Name".utf8).span)
    let other = registry.useText(Array("a.Nam".utf8).span)
    #expect(registry.useText(Array("a.Name".utf8).span) == first)
    #expect(other != first)
    registry.dropText(first)
    #expect(registry.findText(Array("a.Name".utf8).span) == first)
    registry.dropText(first)
    #expect(registry.findText(Array("a.Name".utf8).span) == nil)
    #expect(registry.findText(Array("a.Nam".utf8).span) == other)
  }

  @Test("A text is NUL-terminated in the pool, and may be empty")
  func terminated() throws {
    let place = PoolPath()
    var registry = try registry(place)
    for string in ["", "x", "1234567", "12345678"] {
      let text = registry.useText(Array(string.utf8).span)
      #expect(registry.bytes(of: text) == Array(string.utf8))
      let end = registry.storage.pool[(text + TextBlock.bytes + UInt32(string.utf8.count)) & ~3]
      #expect((end >> (8 * ((text + TextBlock.bytes + UInt32(string.utf8.count)) & 3))) & 0xff == 0)
    }
  }

  @Test("Equal interface sets and owner lists are one block, however many objects show them")
  func sets() throws {
    let place = PoolPath()
    let database = try MapperDatabase(
      poolPath: ByteString(place.path), mode: 0o600, busID: [UInt8](repeating: 0, count: 16))
    for number in 0..<50 {
      database.addInterfaces(["i.B", "i.A"], to: "/x/\(number)".path, of: "s.S", associations: nil)
    }
    let owners = (0..<50).map { database.registry.object(Array("/x/\($0)".utf8).span)!.owners }
    #expect(owners.allSatisfy { $0 == owners[0] })
    #expect(database.registry.words(of: owners[0], stride: 2).count == 2)
    database.addInterfaces(["i.C"], to: "/x/7", of: "s.S", associations: nil)
    #expect(database.registry.object(Array("/x/7".utf8).span)!.owners != owners[0])
    #expect(database.checkInvariants() == [])
  }

  @Test("Thousands of texts that come and go are all found")
  func manyTexts() throws {
    let place = PoolPath()
    var registry = try registry(place)
    var random = Seeded(9)
    var alive: [String: UInt32] = [:]
    for _ in 0..<6000 {
      let name = "n\(Int.random(in: 0..<1500, using: &random))"
      if let text = alive.removeValue(forKey: name) {
        registry.dropText(text)
      } else {
        alive[name] = registry.useText(Array(name.utf8).span)
      }
    }
    for number in 0..<1500 {
      #expect(registry.findText(Array("n\(number)".utf8).span) == alive["n\(number)"])
    }
  }
}
