// What one check of a scenario saw, or was recorded to see.

import TestSupport

struct CheckRecord {
  /// GetSubTree("/", 0, []).
  var tree: Value
  /// Each association object with its endpoints.
  var endpoints: [(path: String, answer: Value)]
  /// The mapper's signals since the check before, by the path that they are about.
  var signals: [String: Value]
  var calls: [(call: MapperCall, answer: Value)]

  /// All checks of a `NAME.golden.json`, in which each different answer stands once.
  static func all(_ golden: Value) throws -> [CheckRecord] {
    let answers = golden["answers"]?.array ?? []
    func answer(_ index: Value?) throws -> Value {
      guard let index = index?.int, answers.indices.contains(index) else {
        throw VectorError(description: "no such answer")
      }
      return answers[index]
    }
    return try (golden["checks"]?.array ?? []).map { check in
      CheckRecord(
        tree: try answer(check["tree"]),
        endpoints: try (check["endpoints"]?.array ?? []).map { ($0[0]?.string ?? "", try answer($0[1])) },
        signals: check["signals"]?.object ?? [:],
        calls: try (check["calls"]?.array ?? []).map { (try MapperCall($0), try answer($0[3])) })
    }
  }

  /// The objects of the tree: path, services, interfaces.
  var objects: [(path: String, services: [(name: String, interfaces: [String])])] {
    (tree["reply"]?[0]?.array ?? []).map { object in
      (
        object[0]?.string ?? "",
        (object[1]?.array ?? []).map { ($0[0]?.string ?? "", $0[1]?.strings ?? []) }
      )
    }
  }
}
