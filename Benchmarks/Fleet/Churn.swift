// A service whose objects come and go by signal, for stress tests: `--churn N` changes N times a second.
//
// It keeps up to 256 sensors under .../sensors/churn. Each change adds the next one or, from then on, takes the oldest away in
// turn, so that the number stays the same and no path is used twice in a row.

import BenchSupport
import Foundation

final class Churn {
  static let name = "xyz.openbmc_project.Churn"
  private static let live = 256
  private static let interfaces = [
    "xyz.openbmc_project.Sensor.Value", "xyz.openbmc_project.State.Decorator.Availability",
  ]

  private let service: Service
  private var oldest = 0
  private var next = 0
  private let perTick: Int

  init(perSecond: Int, address: String, loop: EventLoop) throws {
    service = try Service(name: Churn.name, objects: [:], address: address, loop: loop)
    // Ticks of 10 ms as soon as each has something to do.
    let ticks = min(perSecond, 100)
    perTick = perSecond / ticks
    try loop.every(UInt64(1_000_000 / ticks)) { [unowned self] in tick() }
  }

  private func tick() {
    for _ in 0..<perTick {
      if next - oldest < Churn.live {
        service.emitAdded(path(next), Churn.interfaces)
        next += 1
      } else {
        service.emitRemoved(path(oldest), Churn.interfaces)
        oldest += 1
      }
    }
    var objects: [String: Tree.Object] = [:]
    for number in oldest..<next { objects[path(number)] = Tree.Object(ifaces: Churn.interfaces) }
    service.replace(objects: objects)
  }

  private func path(_ number: Int) -> String { "/xyz/openbmc_project/sensors/churn/churn_\(number % 4096)" }
}
