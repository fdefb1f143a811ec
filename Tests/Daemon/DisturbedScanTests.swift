// Scans that are disturbed: signals that cross an answer, names that change hands, answers that do not come.

import TestSupport
import Testing

@Suite("Disturbed scans", .lane)
struct DisturbedScanTests {
  /// A mapper on a bus, ready to be asked.
  private func start(maxReplies: Int = 50000) throws -> (World, Witness) {
    let world = try World(maxReplies: maxReplies)
    let witness = try Witness(in: world)
    try world.startMapper()
    try witness.awaitMapper()
    return (world, witness)
  }

  /// A service with `/s/a` and `/s/held`, whose introspection waits; returns when the mapper has asked for it.
  private func startHeld(_ world: World, _ witness: Witness) throws -> (FakeService, Gate) {
    let gate = Gate(introspectionOf: "/s/held")
    let service = try world.start(
      ServiceScript("com.held", objects: ["/s/a": ["i.one"], "/s/held": ["i.two"]]), intercept: gate.intercept)
    try witness.await { gate.isHolding }
    return (service, gate)
  }

  @Test("An object that goes and comes back during the scan is there")
  func removedAndAdded() throws {
    let (world, witness) = try start()
    let (service, gate) = try startHeld(world, witness)
    try service.remove(Interfaces.standard + ["i.one"], from: "/s/a")
    try service.add(["i.again"], to: "/s/a")
    try gate.open(service.document)
    try witness.awaitScan(of: "com.held")
    let reply = try witness.call("GetObject", "sas", ["/s/a", []])
    #expect(reply.values == [[["com.held", ["i.again"]]]])
  }

  @Test("A removal that came before the object's own answer does not count against it")
  func removedBeforeAnswer() throws {
    let (world, witness) = try start()
    let (service, gate) = try startHeld(world, witness)
    try service.emit("/", Interfaces.manager, "InterfacesRemoved", "oas", ["/s/held", ["i.two"]])
    try gate.open(service.document)
    try witness.awaitScan(of: "com.held")
    let reply = try witness.call("GetObject", "sas", ["/s/held", ["i.two"]])
    #expect(reply.errorName == nil)
  }

  @Test("A name that changes hands during the scan shows what its new owner has")
  func changesHands() throws {
    let (world, witness) = try start()
    let (old, _) = try startHeld(world, witness)
    old.stop()
    let new = try world.start(ServiceScript("com.held", objects: ["/s/b": ["i.one"]]))
    try witness.awaitScan(of: "com.held")
    #expect(try witness.paths(below: "/s") == ["/s/b"])
    withExtendedLifetime(new) {}
  }

  @Test("An object that does not answer keeps back neither the others nor, when it answers at last, itself")
  func timedOut() throws {
    let (world, witness) = try start()
    var isFirst = true
    let gate = Gate(introspectionOf: "/s/slow")
    let service = try world.start(ServiceScript("com.slow", objects: ["/s/a": ["i.one"], "/s/slow": ["i.two"]])) {
      call in
      guard call.message.member == "Introspect", call.message.path == "/s/slow", isFirst else {
        return gate.intercept(call)
      }
      isFirst = false
      // What sd-bus itself makes of a time-out.
      try? call.fail("org.freedesktop.DBus.Error.NoReply", "Method call timed out")
      return true
    }
    try witness.await { try gate.isHolding && witness.knows("/s/a") }
    #expect(try !witness.knows("/s/slow"))
    #expect(!witness.scanned.contains("com.slow"))
    try gate.open(service.document)
    try witness.awaitScan(of: "com.slow")
    #expect(try witness.knows("/s/slow"))
  }

  @Test("A service that never answers is given up, and the others are scanned")
  func silent() throws {
    let (world, witness) = try start()
    let silent = try world.start(ServiceScript("com.silent")) { call in
      guard call.message.member == "Introspect" else { return false }
      try? call.fail("org.freedesktop.DBus.Error.NoReply", "Method call timed out")
      return true
    }
    let sane = try world.start(ServiceScript("com.sane", objects: ["/sane": ["i.one"]]))
    try witness.awaitScan(of: "com.sane")
    try witness.awaitScan(of: "com.silent")
    #expect(silent.calls <= 8)
    #expect(world.mapperLog.contains("com.silent does not answer"))
    withExtendedLifetime(sane) {}
  }
}
