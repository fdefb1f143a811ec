// What one process saw of one state, and whether that is a whole one.

import CSystem
import Database
import ShMap

struct Seen {
  /// The numbers under /churn/a and /churn/b, and the count that the state object names.
  var first: [Int] = []
  var second: [Int] = []
  var stated: Int?
  /// Objects in one answer about all of /churn, and whether the association of one pair leads to its twin.
  var objects = 0
  var twin: ObjectPath?
  var asked: ObjectPath?

  /// How many questions were asked.
  static let questions = 5

  init() {}

  /// All questions to the writer's own state.
  mutating func look(_ database: MapperDatabase) throws(QueryError) {
    var failure: QueryError?
    Seen.withItem { items in
      do throws(QueryError) {
        var collector = Collector()
        try database.getSubTreePaths(ObjectPath("/").bytes.span, depth: 0, items, &collector)
        sort(collector)
        var counter = Collector()
        try database.getSubTree(ObjectPath("/").bytes.span, depth: 0, items, &counter)
        objects = counter.objects
        var state = Collector()
        do throws(QueryError) { try database.getObject(Content.statePath.bytes.span, .none, &state) } catch {
          guard error == .resourceNotFound else { throw error }
        }
        stated = state.stated
        guard let number = first.last else { return }
        var ends = Collector()
        asked = Content.b(number)
        try database.endpoints(of: (Content.a(number).bytes + ByteString("/twin").bytes).span, &ends)
        twin = ends.paths.first
      } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// All questions to one published state.
  mutating func look(_ lookup: borrowing Lookup, _ random: inout Random) throws(PoolError) {
    var state = Collector()
    if try lookup.getObject(Content.statePath.bytes.span, .none, &state) { stated = state.stated }
    var failure: PoolError?
    Seen.withItem { items in
      do throws(PoolError) {
        var collector = Collector()
        if try lookup.getSubTreePaths(ObjectPath("/churn/a").bytes.span, depth: 1, items, &collector) {
          sort(collector)
        }
        collector = Collector()
        if try lookup.getSubTreePaths(ObjectPath("/churn/b/").bytes.span, depth: 0, items, &collector) {
          sort(collector)
        }
        var counter = Collector()
        if try lookup.getSubTree(ObjectPath("/churn").bytes.span, depth: 2, items, &counter) {
          objects = counter.objects
        }
      } catch { failure = error }
    }
    if let failure { throw failure }
    guard !first.isEmpty else { return }
    let number = first[random.below(first.count)]
    asked = Content.b(number)
    var ends = Collector()
    if try lookup.endpoints(of: (Content.a(number).bytes + ByteString("/twin").bytes).span, &ends),
      ends.paths.count == 1
    {
      twin = ends.paths.first
    }
  }

  var isWhole: Bool {
    first == second && objects == first.count + second.count && (stated ?? 0) == first.count && twin == asked
  }

  private mutating func sort(_ collector: Collector) {
    for path in collector.paths {
      guard path.bytes.count > 9, let number = ByteString([UInt8](path.bytes[9...])).number else { continue }
      if path.bytes[7] == 97 { first.append(Int(number)) } else { second.append(Int(number)) }
    }
  }

  private static func withItem(_ body: (InterfaceNames) -> Void) {
    unsafe Content.item.withCString { name in
      var name: UnsafePointer<CChar>? = unsafe name
      unsafe withUnsafePointer(to: &name) { unsafe body(InterfaceNames($0, count: 1)) }
    }
  }
}

/// Copies what the checks need of an answer.
struct Collector: AnswerVisitor {
  var paths: [ObjectPath] = []
  var objects = 0
  var stated: Int?

  mutating func beginObject(_ path: borrowing Text) { objects += 1 }
  mutating func endObject() {}
  mutating func beginService(_ name: borrowing Text) {}
  mutating func interface(_ name: borrowing Text) {
    let prefix = Content.count.bytes
    guard name.bytes.count > prefix.count else { return }
    let copy = InterfaceName(copying: name.bytes).bytes
    if copy.starts(with: prefix) { stated = ByteString([UInt8](copy[prefix.count...])).number.map { Int($0) } }
  }
  mutating func endService() {}
  mutating func path(_ path: borrowing Text) { paths.append(ObjectPath(copying: path.bytes)) }
}
