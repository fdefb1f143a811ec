// The calls of a sweep: one of each kind for each path and each association of a tree, with arguments that vary by position.
// The recordings were made with exactly these.

import TestSupport

enum Battery {
  static func calls(listed: [MapperCall], sweep: Bool, tree: CheckRecord) -> [MapperCall] {
    guard sweep else { return listed }
    let objects = tree.objects
    var names: Set<String> = []
    for object in objects { for service in object.services { names.formUnion(service.interfaces) } }
    let some = Array(names.subtracting(Interfaces.standard).sorted(by: bytesBefore).prefix(6))

    var calls = listed
    for (n, object) in objects.enumerated() {
      let path = Value.string(object.path)
      let one = some.slice(n % 6, 1)
      calls.append(MapperCall("GetObject", path, Value(n % 4 == 0 ? [] : some.slice(n % 3, 2))))
      calls.append(MapperCall("GetAncestors", path, Value(n % 8 == 0 ? [] : some.slice(n % 5, 1))))
      calls.append(MapperCall("GetSubTreePaths", path, Value(n % 3), Value(n % 2 == 0 ? [] : some.slice(0, 2))))
      calls.append(MapperCall("GetSubTree", path, Value(n % 4), Value(one.isEmpty ? ["none"] : one)))
    }
    for interface in some {
      calls.append(MapperCall("GetSubTree", "/", 0, Value([interface])))
      calls.append(MapperCall("GetSubTreePaths", "/", 0, Value([interface])))
    }
    for (n, association) in tree.endpoints.enumerated() {
      let path = Value.string(association.path)
      calls.append(MapperCall("GetAssociatedSubTree", path, "/", 0, Value(some.slice(n % 6, 2))))
      calls.append(MapperCall("GetAssociatedSubTreePaths", path, "/", Value(n % 4), []))
      let parts = association.path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      let leaf = Value.string(parts[parts.count - 2])
      let kind = Value.string(parts[parts.count - 1])
      let filter = Value(some.slice(n % 3, 1))
      calls.append(MapperCall("GetAssociatedSubTreeById", leaf, "/", filter, kind, Value(some)))
      calls.append(MapperCall("GetAssociatedSubTreePathsById", leaf, "/", filter, kind, Value(some)))
    }
    return calls
  }
}

extension Array where Element == String {
  /// At most `count` elements from `start` on; none beyond the end.
  fileprivate func slice(_ start: Int, _ count: Int) -> [String] { Array(dropFirst(start).prefix(count)) }
}

extension Value {
  fileprivate init(_ number: Int) { self = .int(Int64(number)) }
}
