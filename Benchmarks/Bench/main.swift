// bench: what `make bench` runs. Measures the daemon, and any other mapper beside it, on simulated BMCs.
//
// Environment:
//   TREES   names in Benchmarks/Trees, or flood, which is made by make_tree.py; default: small rainier stress
//   ROUNDS  how often each mapper is started on each tree; default 3. Mappers take turns, round by round. With 0, only what
//           needs no bus is measured, and no page is written
//   MAPPER  a shell command that starts another mapper
//   MAPPER_TOOL  a shell command that starts another `mapper`: its `wait` is measured beside ours, with MAPPER if that is given
// Results go to standard output, to bench-results/bench-DATE.json, and into docs/benchmarks.md.

import BenchSupport
import Foundation

import struct TestSupport.Run

Cleanup.shared.main("bench") { try run() }

func run() throws {
  let environment = ProcessInfo.processInfo.environment
  let names = (environment["TREES"] ?? "small rainier stress").split(separator: " ").map(String.init)
  guard let rounds = Int(environment["ROUNDS"] ?? "3"), rounds >= 0 else { throw Failure("ROUNDS wants a number") }
  var subjects = [Subject(name: "shmapper", command: Programs.shmapperd, isOurs: true)]
  if let other = environment["MAPPER"], !other.isEmpty {
    let program = other.split(separator: " ").first.map { ($0 as NSString).lastPathComponent } ?? other
    subjects.append(Subject(name: program == "shmapperd" ? "other shmapperd" : program, command: other))
  }

  var tools = [WaitingTool(name: "shmapper", command: try Programs.mapperTool, mapper: Programs.shmapperd)]
  if let other = environment["MAPPER_TOOL"], !other.isEmpty {
    tools.append(WaitingTool(name: "other mapper", command: other, mapper: subjects.last!.command))
  }

  var report = Report(conditions: Conditions(rounds: rounds))
  let page = Document(path: "docs/benchmarks.md")
  for name in names {
    let tree = try Tree(file: try file(ofTree: name))
    if rounds > 0 {
      let section = DBusSection(
        treeName: name, stage: try Stage(treeFile: try file(ofTree: name), fleet: Programs.fleet))
      for round in 1...rounds {
        for subject in subjects {
          progress("\(name): round \(round) of \(rounds), \(subject.name)")
          try section.run(subject, into: &report)
        }
      }
    }
    if name == "stress" {
      let waiters = WaitersSection(treeName: name, tree: tree, treeFile: try file(ofTree: name))
      for round in stride(from: 1, through: rounds, by: 1) {
        for tool in tools {
          progress("\(name): round \(round) of \(rounds), 101 waiting processes of \(tool.name)")
          try waiters.run(tool, into: &report)
        }
      }
    }
    try DatabaseSection(treeName: name, tree: tree).run(into: &report)
    report.addTree(name, size: size(of: tree))
    report.addGoals(of: name, tree, ours: subjects[0].name, other: subjects.dropFirst().first?.name)

    let text = report.markdown(of: name)
    print("\n\(name): \(text)")
    // The page shows shmapper by itself: whoever reads it cannot tell what another MAPPER was. Less than three rounds are a
    // quick look.
    if subjects.count == 1, rounds >= 3 { try page.replace(name, with: text) }
  }
  print("\nwritten to \(try write(report))")
}

/// The JSON file of a run; older ones stay.
func write(_ report: Report) throws -> String {
  try FileManager.default.createDirectory(atPath: "bench-results", withIntermediateDirectories: true)
  let stamp = report.conditions.date.filter(\.isNumber)
  let path = "bench-results/bench-\(stamp).json"
  try report.json().write(to: URL(fileURLWithPath: path))
  return path
}

func file(ofTree name: String) throws -> String {
  let kept = Programs.tree(name)
  if FileManager.default.fileExists(atPath: kept) { return kept }
  guard name == "flood" else { throw Failure("no tree \(name): there are small, rainier, stress and flood") }
  let folder = ".build/trees"
  let maker = try Run(["python3", "Benchmarks/Trees/make_tree.py", folder], within: 60)
  guard maker.end == .exit(0) else { throw Failure("make_tree.py: \(maker.error)") }
  return "\(folder)/flood.json"
}

func size(of tree: Tree) -> String {
  "\(tree.objectCount) objects of \(tree.services.count) services, \(tree.paths.count) paths, "
    + "\(tree.associations.count) association objects."
}

/// Says what goes on, on a terminal only.
func progress(_ text: String) {
  guard isatty(2) == 1 else { return }
  FileHandle.standardError.write(Data("\(text)\n".utf8))
}
