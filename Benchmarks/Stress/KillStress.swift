// A daemon that is killed at any moment, again and again, while others read: they must not notice more than that it is gone.

import BenchSupport
import Database
import Foundation
import MapperClient
import TestSupport

final class KillStress {
  private static let readers = 8
  /// Objects of a service that stays all the time.
  private static let stable = 300

  private let world: World
  private let kind: PrivateBus.Kind
  private let times: Int

  init(_ kind: PrivateBus.Kind, times: Int) throws {
    world = try World(kind)
    Cleanup.shared.remove(world.folder.path)
    self.kind = kind
    self.times = times
  }

  func run() throws {
    let stable = startStable()
    let churn = (0..<2).map(startChurn)
    try world.startMapper()
    var options = Client.Options()
    options.poolPath = Name(Array(world.pool.utf8))
    options.address = Name(Array(world.address.utf8))
    options.mode = .fast
    let client = Client(options: options)
    guard world.loop.run(within: 10, until: { StableReader.isWhole(client, KillStress.stable) }) else {
      throw Failure("the mapper does not find the services: \(world.mapperLog)")
    }
    let (readers, lines) = try startReaders()
    world.loop.run(for: 0.2)

    var gaps = Samples()
    for _ in 0..<times {
      world.loop.run(for: Double.random(in: 0.005...0.15))
      let killed = now()
      world.mapper!.stop(signal: SIGKILL, within: 1)
      try world.startMapper()
      while client.isDaemonAlive != true {
        _ = client.generation  // looks for the new pool
        // A bus that has not yet noticed the death refuses the name.
        if !world.mapper!.isRunning { try world.startMapper() }
        guard now() - killed < 10 else { throw Failure("no daemon for 10 s: \(world.mapperLog.suffix(2000))") }
        usleep(200)
      }
      gaps.add((now() - killed) * 1e3)
    }
    world.loop.run(for: 0.3)
    for reader in readers { reader.send(SIGTERM) }
    var isBroken = false
    for (number, reader) in readers.enumerated() {
      let line = lines[number].next(timeout: 10) ?? "no word"
      let end = reader.wait(within: 5)
      print("reader \(number + 1): \(line), ended with \(end.map { "\($0)" } ?? "a hang")")
      if end != .exit(0) { isBroken = true }
    }
    print(
      String(
        format: "%@: %d times killed; without a live daemon: median %.1f ms, longest %.1f ms", kind.rawValue, times,
        gaps.median, gaps.values.max() ?? 0))
    stable.end()
    for service in churn { service.end() }
    if isBroken { throw Failure("a reader was disturbed") }
  }

  private func startReaders() throws -> ([Child], [LineReader]) {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let lines = (0..<KillStress.readers).map { _ in LineReader() }
    let readers = try lines.map { line in
      let child = try Child(
        [own, "reader", world.pool, world.address, "\(KillStress.stable)"], output: line.writer, error: 2)
      line.closeWriter()
      return child
    }
    return (readers, lines)
  }

  private func startStable() -> Background {
    let address = world.address
    return Background { me, loop in
      var script = ServiceScript("stress.stable")
      for n in 0..<KillStress.stable { script.add(["stress.Stable"], to: "/stable/object\(1000 + n)") }
      let service = try FakeService(script, at: address, on: loop)
      while !me.mustEnd { loop.run(for: 0.05) }
      service.stop()
    }
  }

  private func startChurn(_ number: Int) -> Background {
    let address = world.address
    return Background { me, loop in
      let service = try FakeService(ServiceScript("stress.churn\(number)"), at: address, on: loop)
      var n = 0
      while !me.mustEnd {
        n += 1
        try service.add(["stress.Churn"], to: "/churn/s\(number)/n\(n)")
        if n > 50 { try service.remove(["stress.Churn"], from: "/churn/s\(number)/n\(n - 50)") }
        loop.run(for: 0.001)
      }
      service.stop()
    }
  }
}
