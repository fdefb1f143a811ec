// The Swift client against a real daemon on a private bus: what it does beside giving the recorded answers.

import Database
import Foundation
import MapperClient
import TestSupport
import Testing

@Suite(.lane)
struct ClientTests {
  private static let fan = "/xyz/openbmc_project/sensors/fan0"

  /// A world with a service that shows one sensor, and a mapper that knows it.
  private func makeWorld() throws -> (World, FakeService) {
    let world = try World()
    let service = try world.start(ServiceScript("com.fans", objects: [Self.fan: ["i.sensor"]]))
    try world.startMapper()
    let client = client(world) { $0.source = .bus }
    let isKnown = world.loop.run(within: 10) { (try? client.getObject(path(Self.fan))) != nil }
    guard isKnown else { throw BusError("the mapper does not find the service: \(world.mapperLog)") }
    return (world, service)
  }

  private func client(_ world: World, _ change: (inout Client.Options) -> Void = { _ in }) -> Client {
    var options = Client.Options()
    options.poolPath = ByteString(Array(world.pool.utf8))
    options.address = ByteString(Array(world.address.utf8))
    change(&options)
    return Client(options: options)
  }

  private func path(_ text: String) -> ObjectPath { ObjectPath(Array(text.utf8)) }

  /// Waits until the client is answered by the pool.
  private func awaitPool(_ client: Client, _ world: World) {
    let isThere = world.loop.run(within: 5) {
      let before = client.statistics.inProcess
      _ = try? client.getObject(path(Self.fan))
      return client.statistics.inProcess > before
    }
    #expect(isThere, "the pool does not answer: \(client.statistics)")
  }

