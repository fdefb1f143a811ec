// Fuzzes everything that reads a pool: an input is a list of damages to a good pool. A client that asks its questions of the
// damaged one, and a daemon that takes it over, must end in time with an answer or an error; a wild read or an endless loop is
// a defect.

import CSystem
import Database
import FuzzDriver
import ShMap

@main
enum Fuzz {
  static func main() throws {
    let pool = try DamagedPool()
    unsafe shared = pool
    var (count, arguments) = unsafe (CommandLine.argc, UnsafeMutablePointer?(CommandLine.unsafeArgv))
    _ = unsafe LLVMFuzzerRunDriver(&count, &arguments) { data, count in
      unsafe Fuzz.shared!.with(damages: UnsafeBufferPointer(start: data, count: count).span) { path in
        // A take-over is a hundred times slower here, as it reserves much address space: for inputs of odd length.
        if count % 2 == 0 { Fuzz.ask(path) } else { Fuzz.takeOver(path) }
      }
      return 0
    }
  }

  /// libFuzzer's callback has no room for anything else to reach it by.
  private nonisolated(unsafe) static var shared: DamagedPool?

  /// All questions that a client can ask.
  private static func ask(_ pool: ByteString) {
    guard let reader = try? Reader(opening: pool.bytes, contents: MapperDatabase.contents, identity: nil) else {
      return
    }
    _ = try? reader.withSnapshot { snapshot throws(PoolError) in
      let lookup = try Lookup(snapshot)
      var visitor = Toucher()
      let root: ObjectPath = "/"
      let sensor: ObjectPath = "/xyz/sensors/s7"
      let chassis: ObjectPath = "/xyz/chassis"
      let sensors: ObjectPath = "/xyz/chassis/all_sensors"
      let one: InterfaceName = "xyz.Sensor"
      unsafe one.withCString { name in
        var list: UnsafePointer<CChar>? = unsafe name
        unsafe withUnsafePointer(to: &list) { list in
          let filter = unsafe InterfaceNames(list, count: 1)
          // Damage in the way of one question must not keep the others from being asked.
          _ = try? lookup.getObject(sensor.bytes.span, .none, &visitor)
          _ = try? lookup.getObject(sensor.bytes.span, filter, &visitor)
          _ = try? lookup.getAncestors(sensor.bytes.span, filter, &visitor)
          _ = try? lookup.getSubTree(root.bytes.span, depth: 0, .none, &visitor)
          _ = try? lookup.getSubTree(root.bytes.span, depth: 2, filter, &visitor)
          _ = try? lookup.getSubTreePaths(root.bytes.span, depth: 0, filter, &visitor)
          _ = try? lookup.endpoints(of: sensors.bytes.span, &visitor)
          _ = try? lookup.getAssociatedSubTree(sensors.bytes.span, root.bytes.span, depth: 0, filter, &visitor)
          let (id, association): (ByteString, ByteString) = ("chassis", "all_sensors")
          _ = try? lookup.getAssociatedSubTreePathsById(
            id.bytes.span, root.bytes.span, filter, association.bytes.span, filter, &visitor)
        }
      }
      _ = try? lookup.getAncestors(chassis.bytes.span, .none, &visitor)
      try lookup.visitAssociations(&visitor)
    }
  }

  /// What a daemon does that finds this pool when it starts.
  private static func takeOver(_ pool: ByteString) {
    guard let database = try? MapperDatabase(poolPath: pool, mode: 0o600, busID: DamagedPool.busID) else { return }
    database.keepOnly(DamagedPool.owners)
    var visitor = Toucher()
    let root: ObjectPath = "/"
    try? database.getSubTree(root.bytes.span, depth: 0, .none, &visitor)
  }
}

/// Reads every byte of an answer.
private struct Toucher: AnswerVisitor {
  private var sum: UInt8 = 0

  mutating func path(_ path: borrowing Text) { touch(path) }
  mutating func beginObject(_ path: borrowing Text) { touch(path) }
  mutating func endObject() {}
  mutating func beginService(_ name: borrowing Text) { touch(name) }
  mutating func interface(_ name: borrowing Text) { touch(name) }
  mutating func endService() {}

  private mutating func touch(_ text: borrowing Text) {
    for index in text.bytes.indices { sum &+= text.bytes[index] }
    unsafe text.withCString { sum &+= UInt8(truncatingIfNeeded: unsafe strlen($0)) }
  }
}
