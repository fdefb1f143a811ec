// A good pool in a file, damaged for one input at a time and made good again.
//
// An input is a list of records of 9 bytes: an operation, a place, a value. The place is a word of the pool. Operation 0 mod 2
// stores the value there; 1 mod 2 stores what another word holds, the value being its place: so that offsets lead to real
// blocks of other kinds, and in circles, which random numbers would rarely do.

import CSystem
import Database
import ShMap

final class DamagedPool {
  static let busID = [UInt8](repeating: 7, count: 16)
  static let owners: [(ServiceName, ByteString)] = [("xyz.A", ":1.1"), ("xyz.B", ":1.2")]

  let path: ByteString
  private var good: [UInt8]
  private let file: Int32

  init() throws {
    let folder = unsafe getenv("FUZZ_FOLDER").map { unsafe ByteString(cString: $0) } ?? "/tmp"
    path = ByteString(folder.bytes + Array("/damaged-pool".utf8))
    try DamagedPool.build(path)
    file = unsafe path.withCString { unsafe shm_open_file($0, O_RDWR | O_CLOEXEC, 0) }
    var status = stat()
    guard file >= 0, unsafe fstat(file, &status) == 0 else { throw PoolError.system(shm_errno()) }
    good = [UInt8](repeating: 0, count: Int(status.st_size))
    let count = unsafe good.withUnsafeMutableBytes { unsafe pread(file, $0.baseAddress, $0.count, 0) }
    guard count == good.count else { throw PoolError.tooShort }
  }

  private static func build(_ path: ByteString) throws {
    let database = try MapperDatabase(poolPath: path, mode: 0o600, busID: busID)
    database.keepOnly([])
    for (service, unique) in owners {
      database.setOwner(of: service, to: unique)
      var scan: [ScanStep] = [
        .object("/", []), .object("/xyz", []), .object("/xyz/chassis", ["xyz.Sensor", "xyz.Chassis"]),
      ]
      for number in 0..<24 {
        let sensor = ObjectPath(Array("/xyz/sensors/s\(number)".utf8))
        scan.append(.object(sensor, number % 3 == 0 ? ["xyz.Sensor"] : ["xyz.Sensor", "xyz.Threshold"]))
        scan.append(
          .associations(
            sensor, [AssociationDefinition(forward: "chassis", reverse: "all_sensors", endpoint: "/xyz/chassis")]))
      }
      database.replaceObjects(of: service, with: scan)
    }
    try database.publish()
  }

  /// Damages the pool as the input says, runs `body`, and repairs it.
  func with(damages: Span<UInt8>, _ body: (ByteString) -> Void) {
    var changed: [Int] = []
    var record = 0
    while record + 9 <= damages.count {
      let place = word(damages, record + 1) % (good.count / 4) * 4
      let value = word(damages, record + 5)
      store(damages[record] & 1 == 0 ? UInt32(value) : goodWord(value % (good.count / 4) * 4), at: place)
      changed.append(place)
      record += 9
    }
    body(path)
    for place in changed { store(goodWord(place), at: place) }
  }

  private func word(_ bytes: Span<UInt8>, _ at: Int) -> Int {
    (0..<4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
  }

  private func goodWord(_ at: Int) -> UInt32 {
    let bytes = good
    return UInt32(truncatingIfNeeded: word(bytes.span, at))
  }

  private func store(_ value: UInt32, at place: Int) {
    var value = value.littleEndian
    unsafe withUnsafeBytes(of: &value) { unsafe _ = pwrite(file, $0.baseAddress, 4, off_t(place)) }
  }
}
