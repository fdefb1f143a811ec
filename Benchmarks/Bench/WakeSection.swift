// How soon a wait ends: from the moment at which a service announces an object to that at which another process, asleep until then, has
// been told of it. In between lie the bus, the mapper and its publication.

import BenchSupport
import CLibSystemd
import Foundation

import class TestSupport.Child

struct WakeSection {
  static let title = "a wait for one object"

  /// Who waits.
  enum Waiter: String, CaseIterable {
    case generation, event

    var title: String {
      switch self {
      case .generation: "from the announcement until shmapper_wait has returned and the object is found"
      case .event: "from the announcement until mapper_wait_async has called back"
      }
    }

    var library: String { self == .generation ? "libshmapper.so" : "liblibmapper.so" }
  }

  private static let count = 100

  let treeName: String
  let stage: Stage

  /// Waits on a mapper that has been running for a while.
  func run(_ mapper: MapperProcess, into report: inout Report) throws {
    let service = try Connection(address: stage.bus.address)
    try check(sd_bus_request_name(service.bus, "com.bench.wait", 0), "the name of a service")
    let end = ContinuousClock.now + .seconds(1)
    while ContinuousClock.now < end { try service.process(timeout: 0.01) }
    for waiter in Waiter.allCases {
      report.add(
        Measurement(
          tree: treeName, section: WakeSection.title, line: waiter.title, unit: "us", subject: "shmapper",
          samples: try measure(waiter, mapper, service)))
    }
  }

  private func measure(_ waiter: Waiter, _ mapper: MapperProcess, _ service: Connection) throws -> Samples {
    let lines = LineReader()
    let command = [
      Programs.beside("times-wait"), waiter.rawValue, Programs.installed(waiter.library), "\(WakeSection.count)",
    ]
    let child = try Child(
      command, environment: ["DBUS_SYSTEM_BUS_ADDRESS": stage.bus.address, "SHMAPPER_POOL": mapper.poolPath],
      output: lines.writer, error: 2)
    lines.closeWriter()
    func number(_ word: String) throws -> [Double] {
      guard let line = lines.next(timeout: 20), line.hasPrefix(word) else { throw Failure("times-wait does not go on") }
      return line.split(separator: " ").dropFirst().compactMap { Double($0) }
    }
    var samples = Samples()
    for round in 0..<WakeSection.count {
      _ = try number("waiting")
      // It sleeps by then, and the service has answered whatever it was asked.
      try service.process(timeout: 0.02)
      usleep(5_000)
      let announced = try announce("/wait/\(waiter.rawValue)/\(round)", by: service)
      guard let found = try number("found").last else { throw Failure("times-wait says nothing") }
      samples.add((found - announced) / 1e3)
    }
    guard child.wait(within: 5) == .exit(0) else { throw Failure("times-wait failed") }
    return samples
  }

  /// Sends InterfacesAdded; when, in nanoseconds of CLOCK_MONOTONIC.
  private func announce(_ path: String, by service: Connection) throws -> Double {
    var signal: OpaquePointer?
    try check(
      sd_bus_message_new_signal(
        service.bus, &signal, "/", "org.freedesktop.DBus.ObjectManager", "InterfacesAdded"), "a signal")
    let message = Message(taking: signal!)
    message.append(path: path)
    message.container("a", "{sa{sv}}") {
      message.container("e", "sa{sv}") {
        message.append("com.bench.Wait")
        message.container("a", "{sv}") {}
      }
    }
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    try check(sd_bus_send(service.bus, message.pointer, nil), "a signal")
    try check(sd_bus_flush(service.bus), "a signal")
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
  }
}
