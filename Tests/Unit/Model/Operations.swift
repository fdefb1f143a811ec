// Changes as values, so that a failing history can be printed, replayed and made shorter, and where they come from: a small
// world of names that collide often.

/// One thing that happens to a mapper.
enum Operation {
  case scan(String, [NaiveMapper.ScanStep])
  case add([String], String, String, [NaiveMapper.Definition]?)
  case remove([String], String, String)
  case define([NaiveMapper.Definition], String, String)
  case leave(String)
  case publish
  case ask(Question)
  /// The mapper ends and another takes over; these services have come back as another connection meanwhile.
  case restart(changed: [String])
}

/// A reproducible source of random numbers (SplitMix64).
struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// Makes random histories.
struct Storyteller {
  var random: Seeded
  let services = ["a.A", "b.B", "xyz.openbmc_project.Z", "z.Z"]
  private let segments = ["a", "b", "bc", "c", "x_1", "xyz", "f"]
  private let sides = ["f", "f", "g", "r", "r", "", "n/m", "bad name", "d//e"]
  private let interfaces =
    (0..<12).map { "i.I\($0)" } + NaiveMapper.standard.sorted() + [NaiveMapper.definitions, NaiveMapper.definitions]

  init(seed: UInt64) { random = Seeded(seed) }

  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

  mutating func one<Element>(of elements: [Element]) -> Element { elements.randomElement(using: &random)! }

  mutating func path() -> String {
    if chance(4) { return "/" }
    return (0..<Int.random(in: 1...4, using: &random)).map { _ in "/" + one(of: segments) }.joined()
  }

  mutating func names() -> [String] {
    let count = one(of: [0, 1, 1, 1, 2, 3, 12])
    if chance(10) { return NaiveMapper.standard.sorted() }
    return (0..<count).map { _ in chance(5) ? "un.known" : one(of: interfaces) }
  }

  /// What a path argument may be, good or bad.
  mutating func argument() -> String {
    switch Int.random(in: 0..<20, using: &random) {
    case 0: ""
    case 1: "/"
    case 2: path() + "/"
    case 3: path() + "//"
    case 4: path() + "c"
    case 5: "/xyz/openbmc_project/object_mapper"
    default: path()
    }
  }

  mutating func definitions() -> [NaiveMapper.Definition] {
    (0..<one(of: [0, 1, 1, 2, 3])).map { _ in
      let endpoint = chance(3) ? "" : chance(10) ? path() + "/" + one(of: sides) : path()
      return NaiveMapper.Definition(forward: one(of: sides), reverse: one(of: sides), endpoint: endpoint)
    }
  }

  mutating func scan() -> [NaiveMapper.ScanStep] {
    (0..<Int.random(in: 0...8, using: &random)).map { _ in
      chance(25) ? .associations(path(), definitions()) : .object(path(), names())
    }
  }

  mutating func question() -> Question {
    let depth = one(of: [-1, 0, 0, 1, 2, 3, Int32.max])
    let association = chance(80) ? path() + "/" + one(of: sides) : argument()
    let id = one(of: [one(of: segments), one(of: segments), one(of: segments) + "/" + one(of: segments), "", "none"])
    switch Int.random(in: 0..<9, using: &random) {
    case 0: return .object(argument(), names())
    case 1: return .ancestors(argument(), names())
    case 2: return .subTree(argument(), depth, names())
    case 3: return .subTreePaths(argument(), depth, names())
    case 4: return .associatedSubTree(association, argument(), depth, names())
    case 5: return .associatedSubTreePaths(association, argument(), depth, names())
    case 6: return .associatedSubTreeById(id, argument(), names(), one(of: sides), names())
    case 7: return .associatedSubTreePathsById(id, argument(), names(), one(of: sides), names())
    default: return .endpoints(association)
    }
  }

  mutating func operation() -> Operation {
    let service = one(of: services)
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<12: return .scan(service, scan())
    case 12..<32: return .add(names(), path(), service, chance(30) ? definitions() : nil)
    case 32..<44: return .remove(names(), path(), service)
    case 44..<54: return .define(definitions(), path(), service)
    case 54..<58: return .leave(service)
    case 58..<66: return .publish
    case 66..<68: return .restart(changed: services.filter { _ in Bool.random(using: &random) })
    default: return .ask(question())
    }
  }

  mutating func history(_ length: Int) -> [Operation] { (0..<length).map { _ in operation() } }
}
