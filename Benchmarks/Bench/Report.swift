// What was measured: lines in sections, for one tree, by one or more mappers; and how it is written down.
//
// A new section needs nothing here: it adds measurements under its own title.

import BenchSupport
import Foundation

/// One line of a table, measured on one mapper.
struct Measurement {
  var tree: String
  var section: String
  var line: String
  /// Of median and p95: "us", "ms", "s", "KB".
  var unit: String
  /// Which mapper: "shmapper", or what the other one was called.
  var subject: String
  /// How many items the answer had, where there is an answer.
  var answers: Int?
  var samples: Samples
  /// CPU microseconds that the mapper itself used for one call, where there are calls. Tells more than the time on a
  /// machine that does other work.
  var cpu: Samples?
}

/// A number to reach, as docs/benchmarks.md explains it.
struct Goal {
  var tree: String
  var what: String
  /// "at most" or "at least" and the bound.
  var bound: Bound
  var measured: Double
  var unit: String

  enum Bound {
    case atMost(Double)
    case atLeast(Double)
  }

  var isReached: Bool {
    switch bound {
    case .atMost(let limit): measured <= limit
    case .atLeast(let limit): measured >= limit
    }
  }

  var wanted: String {
    switch bound {
    case .atMost(let limit): "at most \(number(limit))\(unit)"
    case .atLeast(let limit): "at least \(number(limit))\(unit)"
    }
  }
}

struct Report {
  /// Where and when: the same line stands in the JSON and in the documentation.
  let conditions: Conditions
  private(set) var measurements: [Measurement] = []
  private(set) var goals: [Goal] = []
  /// Tree name -> its size in words.
  private(set) var trees: [(name: String, size: String)] = []

  init(conditions: Conditions) { self.conditions = conditions }

  mutating func addTree(_ name: String, size: String) { trees.append((name, size)) }
  mutating func add(_ goal: Goal) { goals.append(goal) }

  /// Samples of a line that is there already are added to it: rounds come one after another.
  mutating func add(_ measurement: Measurement) {
    let known = measurements.firstIndex { other in
      other.tree == measurement.tree && other.section == measurement.section && other.line == measurement.line
        && other.subject == measurement.subject
    }
    guard let known else { return measurements.append(measurement) }
    measurements[known].samples.add(measurement.samples)
    if let cpu = measurement.cpu { measurements[known].cpu?.add(cpu) }
  }

  func measurement(_ tree: String, _ line: String, _ subject: String) -> Measurement? {
    measurements.first { $0.tree == tree && $0.line == line && $0.subject == subject }
  }

  /// The tables of one tree as Markdown, which also is what the terminal shows.
  func markdown(of tree: String) -> String {
    var text = "\(trees.first { $0.name == tree }?.size ?? "")\n\(conditions.sentence)\n"
    let mine = measurements.filter { $0.tree == tree }
    for section in uniqued(mine.map(\.section)) {
      text += "\n" + table(section, mine.filter { $0.section == section })
    }
    let reached = goals.filter { $0.tree == tree }
    if !reached.isEmpty {
      let rows = reached.map { goal in
        [goal.what, goal.wanted, "\(number(goal.measured))\(goal.unit)", goal.isReached ? "yes" : "no"]
      }
      text += "\n" + aligned([["goal", "wanted", "measured", "reached"]] + rows)
    }
    return text
  }

  private func table(_ section: String, _ lines: [Measurement]) -> String {
    let subjects = uniqued(lines.map(\.subject))
    let hasCPU = lines.contains { $0.cpu != nil }
    func numbers(_ measurement: Measurement?) -> [String] {
      guard let measurement else { return Array(repeating: "", count: hasCPU ? 3 : 2) }
      return [number(measurement.samples.median), number(measurement.samples.p95)]
        + (hasCPU ? [measurement.cpu.map { number($0.median) } ?? ""] : [])
    }
    let heads = ["median", "p95"] + (hasCPU ? ["mapper's CPU"] : [])
    var rows = [[section, "answers", "unit"] + heads]
    for other in subjects.dropFirst() { rows[0] += ["\(other): median"] + heads.dropFirst() + ["times ours"] }
    for line in uniqued(lines.map(\.line)) {
      let same = lines.filter { $0.line == line }
      guard let ours = same.first(where: { $0.subject == subjects[0] }) else { continue }
      var row = [line, ours.answers.map { "\($0)" } ?? "", ours.unit] + numbers(ours)
      for subject in subjects.dropFirst() {
        let other = same.first { $0.subject == subject }
        row += numbers(other) + [other.map { ratio($0, ours) } ?? ""]
      }
      rows.append(row)
    }
    return aligned(rows)
  }

  /// How many times ours another one's median is; says so when it did not even answer the same.
  private func ratio(_ other: Measurement, _ ours: Measurement) -> String {
    let times = number(other.samples.median / ours.samples.median)
    return other.answers == ours.answers ? times : "\(times) (\(other.answers ?? 0) answers)"
  }

  /// Everything, for other programs.
  func json() throws -> Data {
    let object: [String: Any] = [
      "conditions": conditions.dictionary,
      "trees": trees.map { ["name": $0.name, "size": $0.size] },
      "measurements": measurements.map { line in
        var entry: [String: Any] = [
          "tree": line.tree, "section": line.section, "line": line.line, "unit": line.unit, "mapper": line.subject,
          "median": line.samples.median, "p95": line.samples.p95, "samples": line.samples.count,
        ]
        if let answers = line.answers { entry["answers"] = answers }
        if let cpu = line.cpu { entry["cpuMedian"] = cpu.median }
        return entry
      },
      "goals": goals.map {
        ["tree": $0.tree, "what": $0.what, "wanted": $0.wanted, "measured": $0.measured, "reached": $0.isReached]
      },
    ]
    return try JSONSerialization.data(
      withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
  }
}

/// Three digits that mean something: no more is known.
func number(_ value: Double) -> String {
  guard value.isFinite else { return "-" }
  switch abs(value) {
  case 100...: return String(format: "%.0f", value)
  case 10..<100: return String(format: "%.1f", value)
  case 1..<10: return String(format: "%.2f", value)
  case 0: return "0"
  default: return String(format: "%.3f", value)
  }
}

private func uniqued(_ names: [String]) -> [String] {
  var seen: Set<String> = []
  return names.filter { seen.insert($0).inserted }
}

/// A Markdown table whose columns also line up as text: words to the left, numbers to the right.
private func aligned(_ rows: [[String]]) -> String {
  let columns = rows[0].indices
  let widths = columns.map { column in rows.map { $0[column].count }.max() ?? 0 }
  let isNumeric = columns.map { column in
    column > 0 && rows.dropFirst().allSatisfy { $0[column].isEmpty || $0[column].first!.isNumber || $0[column] == "-" }
  }
  func line(_ cells: [String]) -> String {
    let padded = columns.map { column in
      let space = String(repeating: " ", count: widths[column] - cells[column].count)
      return isNumeric[column] ? space + cells[column] : cells[column] + space
    }
    return "| " + padded.joined(separator: " | ") + " |\n"
  }
  let rule = columns.map { column in
    String(repeating: "-", count: max(3, widths[column]) - 1) + (isNumeric[column] ? ":" : "-")
  }
  return line(rows[0]) + "| " + rule.joined(separator: " | ") + " |\n" + rows.dropFirst().map(line).joined()
}
