// The rule of no older answers, under load. Services announce objects, take them back and leave; a client hears of it and
// looks the object up at once. What it must find or not find is known, because no path is ever used twice and what is about to
// be taken back is written down before.

import BenchSupport
import Database
import Foundation
import MapperClient
import TestSupport

/// What the senders have done so far; written down before it is done.
struct Deeds {
  /// Paths whose end has begun.
  var ending: Set<String> = []
  var sent = 0
  var seen = 0
}

final class RuleStress {
  private static let senders = 4
  private static let eventsPerLife = 500
  /// How far the listener may be behind.
  private static let backlog = 3000

  private let world: World
  private let kind: PrivateBus.Kind
  private let events: Int
  private let isFast: Bool
  private let deeds = Shared(Deeds())

  init(_ kind: PrivateBus.Kind, events: Int, isFast: Bool) throws {
    world = try World(kind)
    Cleanup.shared.remove(world.folder.path)
    self.kind = kind
    self.events = events
    self.isFast = isFast
  }

  func run() throws {
    try world.startMapper()
    let asker = try world.connect()
    guard world.loop.run(within: 10, until: { (try? asker.nameHasOwner(mapperName)) == true }) else {
      throw Failure("the mapper does not start: \(world.mapperLog)")
    }
    let listener = try Listener(
      address: world.address, pool: world.pool, mode: isFast ? .fast : .exact, deeds: deeds)
    let load = startLoad()
    let start = now()
    let senders = (0..<RuleStress.senders).map(startSender)
    // Names that go come on top.
    while deeds.with({ $0.seen }) < events, now() - start < 600 { listener.process(for: 0.05) }
    for sender in senders { sender.end() }
    load.end()
    let drained = now() + 30
    while deeds.with({ $0.seen < $0.sent }), now() < drained { listener.process(for: 0.05) }
    report("under load, \(events) events in \(String(format: "%.1f", now() - start)) s", listener.take())

    let quiet = quietSender()
    listener.askWhileQuiet(for: 3)
    quiet.end()
    let calm = listener.take()
    report("quiet, an event each 100 ms", calm)
    guard listener.older == 0, listener.failed == 0 else { throw Failure("the rule is broken") }
    guard isFast || calm.share > 0.9 else { throw Failure("less than 90 % in-process on a quiet bus") }
  }

  private func report(_ title: String, _ counts: Listener.Counts) {
    print(
      "\(kind.rawValue), \(title): \(counts.onArrival) lookups on arrival, \(counts.all) in all; "
        + "\(counts.older) older answers, \(counts.failed) failed; "
        + String(format: "%.1f %% in-process", counts.share * 100))
  }

  /// Services that come, announce, take back, and leave.
  private func startSender(_ number: Int) -> Background {
    let (address, deeds) = (world.address, deeds)
    return Background { me, loop in
      var life = 0
      while !me.mustEnd {
        life += 1
        let folder = "/stress/s\(number)_\(life)"
        let service = try FakeService(ServiceScript("stress.s\(number).life\(life)"), at: address, on: loop)
        var alive: [String] = []
        for n in 0..<RuleStress.eventsPerLife where !me.mustEnd {
          while !me.mustEnd, deeds.with({ $0.sent - $0.seen }) > RuleStress.backlog { loop.run(for: 0.002) }
          if n % 2 == 0 || alive.count < 10 {
            alive.append("\(folder)/n\(n)")
            try service.add(["stress.Object"], to: alive.last!)
          } else {
            let path = alive.removeFirst()
            deeds.with { _ = $0.ending.insert(path) }
            try service.remove(["stress.Object"], from: path)
          }
          deeds.with { $0.sent += 1 }
        }
        deeds.with { deeds in
          for path in alive { deeds.ending.insert(path) }
          deeds.ending.insert(folder)
        }
        service.stop()
      }
    }
  }

  /// Someone who keeps the daemon busy with large answers.
  private func startLoad() -> Background {
    let address = world.address
    return Background { me, loop in
      let caller = try TestSupport.Connection(to: address, on: loop)
      while !me.mustEnd {
        _ = try caller.call(mapperName, mapperPath, mapperName, "GetSubTree", "sias", ["/", 0, []])
        loop.run(for: 0.002)
      }
    }
  }

  private func quietSender() -> Background {
    let address = world.address
    return Background { me, loop in
      let service = try FakeService(ServiceScript("stress.quiet"), at: address, on: loop)
      var n = 0
      while !me.mustEnd {
        n += 1
        try service.add(["stress.Object"], to: "/stress/quiet/n\(n)")
        loop.run(for: 0.1)
      }
      service.stop()
    }
  }
}

let mapperName = "xyz.openbmc_project.ObjectMapper"
let mapperPath = "/xyz/openbmc_project/object_mapper"
