// A program as there are many on a BMC: it has a connection to the bus, hears signals, and asks the mapper about them. Here
// through the in-process client, attached to its connection.

import BenchSupport
import CLibSystemd
import Database
import Foundation
import MapperClient
import TestSupport

final class Listener {
  struct Counts {
    var onArrival = 0
    var older = 0
    var failed = 0
    var inProcess = 0
    var all = 0
    var share: Double { all == 0 ? 0 : Double(inProcess) / Double(all) }
  }

  private var bus: OpaquePointer?
  private var client: Client! = nil
  private let deeds: Shared<Deeds>
  private var counts = Counts()
  private var reported: (inProcess: UInt64, overBus: UInt64) = (0, 0)
  private(set) var older = 0
  private(set) var failed = 0
  /// An object of each service that is alive, by the service's name.
  private var last: [String: String] = [:]

  init(address: String, pool: String, mode: Client.Mode, deeds: Shared<Deeds>) throws {
    self.deeds = deeds
    sd_bus_new(&bus)
    sd_bus_set_address(bus, address)
    sd_bus_set_bus_client(bus, 1)
    guard sd_bus_start(bus) >= 0 else { throw Failure("no bus at \(address)") }
    let me = Unmanaged.passUnretained(self).toOpaque()
    let rules = [
      "type='signal',interface='org.freedesktop.DBus.ObjectManager'",
      "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'",
    ]
    for rule in rules {
      let result = sd_bus_add_match(
        bus, nil, rule,
        { message, me, _ in
          Unmanaged<Listener>.fromOpaque(me!).takeUnretainedValue().hear(message!)
          return 0
        }, me)
      guard result >= 0 else { throw Failure("cannot subscribe") }
    }
    var options = Client.Options()
    options.poolPath = Name(Array(pool.utf8))
    options.address = Name(Array(address.utf8))
    options.mode = mode
    client = unsafe Client(bus: bus, options: options)
  }

  deinit {
    client = nil
    sd_bus_flush_close_unref(bus)
  }

  /// Handles what arrives.
  func process(for seconds: Double) {
    let end = now() + seconds
    while now() < end {
      while now() < end, sd_bus_process(bus, nil) > 0 {}
      sd_bus_wait(bus, 5000)
    }
  }

  /// Asks all the time, as a program does that has much to look up and hears little.
  func askWhileQuiet(for seconds: Double) {
    let end = now() + seconds
    while now() < end {
      while sd_bus_process(bus, nil) > 0 {}
      _ = exists("/xyz")
      usleep(200)
    }
  }

  /// What happened since the last time.
  func take() -> Counts {
    let total = client.statistics
    defer {
      reported = (total.inProcess, total.overBus)
      older += counts.older
      failed += counts.failed
      counts = Counts()
    }
    counts.inProcess = Int(total.inProcess - reported.inProcess)
    counts.all = counts.inProcess + Int(total.overBus - reported.overBus)
    return counts
  }

  // MARK: Signals

  private func hear(_ message: OpaquePointer) {
    var text: UnsafePointer<CChar>?
    let member = String(cString: sd_bus_message_get_member(message))
    let type = member == "NameOwnerChanged" ? "s" : "o"
    guard sd_bus_message_read_basic(message, CChar(UInt8(ascii: type.unicodeScalars.first!)), &text) > 0, let text
    else {
      return
    }
    let subject = String(cString: text)
    switch member {
    case "NameOwnerChanged":
      guard subject.hasPrefix("stress.s") else { return }
      var new: UnsafePointer<CChar>?
      sd_bus_message_skip(message, "s")
      sd_bus_message_read_basic(message, CChar(UInt8(ascii: "s")), &new)
      guard let new, new.pointee == 0, let path = last.removeValue(forKey: subject) else { return }
      // The name is gone, and with it all that it showed.
      look(path, isThere: false)
    case "InterfacesAdded":
      guard subject.hasPrefix("/stress/") else { return }
      let parts = subject.split(separator: "/")[1].split(separator: "_")
      if parts.count == 2 { last["stress.\(parts[0]).life\(parts[1])"] = subject }
      look(subject, isThere: true)
      deeds.with { $0.seen += 1 }
    case "InterfacesRemoved":
      guard subject.hasPrefix("/stress/") else { return }
      look(subject, isThere: false)
      deeds.with {
        $0.seen += 1
        $0.ending.remove(subject)
      }
    default: return
    }
  }

  /// Looks up what was just heard of, at once and now and then once more a little later: about the time at which the mapper has
  /// caught up, and the pool may answer again.
  private func look(_ path: String, isThere: Bool) {
    counts.onArrival += 1
    if isOlder(path, isThere: isThere) { counts.older += 1 }
    guard counts.onArrival % 16 == 0 else { return }
    usleep(.random(in: 0...3000))
    if isOlder(path, isThere: isThere) { counts.older += 1 }
  }

  private func isOlder(_ path: String, isThere: Bool) -> Bool {
    guard let exists = exists(path) else { return false }
    // Not there: only right if its end has begun meanwhile, which is asked afterwards.
    return isThere ? !exists && !deeds.with { $0.ending.contains(path) } : exists
  }

  /// Whether the mapper knows an object as one that was announced; nil: no answer. (A scan also sees the interfaces that every
  /// D-Bus library adds, and those are never taken back.)
  private func exists(_ path: String) -> Bool? {
    do throws(LookupError) {
      return try !client.getObject(Name(Array(path.utf8)), interfaces: ["stress.Object"]).isEmpty
    } catch {
      if error == .resourceNotFound { return false }
      counts.failed += 1
      return nil
    }
  }
}
