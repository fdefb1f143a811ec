// What may be amiss around a program under the preload library: the pool comes and goes, the mapper has to be started first, libsystemd
// is not the one that the library knows. The program never notices.

import Foundation
import TestSupport
import Testing

private let sensors = "/xyz/openbmc_project/sensors"

@Suite(.lane)
struct PreloadBadInputTests {
  // MARK: The pool

  @Test("a pool that appears while the program runs is used, and one whose file goes is no harm")
  func pool() throws {
    let world = try World()
    _ = try world.start(ServiceScript("com.sensors", objects: ["\(sensors)/a": ["i.Value"]]))
    let caller = try PreloadCaller(in: world, .exact)
    let call = MapperCall("GetObject", .string("\(sensors)/a"), [])
    let unknown = try caller.answer(call)
    #expect(unknown?["error"]?.string == "org.freedesktop.DBus.Error.ServiceUnknown")
    for _ in 0..<2 {
      let asker = try Asker(startingIn: world)
      #expect(try asker.eventually { try asker.services(at: "\(sensors)/a") != nil })
      for _ in 0..<30 {
        #expect(try caller.answer(call)?["reply"] != nil)
        world.loop.run(for: 0.01)
      }
      // Who has the pool open still has it; a newer mapper makes another.
      try FileManager.default.removeItem(atPath: world.pool)
      #expect(try caller.answer(call)?["reply"] != nil)
      world.stopMapper()
      _ = try caller.answer(call)
    }
    #expect(try caller.finish().inProcess > 20)
  }

  // MARK: No mapper yet

  @Test("the bus starts a mapper that does not run when it is asked, and again when it has died")
  func activation() throws {
    let program = try Programs.kinds.get()
    func run(_ preload: Preload) throws -> Finished {
      let bus = try ActivatingBus()
      let folder = bus.folder
      let (out, err) = (try folder.create("out"), try folder.create("err"))
      let child = try Child(
        [program, "activation"],
        environment: bus.environment.merging(preload.environment(try Preload.library())) { $1 },
        output: out.fileDescriptor, error: err.fileDescriptor)
      let end = child.wait(within: 30)
      return Finished(
        end: end, output: try folder.read("out"), statistics: PreloadStatistics(try folder.read("err")))
    }
    let plain = try run(.without)
    #expect(plain.end == .exit(0), "\(plain.statistics.rest)")
    #expect(plain.output.components(separatedBy: "runs: 0\n").count == 4, "\(plain.output)")
    #expect(plain.output.components(separatedBy: "is another: 1\n").count == 4, "\(plain.output)")
    for preload in [Preload.exact, .fast] {
      let preloaded = try run(preload)
      #expect(preloaded.end == .exit(0), "\(preloaded.statistics.rest)")
      #expect(preloaded.output == plain.output)
      #expect(preloaded.statistics.inProcess > 100, "\(preloaded.statistics.counts)")
    }
  }

  // MARK: Another libsystemd

  @Test(
    "a libsystemd that lacks a function: everything works as before",
    arguments: ["sd_bus_enqueue_for_read", "sd_bus_get_n_queued_write"])
  func otherLibrary(_ function: String) throws {
    let world = try World()
    var script = ServiceScript("com.sensors", objects: ["\(sensors)/t/b": ["i.Value"]])
    script.add(["i.Value", "i.Other"], to: "\(sensors)/t/a")
    script.associate("\(sensors)/t/a", [["chassis", "all_sensors", "\(sensors)/t/b"]])
    _ = try world.start(script)
    let asker = try Asker(startingIn: world)
    #expect(try asker.eventually { try asker.endpoints(of: "\(sensors)/t/a/chassis") != nil })
    let folder = try TemporaryFolder()
    try OtherLibrary.write(without: function, to: folder.file("libsystemd.so.0"))
    let other = ["LD_LIBRARY_PATH": folder.path]
    for kind in ["sync", "method", "wait"] {
      let command = [try Programs.kinds.get(), kind]
      let plain = try world.run(command, .without, environment: other)
      let preloaded = try world.run(command, .fast, environment: other)
      #expect(plain.end == .exit(0), "\(plain.statistics.rest)")
      #expect(preloaded.end == .exit(0), "\(preloaded.statistics.rest)")
      #expect(preloaded.output == plain.output && !plain.output.isEmpty)
      #expect(preloaded.statistics.rest.split(separator: "\n").count <= 1, "\(preloaded.statistics.rest)")
      #expect(preloaded.statistics.inProcess == 0, "\(preloaded.statistics.counts)")
    }
  }
}

/// A bus that starts the mapper itself. A session bus, since a system bus starts nothing without systemd or a helper that is set-uid.
private final class ActivatingBus {
  let folder: TemporaryFolder
  private let process: Child
  var environment: [String: String] {
    ["DBUS_SYSTEM_BUS_ADDRESS": "unix:path=\(folder.file("bus"))", "SHMAPPER_POOL": folder.file("pool")]
  }

  init() throws {
    folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.file("services"), withIntermediateDirectories: false)
    let socket = folder.file("bus")
    try folder.write(
      "services/mapper.service",
      """
      [D-BUS Service]
      Name=\(Mapper.name)
      Exec=/usr/bin/env DBUS_SYSTEM_BUS_ADDRESS=unix:path=\(socket) SHMAPPER_POOL=\(folder.file("pool")) \
      \(try Products.daemon().joined(separator: " "))
      """)
    try folder.write(
      "bus.conf",
      """
      <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
       "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
      <busconfig>
        <type>session</type>
        <listen>unix:path=\(socket)</listen>
        <servicedir>\(folder.file("services"))</servicedir>
        <policy context="default">
          <allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/>
        </policy>
      </busconfig>
      """)
    process = try Child(["dbus-daemon", "--config-file=\(folder.file("bus.conf"))", "--nofork", "--nopidfile"])
    for _ in 0..<500 where access(socket, F_OK) != 0 { usleep(10_000) }
  }

  deinit { process.stop(within: 2) }
}

/// libsystemd as another release has it: without one function. A copy in which the function has another name; it must be one that
/// libsystemd does not call itself.
private enum OtherLibrary {
  static func write(without function: String, to path: String) throws {
    let program = try Programs.kinds.get()
    let line = try Run(["ldd", program]).output.split(separator: "\n").first { $0.contains("libsystemd.so.0") }
    let words = try #require(line).split(separator: " ")
    let original = try #require(words.first { $0.hasPrefix("/") })
    var bytes = try Data(contentsOf: URL(fileURLWithPath: String(original)))
    let name = Data("\0\(function)\0".utf8)
    let found = try #require(bytes.range(of: name), "\(function) is not in \(original)")
    // Not at its end, which other names may share.
    bytes[found.lowerBound + 2] = UInt8(ascii: "_")
    try bytes.write(to: URL(fileURLWithPath: path))
  }
}
