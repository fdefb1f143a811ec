// The numbers that shmapper wants to reach, checked after each run. docs/benchmarks.md says why these.

import BenchSupport

extension Report {
  /// Adds the goals of one tree. `other` is the mapper that ran beside ours, if one did.
  mutating func addGoals(of treeName: String, _ tree: Tree, ours: String, other: String?) {
    func median(_ line: String, _ subject: String) -> Double? {
      measurement(treeName, line, subject)?.samples.median
    }
    func ratio(_ what: String, _ left: Double?, _ right: Double?, _ bound: Goal.Bound) {
      guard let left, let right else { return }
      add(Goal(tree: treeName, what: what, bound: bound, measured: left / right, unit: " times"))
    }
    let sensor = tree.firstPath(with: "xyz.openbmc_project.Sensor.Value") ?? "/"
    let object = Line.object(sensor).title

    ratio("GetObject against an empty method", median(object, ours), median(Line.ping.title, ours), .atMost(1.2))
    ratio(
      "GetSubTree of the whole tree with few answers, against GetObject", median(Line.fewAnswers.title, ours),
      median(object, ours), .atMost(2))
    if let resident = median(DBusSection.residentLine, ours), treeName == "stress" || treeName == "flood" {
      let limit: Double = treeName == "flood" ? 10 : 7
      add(
        Goal(
          tree: treeName, what: "resident, the pool in it", bound: .atMost(limit), measured: resident / 1024,
          unit: " MB"))
    }

    for question in InProcessSection.questions {
      for asker in InProcessSection.Asker.allCases {
        let line = InProcessSection.line(question.title, asker)
        guard let time = median(line, ours) else { continue }
        add(Goal(tree: treeName, what: line, bound: .atMost(question.goal), measured: time, unit: " us"))
      }
    }

    let (_, preloaded) = PreloadSection.questions[0]
    if let here = median(PreloadSection.line(preloaded, preloaded: true), ours) {
      let line = PreloadSection.line(preloaded, preloaded: true)
      add(Goal(tree: treeName, what: line, bound: .atMost(3), measured: here, unit: " us"))
      let there = median(PreloadSection.line(preloaded, preloaded: false), ours)
      ratio("\(line), against D-Bus", there, here, .atLeast(10))
    }
    if let with = median(PreloadSection.startLine(preloaded: true), ours),
      let without = median(PreloadSection.startLine(preloaded: false), ours)
    {
      let what = "the preload library's part in the start of a program without D-Bus"
      add(Goal(tree: treeName, what: what, bound: .atMost(1000), measured: with - without, unit: " us"))
    }

    for waiter in WakeSection.Waiter.allCases {
      guard let times = measurement(treeName, waiter.title, ours)?.samples else { continue }
      add(Goal(tree: treeName, what: "\(waiter.title), p95", bound: .atMost(1000), measured: times.p95, unit: " us"))
    }

    if let ours = median(WaitersSection.waitersLine, "shmapper"),
      let others = median(WaitersSection.waitersLine, "other mapper")
    {
      add(
        Goal(
          tree: treeName, what: "\(WaitersSection.waitersLine), against the other mapper", bound: .atMost(0.1),
          measured: ours / others, unit: " times"))
    }

    guard let other else { return }
    for (line, factor) in [(Line.fewAnswers, 10.0), (Line.sensors, 3), (Line.sensorPaths, 3)] {
      ratio("\(other)'s time for \(line.title)", median(line.title, other), median(line.title, ours), .atLeast(factor))
    }
    ratio(
      "\(DBusSection.wholeLine), against \(other)", median(DBusSection.wholeLine, ours),
      median(DBusSection.wholeLine, other), .atMost(1))
    ratio(
      "\(DBusSection.cpuLine), against \(other)", median(DBusSection.cpuLine, ours), median(DBusSection.cpuLine, other),
      .atMost(0.5))
  }
}
