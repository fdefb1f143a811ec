// fleet: simulates a BMC's services on a bus, each on a connection of its own, as fast as real ones can be.
//
// It prints `ready SERVICES OBJECTS` when all names are owned, and ends on SIGTERM, SIGINT or when its standard input closes.
// All answers to Introspect and to Properties.Get of Associations are prepared beforehand: what a mapper is measured
// against must not be the slow part.

import BenchSupport
import CLibSystemd
import Foundation

let usage = """
  usage: fleet --tree FILE [--address ADDRESS] [--churn N]

    --tree FILE        objects and associations, as Benchmarks/Trees/make_tree.py writes them
    --address ADDRESS  the bus; default: $DBUS_SYSTEM_BUS_ADDRESS, else unix:path=/run/dbus/system_bus_socket
    --churn N          beside the tree, add and remove objects by signal, N times a second
  """

var treeFile: String?
var address = ProcessInfo.processInfo.environment["DBUS_SYSTEM_BUS_ADDRESS"] ?? "unix:path=/run/dbus/system_bus_socket"
var churn = 0

var arguments = CommandLine.arguments.dropFirst()
while let option = arguments.popFirst() {
  if option == "--help" {
    print(usage)
    exit(0)
  }
  guard let value = arguments.popFirst() else { stop("\(option) needs a value\n\(usage)") }
  switch option {
  case "--tree": treeFile = value
  case "--address": address = value
  case "--churn":
    guard let rate = Int(value), rate >= 0 else { stop("--churn wants a number") }
    churn = rate
  default: stop("unknown option \(option)\n\(usage)")
  }
}
guard let treeFile else { stop(usage) }

func stop(_ message: String) -> Never {
  FileHandle.standardError.write(Data("fleet: \(message)\n".utf8))
  exit(2)
}

do {
  // Each service is a connection, and a system has more of them than the usual limit of open files may allow.
  var limit = rlimit()
  getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  limit.rlim_cur = limit.rlim_max
  setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)

  let tree = try Tree(file: treeFile)
  let loop = try EventLoop()
  var services: [Service] = []
  for (name, objects) in tree.services.sorted(by: { $0.key < $1.key }) {
    services.append(try Service(name: name, objects: objects, address: address, loop: loop))
  }
  var churning: Churn?
  if churn > 0 { churning = try Churn(perSecond: churn, address: address, loop: loop) }

  print("ready \(services.count) \(tree.objectCount)")
  fflush(nil)
  try loop.run()
  withExtendedLifetime((services, churning)) {}
} catch {
  stop("\(error)")
}
