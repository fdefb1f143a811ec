// The blocks of the database beside texts and trees. None is changed once it is published.
//
//     interface set    0 uses   4 count   8 texts, sorted                    stored once per different set
//     owner list       0 uses   4 count   8 (service text, interface set), sorted by service     stored once per list
//     service          0 mark   4 unique name   8 paths: a tree of the paths that the service has
//     endpoints        0 mark   4 count   8 texts in the order in which they came
//     claims           0 mark   4 count   8 (service, association path, endpoint): what one object's definitions made
//
//     root             0 generation (two words)   8 one tree each: objects (path -> owner list), leaves (path by its last
//                        part), interfaces (name -> tree of paths), services (name -> service), associations (path ->
//                        endpoints), claims (path of the defining object -> claims)   32 counts of objects, associations
//
// "uses" and "mark" (a transaction number) are the writer's own.

import ShMap

enum Words {
  static let count: UInt32 = 4
  static let items: UInt32 = 8
  /// More entries than any list has; more means that the pool is damaged.
  static let most: UInt32 = 1 << 22
}

extension ReadView {
  /// Length of an interface set, owner list, endpoints or claims block whose entries take `stride` words.
  @inline(__always)
  func itemCount(_ block: UInt32) throws(PoolError) -> UInt32 {
    let count = try word(block &+ Words.count)
    guard count <= Words.most else { throw .damaged }
    return count
  }

  @inline(__always)
  func item(_ block: UInt32, _ index: UInt32) throws(PoolError) -> UInt32 {
    try word(block &+ Words.items &+ 4 &* index)
  }
}

/// The trees of one state.
struct Roots {
  var objects: UInt32 = 0
  var leaves: UInt32 = 0
  var interfaces: UInt32 = 0
  var services: UInt32 = 0
  var associations: UInt32 = 0
  var claims: UInt32 = 0
  var objectCount: UInt32 = 0
  var associationCount: UInt32 = 0

  static let blockBytes = 40

  init() {}

  init(_ view: ReadView, at root: UInt32) throws(PoolError) {
    objects = try view.word(root &+ 8)
    leaves = try view.word(root &+ 12)
    interfaces = try view.word(root &+ 16)
    services = try view.word(root &+ 20)
    associations = try view.word(root &+ 24)
    claims = try view.word(root &+ 28)
    objectCount = try view.word(root &+ 32)
    associationCount = try view.word(root &+ 36)
  }

  func store(in pool: inout Pool, at root: UInt32) {
    pool[root + 8] = objects
    pool[root + 12] = leaves
    pool[root + 16] = interfaces
    pool[root + 20] = services
    pool[root + 24] = associations
    pool[root + 28] = claims
    pool[root + 32] = objectCount
    pool[root + 36] = associationCount
  }
}
