// The database by itself, in this process, without a bus: what it costs to fill the pool with a tree and to look things up in
// it. Built as ordinary Swift, which is a little slower than the Embedded code that is shipped.

import BenchSupport
import Database
import Foundation
import ShMap

struct DatabaseSection {
  static let title = "the database alone"
  static let objectLine = "GetObject of a sensor"
  static let visitLine = "GetSubTreePaths of all sensors, visited in place"
  static let copyLine = "GetSubTreePaths of all sensors, copied"

  let treeName: String
  let tree: Tree

  func run(into report: inout Report) throws {
    let folder = NSTemporaryDirectory() + "shmapper-bench-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = Array("\(folder)/pool".utf8)
    let bus = [UInt8](repeating: 1, count: 16)

    func add(_ line: String, _ unit: String, answers: Int? = nil, _ samples: Samples) {
      report.add(
        Measurement(
          tree: treeName, section: DatabaseSection.title, line: line, unit: unit, subject: "shmapper", answers: answers,
          samples: samples))
    }
    let scans = scans
    let start = clock()
    let database = try MapperDatabase(poolPath: ByteString(path), mode: 0o600, busID: bus)
    for (service, steps) in scans {
      database.replaceObjects(of: service, with: steps)
      _ = database.takeEvents()
      try database.publish()
    }
    add("all scans applied, CPU time", "ms", Samples([Double(clock() - start) * 1e3 / Double(CLOCKS_PER_SEC)]))
    let statistics = database.statistics
    add("pool", "KB", Samples([Double(statistics.poolBytes) / 1024]))
    add("pool in use", "KB", Samples([Double(statistics.usedBytes) / 1024]))

    let reader = try Reader(opening: path, contents: MapperDatabase.contents, identity: bus)
    let interface = "xyz.openbmc_project.Sensor.Value"
    let sensor = Array((tree.firstPath(with: interface) ?? "/").utf8)
    let name = strdup(interface)
    defer { free(name) }
    var names: UnsafePointer<CChar>? = UnsafePointer(name)
    try withUnsafePointer(to: &names) { pointer in
      let filter = InterfaceNames(pointer, count: 1)
      var counter = Counter()
      add(
        DatabaseSection.objectLine, "us",
        try time(calls: 2000, unit: .microseconds(1)) {
          try ask(reader) { lookup throws(PoolError) in try lookup.getObject(sensor.span, filter, &counter) }
        })
      counter = Counter()
      try ask(reader) { lookup throws(PoolError) in
        try lookup.getSubTreePaths([47].span, depth: 0, filter, &counter)
      }
      let answers = counter.paths
      add(
        DatabaseSection.visitLine, "us", answers: answers,
        try time(calls: 50, unit: .microseconds(1)) {
          try ask(reader) { lookup throws(PoolError) in
            try lookup.getSubTreePaths([47].span, depth: 0, filter, &counter)
          }
        })
      add(
        DatabaseSection.copyLine, "us", answers: answers,
        try time(calls: 50, unit: .microseconds(1)) {
          var copier = Copier()
          try ask(reader) { lookup throws(PoolError) in
            try lookup.getSubTreePaths([47].span, depth: 0, filter, &copier)
          }
        })
    }
  }

  /// One question, with all that a client does for it: takes a snapshot, looks, and checks that the snapshot is still whole.
  private func ask(
    _ reader: borrowing Reader, _ body: (borrowing Lookup) throws(PoolError) -> Bool
  ) throws {
    let answer = try reader.withSnapshot { snapshot throws(PoolError) in try body(Lookup(snapshot)) }
    guard try answer.get() else { throw Failure("the database does not know its own tree") }
  }

  private func time(calls: Int, unit: Duration, _ body: () throws -> Void) throws -> Samples {
    var samples = Samples()
    for _ in 0..<30 {
      let start = ContinuousClock.now
      for _ in 0..<calls { try body() }
      samples.add((ContinuousClock.now - start) / unit / Double(calls))
    }
    return samples
  }

  /// What the scans of all services find, as sd-bus shows them: each path of the tree with the library's own interfaces.
  private var scans: [(ServiceName, [ScanStep])] {
    let standard = ["Introspectable", "Peer", "Properties"].map { "org.freedesktop.DBus.\($0)" }
    return tree.services.sorted { $0.key < $1.key }.map { service, objects in
      var paths: Swift.Set<String> = ["/"]
      for object in objects.keys {
        var path = object
        while path != "/", paths.insert(path).inserted { path = Tree.parent(of: path) }
      }
      var steps: [ScanStep] = []
      for path in paths.sorted() {
        let object = objects[path]
        let definitions = object?.assoc ?? []
        let names = standard + (object?.ifaces ?? []) + (definitions.isEmpty ? [] : [Tree.definitions])
        steps.append(.object(ObjectPath(Array(path.utf8)), names.map { InterfaceName(Array($0.utf8)) }))
        if !definitions.isEmpty {
          steps.append(.associations(ObjectPath(Array(path.utf8)), definitions.map(AssociationDefinition.init)))
        }
      }
      return (ServiceName(Array(service.utf8)), steps)
    }
  }
}

extension AssociationDefinition {
  fileprivate init(_ triple: [String]) {
    self.init(
      forward: ByteString(Array(triple[0].utf8)), reverse: ByteString(Array(triple[1].utf8)),
      endpoint: ByteString(Array(triple[2].utf8)))
  }
}

/// Looks at each path in place.
private struct Counter: AnswerVisitor {
  var paths = 0
  var bytes = 0
  mutating func beginObject(_ path: borrowing Text) {}
  mutating func endObject() {}
  mutating func beginService(_ name: borrowing Text) { bytes += name.bytes.count }
  mutating func interface(_ name: borrowing Text) { bytes += name.bytes.count }
  mutating func endService() {}
  mutating func path(_ path: borrowing Text) {
    paths += 1
    bytes += path.bytes.count
  }
}

/// Copies all paths into one buffer, as a client that keeps the answer does.
private struct Copier: AnswerVisitor {
  private var buffer: [UInt8] = []
  private var ends: [Int] = []
  mutating func beginObject(_ path: borrowing Text) {}
  mutating func endObject() {}
  mutating func beginService(_ name: borrowing Text) {}
  mutating func interface(_ name: borrowing Text) {}
  mutating func endService() {}
  mutating func path(_ path: borrowing Text) {
    path.bytes.withUnsafeBufferPointer { buffer.append(contentsOf: $0) }
    ends.append(buffer.count)
  }
}
