// watch: what appears and goes, as it happens. Each line is one object of one service, or an interface of it, that came (+)
// or went (-).
//
// With a pool this sleeps on its generation; without, on the signals that may mean a change.

import CLibSystemd
import CSystem
import Database
import MapperClient

extension Session {
  func watch() throws(CommandError) -> Status {
    let root = path()
    let deadline = options.timeout.map { shm_now_us() &+ $0 }
    var signals: Signals?
    var known = try? state(below: root)
    var isMapperThere = known != nil
    if !isMapperThere { tell("the mapper does not answer") }
    while true {
      let now = shm_now_us()
      if let deadline, now >= deadline { return .timeIsOver }
      let left = min(deadline.map { $0 - now } ?? 1_000_000, 1_000_000)
      let seen = client.generation
      if seen != 0 {
        _ = client.waitForChange(since: seen, timeout: left)
      } else {
        if signals == nil { signals = try Signals(self) }
        signals!.wait(left)
      }
      guard screen.failure == 0 else { return .done }
      guard let current = try? state(below: root) else {
        if isMapperThere { tell("the mapper does not answer") }
        isMapperThere = false
        continue
      }
      if !isMapperThere { tell("the mapper answers") }
      isMapperThere = true
      showChanges(known ?? [], current)
      known = current
      screen.flush()
    }
  }

  private func tell(_ text: StaticString) {
    screen.flush()
    complain(ByteString(text))
  }

  /// Each service's interfaces on each object; no interface for the object itself. Sorted.
  private func state(below root: ObjectPath) throws(CommandError) -> [Fact] {
    let objects: [ObjectEntry]
    do throws(LookupError) {
      objects = try client.answer(Query(kind: .getSubTree, path: root)).objects
    } catch {
      if error == .resourceNotFound { return [] }
      throw .lookup(error)
    }
    var facts: [Fact] = []
    for object in objects {
      for entry in object.services {
        facts.append(Fact(path: object.path, service: entry.service, interfaces: entry.interfaces))
      }
    }
    return facts
  }

  private func showChanges(_ old: [Fact], _ new: [Fact]) {
    var (a, b) = (0, 0)
    while a < old.count || b < new.count {
      if b == new.count || (a < old.count && old[a].isBefore(new[b])) {
        show(old[a], old[a].interfaces, isNew: false)
        a += 1
      } else if a == old.count || new[b].isBefore(old[a]) {
        show(new[b], new[b].interfaces, isNew: true)
        b += 1
      } else {
        if old[a].interfaces != new[b].interfaces {
          let gone = old[a].interfaces.filter { !new[b].interfaces.contains($0) }
          let come = new[b].interfaces.filter { !old[a].interfaces.contains($0) }
          if !gone.isEmpty { show(old[a], gone, isNew: false) }
          if !come.isEmpty { show(new[b], come, isNew: true) }
        }
        a += 1
        b += 1
      }
    }
  }

  private func show(_ fact: Fact, _ interfaces: [InterfaceName], isNew: Bool) {
    guard options.json == .off else {
      // One line for each, whatever was asked for: whoever reads takes them line by line.
      var json = JSON(screen, .short)
      json.beginObject()
      json.key("event")
      json.string(isNew ? "added" : "removed")
      json.key("path")
      json.string(fact.path)
      json.key("service")
      json.string(fact.service)
      json.key("interfaces")
      json.strings(interfaces)
      json.endObject()
      return json.finish()
    }
    screen.add(isNew ? "+ " : "- ", isNew ? .good : .bad)
    screen.add(fact.path, .path)
    screen.add("  ")
    screen.add(fact.service, .service)
    for interface in interfaces where !interface.isStandard {
      screen.add(" ")
      screen.add(interface)
    }
    screen.newline()
  }
}

/// One object as one service shows it.
private struct Fact {
  var path: ObjectPath
  var service: ServiceName
  var interfaces: [InterfaceName]

  func isBefore(_ other: Fact) -> Bool {
    path != other.path ? path < other.path : service < other.service
  }
}

/// Wakes up on everything that may mean a change, on a connection of its own.
@safe
private final class Signals {
  private var bus: OpaquePointer?

  init(_ session: Session) throws(CommandError) {
    var result = unsafe session.openBus(&bus)
    let rules: [StaticString] = [
      "type='signal',interface='org.freedesktop.DBus.ObjectManager'",
      "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'",
      "type='signal',interface='xyz.openbmc_project.ObjectMapper.Private'",
    ]
    for rule in rules where result >= 0 {
      let text = unsafe UnsafeRawPointer(rule.utf8Start).assumingMemoryBound(to: CChar.self)
      result = unsafe sd_bus_add_match(bus, nil, text, nil, nil)
    }
    if result < 0 { throw .lookup(.noAnswer(-result)) }
  }

  deinit { unsafe sd_bus_flush_close_unref(bus) }

  /// Sleeps until signals have come, at most so many microseconds; waits for those that follow closely, too.
  func wait(_ longest: UInt64) {
    guard unsafe sd_bus_wait(bus, longest) > 0 else { return }
    usleep(50_000)
    while unsafe sd_bus_process(bus, nil) > 0 {}
  }
}