  @Test("once the mapper is up to date, lookups are answered in-process")
  func inProcess() throws {
    let (world, _) = try makeWorld()
    let client = client(world)
    awaitPool(client, world)
    let before = client.statistics
    for _ in 0..<1000 { #expect(try client.getObject(path(Self.fan)).map(\.service) == ["com.fans"]) }
    #expect(client.statistics.inProcess == before.inProcess + 1000)
    #expect(client.statistics.overBus == before.overBus)
    #expect(client.isDaemonAlive == true)
  }

  @Test("what was heard of is asked over D-Bus once, and in-process after that")
  func note() throws {
    let (world, _) = try makeWorld()
    let client = client(world)
    awaitPool(client, world)
    client.note()
    let before = client.statistics
    for _ in 0..<10 { _ = try client.getObject(path(Self.fan)) }
    #expect(client.statistics.overBus <= before.overBus + 1)
    #expect(client.statistics.inProcess >= before.inProcess + 9)
  }

  @Test("an unknown path is ResourceNotFound, in-process and over D-Bus alike")
  func notFound() throws {
    let (world, _) = try makeWorld()
    for source in [Client.Source.pool, .bus, .auto] {
      let client = client(world) { $0.source = source }
      #expect(throws: LookupError.resourceNotFound) { try client.getObject(path("/none")) }
      #expect(throws: LookupError.resourceNotFound) { try client.endpoints(of: path("/none")) }
      #expect(throws: LookupError.resourceNotFound) { try client.getSubTree(path("/none")) }
    }
  }

  @Test("odd arguments are answered as over D-Bus")
  func oddArguments() throws {
    let (world, _) = try makeWorld()
    let inProcess = client(world) { $0.source = .pool }
    let overBus = client(world) { $0.source = .bus }
    func same<Answer: Equatable>(_ ask: (Client) throws(LookupError) -> Answer) {
      func result(_ client: Client) -> Result<Answer, LookupError> {
        do throws(LookupError) { return .success(try ask(client)) } catch { return .failure(error) }
      }
      #expect(result(inProcess) == result(overBus))
    }
    let many = (0..<5000).map { InterfaceName(Array("none.n\($0)".utf8)) } + ["i.sensor"]
    for odd in ["", "no path", "/a//b", "/trailing/", "//", "/\u{e4}", String(repeating: "/a", count: 3000)] {
      same { client throws(LookupError) in try client.getObject(path(odd)) }
      same { client throws(LookupError) in try client.getAncestors(path(odd)) }
      same { client throws(LookupError) in try client.getSubTreePaths(path(odd), depth: -1) }
      same { client throws(LookupError) in try client.getAssociatedSubTreePaths(path(odd), "/") }
      same { client throws(LookupError) in try client.getAssociatedSubTreePaths("/", path(odd)) }
    }
    same { client throws(LookupError) in try client.getSubTreePaths("/", depth: .min) }
    same { client throws(LookupError) in try client.getSubTree("/", depth: 2, interfaces: many) }
    same { client throws(LookupError) in try client.getObject(path(Self.fan), interfaces: many) }
    same { client throws(LookupError) in try client.getObject(ObjectPath([0x2f, 0xff])) }
    same { client throws(LookupError) in try client.getSubTree("/", interfaces: [InterfaceName([0x69, 0xc0, 0x80])]) }
    #expect(throws: LookupError.invalidArgument) { try inProcess.getAssociatedSubTree("no path", "/") }
    #expect(throws: LookupError.invalidArgument) { try inProcess.getObject(ObjectPath([0x2f, 0xff])) }
  }

  @Test("a damaged pool costs one line; then D-Bus answers")
  func damaged() throws {
    let (world, _) = try makeWorld()
    let copy = world.folder.file("damaged")
    for (offset, count) in [(0, 4), (16, 4), (4096, 100_000)] {
      var bytes = try Data(contentsOf: URL(fileURLWithPath: world.pool))
      for at in offset..<min(offset + count, bytes.count) { bytes[at] = 0xff }
      try bytes.write(to: URL(fileURLWithPath: copy))
      chmod(copy, 0o640)
      let client = client(world) {
        $0.poolPath = ByteString(Array(copy.utf8))
        $0.isQuiet = true
        $0.mode = .fast
      }
      for _ in 0..<5 { #expect(try client.getObject(path(Self.fan)).map(\.service) == ["com.fans"]) }
      #expect(client.statistics.overBus > 0)
    }
  }

  @Test("a pool of another bus, or one that others may write, is not believed")
  func foreign() throws {
    let (world, _) = try makeWorld()
    let other = try World()
    let client = client(world) { $0.address = ByteString(Array(other.address.utf8)) }
    #expect(client.generation == 0)
    #expect(throws: LookupError.self) { try client.getObject(path(Self.fan)) }
    let copy = world.folder.file("open")
    try FileManager.default.copyItem(atPath: world.pool, toPath: copy)
    chmod(copy, 0o666)
    let careful = self.client(world) {
      $0.poolPath = ByteString(Array(copy.utf8))
      $0.isQuiet = true
    }
    #expect(try careful.getObject(path(Self.fan)).count == 1)
    #expect(careful.statistics.inProcess == 0)
  }

  @Test("the generation grows with each change, and who waits for it wakes within a few milliseconds")
  func waiting() throws {
    let (world, service) = try makeWorld()
    let client = client(world)
    let seen = client.generation
    #expect(seen > 0)
    #expect(client.waitForChange(since: seen, timeout: 20_000) == .timedOut)
    let thread = Waiting { client.waitForChange(since: seen, timeout: 5_000_000) }
    usleep(50_000)
    try service.add(["i.sensor"], to: "/xyz/openbmc_project/sensors/fan1")
    #expect(thread.result == .changed)
    #expect(client.generation > seen)
    #expect(thread.seconds < 1)
  }

  @Test("changes come as an asynchronous sequence")
  func changes() async throws {
    let (world, service) = try makeWorld()
    var iterator = client(world).changes.makeAsyncIterator()
    nonisolated(unsafe) let emitting = service
    let emitter = Waiting {
      usleep(50_000)
      try? emitting.add(["i.sensor"], to: "/xyz/openbmc_project/sensors/fan2")
      return .changed
    }
    let first = await iterator.next()
    #expect(first != nil)
    #expect(emitter.result == .changed)
    withExtendedLifetime(world) {}
  }

  @Test("without a mapper nobody waits and nothing is found, and one that starts later is found")
  func later() throws {
    let world = try World()
    let service = try world.start(ServiceScript("com.fans", objects: [Self.fan: ["i.sensor"]]))
    let client = client(world)
    #expect(client.waitForChange(since: 0, timeout: 1_000_000) == .noPool)
    #expect(client.isDaemonAlive == nil)
    #expect(throws: LookupError.self) { try client.getObject(path(Self.fan)) }
    try world.startMapper()
    awaitPool(client, world)
    withExtendedLifetime(service) {}
  }

  @Test("after the mapper is gone its last state answers, and a client goes on with the next one")
  func restart() throws {
    let (world, service) = try makeWorld()
    let client = client(world)
    awaitPool(client, world)
    let seen = client.generation
    world.stopMapper(signal: SIGKILL)
    #expect(client.isDaemonAlive == false)
    client.note()
    #expect(try client.getObject(path(Self.fan)).count == 1)
    #expect(client.statistics.fromLastState > 0)
    let thread = Waiting { client.waitForChange(since: seen, timeout: 10_000_000) }
    try world.startMapper()
    #expect(world.loop.run(within: 10) { client.isDaemonAlive == true || client.generation == 0 })
    #expect(thread.result == .changed)
    awaitPool(client, world)
    #expect(client.statistics.pools == 2)
    #expect(client.generation > seen)
    withExtendedLifetime(service) {}
  }

  @Test("eight threads share one client")
  func threads() throws {
    let (world, service) = try makeWorld()
    let client = client(world)
    awaitPool(client, world)
    let threads = (0..<8).map { number in
      Waiting {
        for n in 0..<2000 {
          if n % 100 == number { client.note() }
          guard (try? client.getObject(path(Self.fan)))?.count == 1 else { return .noPool }
        }
        return .changed
      }
    }
    for n in 0..<200 { try service.add(["i.sensor"], to: "/xyz/openbmc_project/sensors/more\(n)") }
    for thread in threads { #expect(thread.result == .changed) }
  }
}

/// Runs a closure on a thread of its own.
private final class Waiting: @unchecked Sendable {
  private let done = DispatchSemaphore(value: 0)
  private var value = Waited.noPool
  private(set) var seconds = 0.0

  init(_ body: @escaping @Sendable () -> Waited) {
    Thread { [self] in
      let start = now()
      value = body()
      seconds = now() - start
      done.signal()
    }.start()
  }

  var result: Waited {
    done.wait()
    done.signal()
    return value
  }
}
