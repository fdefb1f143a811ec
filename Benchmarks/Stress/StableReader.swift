// A process that looks up, without pause, what is always there, and reports what it did not find.

import Database
import Foundation
import MapperClient
import TestSupport

final class StableReader {
  private let client: Client
  private let count: Int

  /// - words: the pool, the bus's address, and how many objects there are.
  init(_ words: [String]) {
    guard words.count == 3, let count = Int(words[2]) else { exit(2) }
    var options = Client.Options()
    options.poolPath = Name(Array(words[0].utf8))
    options.address = Name(Array(words[1].utf8))
    client = Client(options: options)
    self.count = count
  }

  /// Looks up until SIGTERM. Status 0: each answer was there and whole.
  func run() -> Int32 {
    let ends = DispatchSemaphore(value: 0)
    signal(SIGTERM, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: SIGTERM, queue: .global())
    source.setEventHandler { ends.signal() }
    source.resume()
    var (lookups, failed, torn) = (0, 0, 0)
    var longest = 0.0
    while ends.wait(timeout: .now()) == .timedOut {
      for n in 0..<50 {
        let start = now()
        do throws(LookupError) {
          if n % 10 == 0 {
            if try !StableReader.isWhole(client.getSubTreePaths("/stable", interfaces: ["stress.Stable"]), count) {
              torn += 1
            }
          } else {
            let path = ObjectPath(Array("/stable/object\(1000 + (lookups + n) % count)".utf8))
            let services = try client.getObject(path)
            if services.count != 1 || services[0].service != "stress.stable" { torn += 1 }
          }
        } catch {
          failed += 1
          if failed <= 3 { complain("stress reader: \(error)") }
        }
        longest = max(longest, now() - start)
      }
      lookups += 50
      // As if something had been heard: then D-Bus has to be tried, dead daemon or not.
      if lookups % 500 == 0 { client.note() }
      usleep(500)
    }
    let counts = client.statistics
    print(
      "\(lookups) lookups (\(counts.inProcess) in-process, \(counts.overBus) tried over D-Bus, "
        + "\(counts.fromLastState) from the last state), \(counts.pools) pools; failed \(failed), torn or empty \(torn); "
        + String(format: "longest %.1f ms", longest * 1e3))
    return failed == 0 && torn == 0 ? 0 : 1
  }

  /// Whether an answer has all objects, in order.
  private static func isWhole(_ paths: [ObjectPath], _ count: Int) -> Bool {
    guard paths.count == count else { return false }
    return (0..<count).allSatisfy { paths[$0] == ObjectPath(Array("/stable/object\(1000 + $0)".utf8)) }
  }

  static func isWhole(_ client: Client, _ count: Int) -> Bool {
    guard let paths = try? client.getSubTreePaths("/stable", interfaces: ["stress.Stable"]) else { return false }
    return isWhole(paths, count)
  }
}
