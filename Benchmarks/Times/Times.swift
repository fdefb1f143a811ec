// The three lookups that have a goal, made and timed.

import CSystem
import Database
import MapperClient

struct Times {
  private static let samples = 30
  private let client = Client()
  private let sensor: ObjectPath
  private let root: ObjectPath = "/"
  private let interface: [InterfaceName] = ["xyz.openbmc_project.Sensor.Value"]

  init(sensor: ObjectPath) { self.sensor = sensor }

  func run() -> Bool {
    do throws(LookupError) {
      try withNames(interface) { names throws(LookupError) in
        var counter = Counter()
        try measure("object", calls: 2000) { () throws(LookupError) in
          counter = Counter()
          try client.ask(.getObject(sensor.bytes.span, names), &counter)
          return counter.services
        }
        try measure("visited", calls: 50) { () throws(LookupError) in
          counter = Counter()
          try client.ask(.getSubTreePaths(root.bytes.span, names), &counter)
          return counter.paths
        }
        try measure("copied", calls: 50) { () throws(LookupError) in
          _ = try client.answer(.getSubTreePaths(root.bytes.span, names))
          return counter.paths
        }
      }
    } catch { return false }
    say("over-bus", Int(client.statistics.overBus))
    return true
  }

  @inline(__always)
  private func measure(
    _ what: StaticString, calls: Int, _ body: () throws(LookupError) -> Int
  ) throws(LookupError) {
    for _ in 0..<Times.samples {
      let start = processorNanoseconds()
      var answers = 0
      for _ in 0..<calls { answers = try body() }
      say(what, answers, (processorNanoseconds() - start) / calls)
    }
  }
}

/// What this thread has used so far.
private func processorNanoseconds() -> Int {
  var time = timespec()
  unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Int(time.tv_sec) * 1_000_000_000 + Int(time.tv_nsec)
}

private func say(_ what: StaticString, _ numbers: Int...) {
  var line = ByteString(what).bytes
  for number in numbers {
    line.append(UInt8(ascii: " "))
    var digits: [UInt8] = []
    var left = number
    repeat {
      digits.append(UInt8(ascii: "0") + UInt8(left % 10))
      left /= 10
    } while left > 0
    while let digit = digits.popLast() { line.append(digit) }
  }
  line.append(UInt8(ascii: "\n"))
  unsafe _ = line.withUnsafeBytes { unsafe write(1, $0.baseAddress, $0.count) }
}

/// Looks at each piece in place.
private struct Counter: ClientVisitor {
  private(set) var paths = 0
  private(set) var services = 0
  private var bytes = 0

  mutating func restart() { self = Counter() }
  mutating func beginObject(_ path: borrowing Text) {}
  mutating func endObject() {}
  mutating func beginService(_ name: borrowing Text) {
    services += 1
    bytes += name.bytes.count
  }
  mutating func interface(_ name: borrowing Text) { bytes += name.bytes.count }
  mutating func endService() {}
  mutating func path(_ path: borrowing Text) {
    paths += 1
    bytes += path.bytes.count
  }
}
