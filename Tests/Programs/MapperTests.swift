// mapper(1) as a process: waiting, getting a service, wrong arguments, and a mapper that comes, goes and comes again.

import Foundation
import TestSupport
import Testing

@Suite(.lane)
struct MapperTests {
  private let mapper: String
  init() throws { mapper = try Products.mapperTool() }

  @Test("wait ends with 0 when the last of its paths appears, and not before", arguments: PoolAccess.allCases)
  func wait(_ access: PoolAccess) throws {
    let world = try World()
    try world.startReadyMapper()
    let service = try world.start(ServiceScript("com.a", objects: ["/first": ["a.b"]]))
    #expect(try world.awaitPath("/first"))
    let wait = try Running([mapper, "wait", "/first", "/later/one", "/later/two"], in: world, access.environment)
    world.loop.run(for: 0.4)
    #expect(wait.isRunning)
    try service.add(["a.b"], to: "/later/one")
    world.loop.run(for: 0.3)
    #expect(wait.isRunning)
    try service.add(["a.b"], to: "/later/two")
    #expect(wait.end() == .exit(0))
    #expect(wait.output == "")
    #expect(wait.error == "")
  }

  @Test("wait for what is known ends at once", arguments: PoolAccess.allCases)
  func known(_ access: PoolAccess) throws {
    let world = try World()
    try world.startReadyMapper()
    let end = try world.run([mapper, "wait", "/xyz/openbmc_project/object_mapper"], access.environment, within: 2).end
    #expect(end == .exit(0))
  }

  @Test("wait also ends when a service appears that has the path", arguments: PoolAccess.allCases)
  func service(_ access: PoolAccess) throws {
    let world = try World()
    try world.startReadyMapper()
    let wait = try Running([mapper, "wait", "/a/b/c"], in: world, access.environment)
    world.loop.run(for: 0.3)
    let service = try world.start(ServiceScript("com.a", objects: ["/a/b/c": ["a.b"]]))
    #expect(wait.end() == .exit(0))
    #expect(service.names == ["com.a"])
  }

  @Test("a wait goes on while the mapper is killed and started again", arguments: PoolAccess.allCases)
  func restart(_ access: PoolAccess) throws {
    let world = try World()
    try world.startReadyMapper()
    let wait = try Running([mapper, "wait", "/late"], in: world, access.environment)
    world.loop.run(for: 0.3)
    world.stopMapper(signal: SIGKILL)
    world.loop.run(for: 0.3)
    #expect(wait.isRunning)
    try world.startReadyMapper()
    world.loop.run(for: 0.3)
    #expect(wait.isRunning)
    let service = try world.start(ServiceScript("com.a", objects: ["/late": ["a.b"]]))
    #expect(wait.end() == .exit(0))
    #expect(wait.error == "")
    #expect(service.names == ["com.a"])
  }

  @Test("a wait finds the pool of a mapper that was started after the old pool's file was removed")
  func removed() throws {
    let world = try World()
    try world.startReadyMapper()
    let wait = try Running([mapper, "wait", "/late"], in: world)
    world.loop.run(for: 0.3)
    world.stopMapper()
    unlink(world.pool)
    try world.startReadyMapper()
    let service = try world.start(ServiceScript("com.a", objects: ["/late": ["a.b"]]))
    #expect(wait.end() == .exit(0))
    #expect(service.names == ["com.a"])
  }

  @Test("a wait that began before the mapper ends after it has come", arguments: PoolAccess.allCases)
  func early(_ access: PoolAccess) throws {
    let world = try World()
    let wait = try Running([mapper, "wait", "/xyz"], in: world, access.environment)
    world.loop.run(for: 1.3)
    #expect(wait.isRunning)
    #expect(wait.error == "mapper: there is no mapper on the bus; trying again every second\n")
    try world.startReadyMapper()
    #expect(wait.end() == .exit(0))
  }

  @Test("a wait sleeps: unrelated changes of the tree wake the loop of none, and cost less than a millisecond each")
  func sleeps() throws {
    let world = try World()
    try world.startReadyMapper()
    let service = try world.start(ServiceScript("com.a"))
    let wait = try Running([mapper, "wait", "/never"], in: world)
    world.loop.run(for: 0.5)
    let before = ticks(of: wait.pid)
    for number in 0..<200 { try service.add(["a.b"], to: "/other/n\(number)") }
    world.loop.run(for: 0.5)
    #expect(try world.awaitPath("/other/n199"))
    #expect(wait.isRunning)
    #expect(ticks(of: wait.pid) - before < 0.02)
  }

  /// CPU seconds of a process.
  private func ticks(of pid: pid_t) -> Double {
    let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
    return tasks.reduce(0) { sum, task in
      let text = (try? String(contentsOfFile: "/proc/\(pid)/task/\(task)/schedstat", encoding: .utf8)) ?? "0"
      return sum + (Double(text.split(separator: " ").first ?? "0") ?? 0) / 1e9
    }
  }

