// demo: what `make demo` shows. A private bus, a small simulated BMC, the daemon, and a few lookups as a client makes them.
//
// Everything runs in a temporary folder and ends with this process, also when it is interrupted.

import BenchSupport
import Database
import Foundation
import MapperClient

Cleanup.shared.main("demo") { try run() }

func run() throws {
  let screen = Screen()
  screen.title("shmapper: an object mapper on a private bus")
  let stage = try Stage(treeFile: Programs.tree("small"), fleet: Programs.fleet)
  screen.fact("simulated BMC", "\(stage.tree.services.count) services with \(stage.tree.objectCount) objects")

  let mapper = try MapperProcess(command: Programs.shmapperd, on: stage, within: 30)
  screen.fact(
    "scan",
    "\(stage.tree.paths.count) paths and \(mapper.associationCount) associations known "
      + "\(milliseconds(mapper.secondsToWhole)) after the start, for \(milliseconds(mapper.cpuSecondsToWhole)) of CPU time"
  )
  let memory = memory(of: mapper.process.pid, pool: mapper.poolPath)
  screen.fact(
    "memory",
    "\(kilobytes(memory.privateDirty)) of the daemon's own, a pool of \(kilobytes(memory.pool)) that clients share, "
      + "\(kilobytes(memory.clean)) of program and libraries")

  let sensor = stage.tree.firstPath(with: "xyz.openbmc_project.Sensor.Value") ?? "/"
  let chassis = stage.tree.firstPath(with: "xyz.openbmc_project.Inventory.Item.Chassis") ?? "/"
  let caller = Caller(connection: mapper.connection, screen: screen)

  try caller.ask("Which service owns this sensor?", .getObject(sensor, [])) { reply in
    reply.readServices().flatMap { service, interfaces in [service] + interfaces.map { "  \($0)" } }
  }
  try caller.ask(
    "Which boards and chassis are there?",
    .getSubTree(
      "/xyz/openbmc_project/inventory", 0,
      ["xyz.openbmc_project.Inventory.Item.Board", "xyz.openbmc_project.Inventory.Item.Chassis"])
  ) { reply in
    reply.readSubTree().flatMap { path, services in
      [path] + services.map { "  \($0.service), \($0.interfaces.count) interfaces" }
    }
  }
  try caller.ask("Which sensors does the chassis have?", .endpoints("\(chassis)/all_sensors")) { $0.readEndpoints() }
  try caller.ask("And something that is not there?", .getObject("/xyz/openbmc_project/nowhere", [])) { _ in [] }

  try askInProcess(sensor, mapper, stage, screen)

  screen.say("\nEverything that was started ends now. On a system that runs shmapperd, the first question is")
  screen.say("  busctl call \(mapperName) \(mapperPath) \\")
  screen.say("    \(mapperName) GetObject sas \(sensor) 0")
}

/// The first question again, answered by the client library out of the mapper's shared memory.
func askInProcess(_ sensor: String, _ mapper: MapperProcess, _ stage: Stage, _ screen: Screen) throws {
  screen.heading("The first question again, in this process?", "Client().getObject(\"\(sensor)\")")
  var options = Client.Options()
  options.poolPath = ByteString(Array(mapper.poolPath.utf8))
  options.address = ByteString(Array(stage.bus.address.utf8))
  let client = Client(options: options)
  let path = ObjectPath(Array(sensor.utf8))
  let services = try client.getObject(path)
  screen.answer(
    services.map { "\(String(decoding: $0.service.bytes, as: UTF8.self)), \($0.interfaces.count) interfaces" })

  let calls = 10_000
  let before = client.statistics.inProcess
  let start = ContinuousClock.now
  for _ in 0..<calls { _ = try client.getObject(path) }
  let each = (ContinuousClock.now - start) / .microseconds(1) / Double(calls)
  screen.note(
    "\(String(format: "%.4f", each / 1e3)) ms, copied out; of \(calls) more lookups "
      + "\(client.statistics.inProcess - before) needed no call")
}

func milliseconds(_ seconds: Double) -> String { String(format: "%.0f ms", seconds * 1e3) }
func kilobytes(_ bytes: Int) -> String { "\(bytes / 1024) KB" }

/// Makes calls and shows question, call, answer and time.
struct Caller {
  let connection: Connection
  let screen: Screen

  func ask(_ question: String, _ call: MapperCall, _ lines: (Message) -> [String]) throws {
    screen.heading(question, call.title)
    let message = try call.message(on: connection)
    let start = ContinuousClock.now
    do {
      let reply = try connection.call(message)
      let elapsed = (ContinuousClock.now - start) / .milliseconds(1)
      screen.answer(lines(reply))
      screen.note("\(String(format: "%.2f", elapsed)) ms over D-Bus")
    } catch let error as RemoteError {
      screen.answer([error.name])
    }
  }
}
