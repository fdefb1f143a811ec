// Association objects on the bus: the interface xyz.openbmc_project.Association with its property `endpoints`, and the
// signals when one comes, changes or goes.
//
// There may be thousands, so none is registered: one fallback table serves all paths, and the database says which
// exist. Over 100 endpoints, the property's change is told at most once a second, as each tells the whole list.

import Bus
import BusReplies
import CLibSystemd
import CSDBus
import CSystem
import Database

/// Property updates that wait for their time.
struct DelayedUpdates {
  /// Microseconds between two updates of one association.
  static let interval: UInt64 = 1_000_000

  private var waiting: [(path: ObjectPath, due: UInt64)] = []

  /// The earliest of them, in microseconds of CLOCK_MONOTONIC. Each waits equally long, so they are due in their order.
  var deadline: UInt64 { waiting.first?.due ?? .max }

  /// An association has changed; the update is due a second after the first change that has not been told.
  mutating func add(_ path: ObjectPath, at now: UInt64) {
    guard !waiting.contains(where: { $0.path == path }) else { return }
    waiting.append((path, now + Self.interval))
  }

  mutating func remove(_ path: ObjectPath) { waiting.removeAll { $0.path == path } }

  /// The next whose time has come.
  mutating func next(dueAt now: UInt64) -> ObjectPath? {
    now >= deadline ? waiting.removeFirst().path : nil
  }
}

extension Daemon {
  private static let interface: StaticString = "xyz.openbmc_project.Association"

  /// Sends what tells of one event.
  func send(_ event: AssociationEvent) {
    switch event {
    case .added(let path, let endpoints):
      sendAdded(path, endpoints)
      sendChanged(path, endpoints)
    case .changed(let path, let endpoints):
      sendChanged(path, endpoints)
    case .crowded(let path):
      updates.add(path, at: shm_now_us())
    case .removed(let path):
      updates.remove(path)
      sendRemoved(path)
    }
  }

  /// Sends the property updates whose time has come, as the endpoints are now.
  func sendUpdates(dueAt now: UInt64) {
    while let path = updates.next(dueAt: now) {
      var collector = PathCollector()
      guard (try? database.endpoints(of: path.bytes.span, &collector)) != nil else { continue }
      sendChanged(path, collector.paths)
    }
  }

  private func sendAdded(_ path: ObjectPath, _ endpoints: [ObjectPath]) {
    emit { () throws(BusError) in
      let signal = try connection.newSignal(
        from: ObjectPath("/"), "org.freedesktop.DBus.ObjectManager", "InterfacesAdded")
      try signal.append(path: path)
      try signal.appendArray(of: "{sa{sv}}") { () throws(BusError) in
        try signal.appendEntry("sa{sv}") { () throws(BusError) in
          try signal.append(Daemon.interface)
          try signal.appendEndpoints(endpoints)
        }
      }
      return signal
    }
  }

  private func sendChanged(_ path: ObjectPath, _ endpoints: [ObjectPath]) {
    emit { () throws(BusError) in
      let signal = try connection.newSignal(from: path, "org.freedesktop.DBus.Properties", "PropertiesChanged")
      try signal.append(Daemon.interface)
      try signal.appendEndpoints(endpoints)
      try signal.appendArray(of: "s") {}
      return signal
    }
  }

  private func sendRemoved(_ path: ObjectPath) {
    emit { () throws(BusError) in
      let signal = try connection.newSignal(
        from: ObjectPath("/"), "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved")
      try signal.append(path: path)
      try signal.appendArray(of: "s") { () throws(BusError) in try signal.append(Daemon.interface) }
      return signal
    }
  }

  // MARK: Objects