  @Test("subtree-remove ends with 0 when the interface is gone from below", arguments: PoolAccess.allCases)
  func subtreeRemove(_ access: PoolAccess) throws {
    let world = try World()
    try world.startReadyMapper()
    let service = try world.start(
      ServiceScript("com.a", objects: ["/top/one": ["a.b", "a.c"], "/top/two": ["a.b"], "/else": ["a.b"]]))
    #expect(try world.awaitPath("/top/two"))
    let wait = try Running([mapper, "subtree-remove", "/top:a.b"], in: world, access.environment)
    world.loop.run(for: 0.3)
    try service.remove(["a.b"], from: "/top/one")
    world.loop.run(for: 0.3)
    #expect(wait.isRunning)
    try service.remove(["a.b"], from: "/top/two")
    #expect(wait.end() == .exit(0))
  }

  @Test("subtree-remove ends when the service leaves that shows the last", arguments: PoolAccess.allCases)
  func subtreeService(_ access: PoolAccess) throws {
    let world = try World()
    try world.startReadyMapper()
    let service = try world.start(ServiceScript("com.a", objects: ["/top/one": ["a.b"]]))
    #expect(try world.awaitPath("/top/one"))
    let wait = try Running([mapper, "subtree-remove", "/top:a.b"], in: world, access.environment)
    world.loop.run(for: 0.3)
    #expect(wait.isRunning)
    service.stop()
    #expect(wait.end() == .exit(0))
  }

  @Test("subtree-remove ends at once where nothing is", arguments: ["/nowhere:a.b", "/xyz:no.such"])
  func subtreeNothing(_ argument: String) throws {
    let world = try World()
    try world.startReadyMapper()
    #expect(try world.run([mapper, "subtree-remove", argument], within: 3).end == .exit(0))
  }

  @Test("subtree-remove without a mapper does not wait for one: 1")
  func subtreeNoMapper() throws {
    let world = try World()
    let run = try world.run([mapper, "subtree-remove", "/a:b.c"])
    #expect(run.end == .exit(1))
    #expect(run.error == "mapper: cannot wait: there is no mapper on the bus\n")
  }

  @Test("get-service prints the first service, with 0")
  func getService() throws {
    let world = try World()
    try world.startReadyMapper()
    let services = try ["com.b", "com.a"].map { try world.start(ServiceScript($0, objects: ["/shared": ["a.b"]])) }
    #expect(try world.awaitPath("/shared"))
    world.loop.run(for: 0.3)
    let run = try world.run([mapper, "get-service", "/shared"])
    #expect(run.end == .exit(0))
    #expect(run.output == "com.a\n")
    #expect(run.error == "")
    #expect(services.count == 2)
  }

  @Test(
    "get-service of an unknown path, or without a mapper, is said on standard error, with 1", arguments: [true, false])
  func getServiceFails(_ hasMapper: Bool) throws {
    let world = try World()
    if hasMapper { try world.startReadyMapper() }
    let run = try world.run([mapper, "get-service", "/nope"])
    #expect(run.end == .exit(1))
    #expect(run.output == "")
    #expect(
      run.error == "mapper: no service for /nope: "
        + (hasMapper ? "the mapper does not know it\n" : "there is no mapper on the bus\n"))
  }

  @Test(
    "wrong arguments: the usage on standard error, with 1",
    arguments: [
      ([], "COMMAND"), (["nonsense"], "COMMAND"), (["wait"], "wait PATH"), (["get-service"], "get-service PATH"),
      (["get-service", "/a", "/b"], "get-service PATH"),
      (["subtree-remove"], "subtree-remove NAMESPACE:INTERFACE"),
      (["subtree-remove", "/a:b", "/c:d"], "subtree-remove NAMESPACE:INTERFACE"),
    ] as [([String], String)])
  func usage(_ arguments: [String], _ expected: String) throws {
    let run = try Run([mapper] + arguments, environment: ["DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"])
    #expect(run.end == .exit(1))
    #expect(run.output == "")
    #expect(run.error.hasPrefix("Usage: "))
    #expect(run.error.contains(expected))
  }

  @Test("subtree-remove without a colon is refused, with 1", arguments: ["/a", ":", "/a:", ":a.b"])
  func noColon(_ argument: String) throws {
    let run = try Run([mapper, "subtree-remove", argument])
    #expect(run.end == .exit(1))
    #expect(run.error == "mapper: '\(argument)' is no NAMESPACE:INTERFACE\n")
  }

  @Test("help goes to standard output, with 0")
  func help() throws {
    let run = try Run([mapper, "--help"])
    #expect(run.end == .exit(0))
    #expect(run.output.contains("subtree-remove NAMESPACE:INTERFACE"))
    #expect(run.error == "")
  }

  @Test(
    "no bus: one line, with 1", arguments: [["wait", "/a"], ["get-service", "/a"], ["subtree-remove", "/a:b.c"]])
  func noBus(_ arguments: [String]) throws {
    let run = try Run([mapper] + arguments, environment: ["DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"])
    #expect(run.end == .exit(1))
    #expect(run.output == "")
    #expect(run.error == "mapper: the system bus cannot be reached: No such file or directory\n")
  }
}
