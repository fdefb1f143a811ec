// The calls that OpenBMC's programs make most, on a given tree.

import BenchSupport

private let base = "/xyz/openbmc_project"
private let vendor = "xyz.openbmc_project"
private let sensorValue = "\(vendor).Sensor.Value"
private let board = "\(vendor).Inventory.Item.Board"
private let chassisItem = "\(vendor).Inventory.Item.Chassis"

/// The lines that goals speak of, by name.
enum Line {
  static let ping = MapperCall.ping
  static let fewAnswers = MapperCall.getSubTree("/", 0, ["\(vendor).State.Chassis"])
  static let sensors = MapperCall.getSubTree("\(base)/sensors", 2, [sensorValue])
  static let sensorPaths = MapperCall.getSubTreePaths("/", 0, [sensorValue])
  static func object(_ sensor: String) -> MapperCall { .getObject(sensor, [sensorValue]) }
}

/// Who asks what: the calls of the mapper's clients, the cheapest first.
func shapes(of tree: Tree) -> [MapperCall] {
  let sensor = tree.firstPath(with: sensorValue) ?? base
  let chassis = tree.firstPath(with: chassisItem) ?? base
  let inventory = "\(base)/inventory"
  return [
    Line.ping,
    Line.object(sensor),
    .getObject(sensor, []),
    .getObject("\(base)/not/there", []),
    .getAncestors(sensor, []),
    // State managers and entity-manager probe the whole tree for few objects.
    Line.fewAnswers,
    .getSubTree("/", 0, ["\(vendor).Configuration.TMP75"]),
    .getSubTree("/", 0, ["\(vendor).Not.There"]),
    .getSubTree("/", 0, ["org.freedesktop.DBus.ObjectManager"]),
    // bmcweb: chassis pages, sensor pages, logs.
    .getSubTreePaths(inventory, 0, [board, chassisItem]),
    .getSubTree(inventory, 0, [board, chassisItem]),
    .getSubTree("\(inventory)/system", 2, [board, chassisItem]),
    .getSubTree(
      inventory, 0,
      ["Board", "Chassis", "Cpu", "Dimm", "Drive", "Fan", "PowerSupply", "PCIeDevice"].map {
        "\(vendor).Inventory.Item.\($0)"
      }),
    Line.sensors,
    Line.sensorPaths,
    .getSubTreePaths("\(base)/logging", 0, ["\(vendor).Logging.Entry"]),
    .endpoints("\(sensor)/chassis"),
    .endpoints("\(chassis)/all_sensors"),
    .getAssociatedSubTree("\(chassis)/all_sensors", "\(base)/sensors", 0, [sensorValue]),
    .getAssociatedSubTreePathsByID(
      chassis.split(separator: "/").last.map(String.init) ?? "chassis", inventory, [chassisItem], "containing",
      [board, "\(vendor).Inventory.Item.Dimm"]),
    // A dump of everything.
    .getSubTree("/", 0, []),
  ]
}
