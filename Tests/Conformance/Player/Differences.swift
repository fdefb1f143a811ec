// What two recordings differ in, said so that one can see it: the check, the call, and only the parts of the answers that are
// not the same.

import TestSupport

enum Differences {
  /// One text for each place where what was seen is not what was recorded.
  static func between(
    want: [CheckRecord], got: [CheckRecord], ignoring ignored: Scenario.Ignored = []
  ) -> [String] {
    guard want.count == got.count else { return ["\(want.count) checks recorded, \(got.count) played"] }
    var all: [String] = []
    for (number, (want, got)) in zip(want, got).enumerated() {
      func compare(_ what: String, _ want: Value?, _ got: Value?) {
        if want != got { all.append(describe("check \(number): \(what)", want, got)) }
      }
      if !ignored.contains(.tree) {
        compare("tree", want.tree, got.tree)
        let unordered = ignored.contains(.endpointOrder)
        compare("endpoints", pairs(want.endpoints, unordered: unordered), pairs(got.endpoints, unordered: unordered))
      }
      if !ignored.contains(.signals) {
        for path in Set(want.signals.keys).union(got.signals.keys).sorted(by: bytesBefore) {
          compare("signals of \(path)", want.signals[path], got.signals[path])
        }
      }
      let seen = Dictionary(got.calls.map { ($0.call, $0.answer) }) { _, last in last }
      for (call, answer) in want.calls { compare(call.description, answer, seen[call]) }
    }
    return all
  }

  private static func pairs(_ endpoints: [(path: String, answer: Value)], unordered: Bool) -> Value {
    .array(
      endpoints.map { path, answer in
        guard unordered, let list = answer["reply"]?[0]?.strings else { return [.string(path), answer] }
        return [
          .string(path),
          ["signature": answer["signature"] ?? .null, "reply": [Value(list.sorted(by: bytesBefore))]],
        ]
      })
  }

  private static func describe(_ what: String, _ want: Value?, _ got: Value?) -> String {
    guard let want else { return "\(what)\n    not recorded, but got \(cut(got!))" }
    guard let got else { return "\(what)\n    missing; want \(cut(want))" }
    var lines = narrowed(want, got, at: "")
    if lines.count > 6 { lines = lines.prefix(5) + ["and \(lines.count - 5) more differences"] }
    return ([what] + lines.map { "    " + $0 }).joined(separator: "\n")
  }

  private static func cut(_ value: Value) -> String {
    let text = value.json
    return text.count <= 300 ? text : "\(text.prefix(300))..."
  }

  /// The innermost places that differ.
  private static func narrowed(_ want: Value, _ got: Value, at place: String) -> [String] {
    if want == got { return [] }
    func inside(_ name: String) -> String { place.isEmpty ? name : "\(place) > \(name)" }
    let prefix = place.isEmpty ? "" : "\(place): "
    if let w = members(want), let g = members(got) {
      let lines = w.flatMap { name, value in
        g.first { $0.name == name }.map { narrowed(value, $0.value, at: inside(name)) }
          ?? ["\(prefix)missing: \(name) \(cut(value))"]
      }
      let extra = g.filter { member in !w.contains { $0.name == member.name } }
      let all = lines + extra.map { "\(prefix)not wanted: \($0.name) \(cut($0.value))" }
      return all.isEmpty ? ["\(prefix)want the order \(w.map(\.name)), got \(g.map(\.name))"] : all
    }
    if let w = want.strings, let g = got.strings, w.count + g.count > 0 {
      let missing = w.filter { !g.contains($0) }
      let extra = g.filter { !w.contains($0) }
      let lines =
        (missing.isEmpty ? [] : ["\(prefix)missing: \(cut(Value(missing)))"])
        + (extra.isEmpty ? [] : ["\(prefix)not wanted: \(cut(Value(extra)))"])
      return lines.isEmpty ? ["\(prefix)want \(cut(want)), got \(cut(got))"] : lines
    }
    if let w = want.array, let g = got.array, w.count == g.count {
      return zip(w, g).enumerated().flatMap { narrowed($1.0, $1.1, at: w.count == 1 ? place : inside("\($0)")) }
    }
    return ["\(prefix)want \(cut(want))", "\(prefix)got  \(cut(got))"]
  }

  /// The members of an object, or of a list of [name, value] pairs with different names.
  private static func members(_ value: Value) -> [(name: String, value: Value)]? {
    if let object = value.object { return object.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
    guard let array = value.array, !array.isEmpty else { return nil }
    let pairs = array.compactMap { pair in
      pair.array?.count == 2 ? pair[0]?.string.map { (name: $0, value: pair[1]!) } : nil
    }
    return pairs.count == array.count && Set(pairs.map(\.name)).count == pairs.count ? pairs : nil
  }
}