  /// Puts the association objects on the bus.
  func addAssociationObjects() throws(BusError) {
    let me = unsafe Unmanaged.passUnretained(self).toOpaque()
    let bus = unsafe connection.raw
    let table = unsafe csdbus_association_vtable { _, path, _, _, reply, me, _ in
      unsafe Daemon.behind(me).appendEndpoints(of: path!, to: reply!)
    }
    try unsafe check(
      sd_bus_add_fallback_vtable(
        bus, nil, "/", "xyz.openbmc_project.Association", table,
        { _, path, _, me, found, _ in
          guard unsafe Daemon.behind(me).hasAssociation(path!) else { return 0 }
          unsafe found!.pointee = me
          return 1
        }, me))
    // A node of its own hides what the root enumerates, so the mapper's own path has the enumerator at each level.
    try unsafe check(sd_bus_add_node_enumerator(bus, nil, "/", Daemon.enumerate, me))
    try unsafe check(sd_bus_add_node_enumerator(bus, nil, "/xyz", Daemon.enumerate, me))
    try unsafe check(sd_bus_add_node_enumerator(bus, nil, "/xyz/openbmc_project", Daemon.enumerate, me))
  }

  /// Lists the association objects below a path as C strings that sd-bus frees.
  private static let enumerate: sd_bus_node_enumerator_t = { _, prefix, me, nodes, _ in
    let daemon = unsafe Daemon.behind(me)
    daemon.settle()
    var collector = unsafe PathCollector(below: ObjectPath(cString: prefix!))
    daemon.database.visitAssociations(&collector)
    guard let list = unsafe calloc(collector.paths.count + 1, MemoryLayout<UnsafeRawPointer?>.stride) else {
      return -ENOMEM
    }
    let strings = unsafe list.assumingMemoryBound(to: UnsafeMutablePointer<CChar>?.self)
    for index in collector.paths.indices {
      unsafe strings[index] = collector.paths[index].withCString { unsafe strdup($0) }
    }
    unsafe nodes!.pointee = strings
    return 0
  }

  private func hasAssociation(_ path: UnsafePointer<CChar>) -> Bool {
    settle()
    let bytes = unsafe ObjectPath(cString: path).bytes
    var name: UnsafePointer<CChar>? = unsafe UnsafeRawPointer(Daemon.interface.utf8Start)
      .assumingMemoryBound(to: CChar.self)
    var nothing = PathCollector()
    return unsafe withUnsafePointer(to: &name) { names in
      unsafe (try? database.getObject(bytes.span, InterfaceNames(names, count: 1), &nothing)) != nil
    }
  }

  private func appendEndpoints(of path: UnsafePointer<CChar>, to reply: OpaquePointer) -> Int32 {
    settle()
    let bytes = unsafe ObjectPath(cString: path).bytes
    var writer = unsafe ReplyWriter(reply)
    writer.openArray("s")
    guard (try? database.endpoints(of: bytes.span, &writer)) != nil else { return -ENOENT }
    writer.close()
    return writer.result
  }
}

extension Message {
  /// A dictionary of properties with `endpoints` alone.
  fileprivate func appendEndpoints(_ endpoints: [ObjectPath]) throws(BusError) {
    try appendArray(of: "{sv}") { () throws(BusError) in
      try appendEntry("sv") { () throws(BusError) in
        try append("endpoints")
        try appendVariant("as") { () throws(BusError) in
          try appendArray(of: "s") { () throws(BusError) in
            for endpoint in endpoints { try append(endpoint) }
          }
        }
      }
    }
  }
}

/// Copies the paths of an answer, all or those below one path.
private struct PathCollector: AnswerVisitor {
  var paths: [ObjectPath] = []
  private let prefix: [UInt8]

  init() { prefix = [] }

  init(below path: ObjectPath) { prefix = path.bytes.count > 1 ? path.bytes + [UInt8(ascii: "/")] : [] }

  mutating func path(_ path: borrowing Text) {
    let found = ObjectPath(copying: path.bytes)
    if found.bytes.starts(with: prefix) { paths.append(found) }
  }

  mutating func beginObject(_ path: borrowing Text) {}
  mutating func endObject() {}
  mutating func beginService(_ name: borrowing Text) {}
  mutating func interface(_ name: borrowing Text) {}
  mutating func endService() {}
}
