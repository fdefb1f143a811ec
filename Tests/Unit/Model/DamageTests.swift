// A pool whose file has been damaged: a reader may get an error, or a wrong answer where only the damage is to blame. It must
// not crash, and it must come to an end.

import CSystem
@testable import ShMap
import Testing

@testable import Database

@Suite struct DamageTests {
  private let bus = [UInt8](repeating: 3, count: 16)

  /// A pool as a random history left it, as the bytes of its file.
  private func pool(_ seed: UInt64) throws -> [UInt8] {
    let place = PoolPath()
    var storyteller = Storyteller(seed: seed)
    let database = try MapperDatabase(poolPath: ByteString(place.path), mode: 0o600, busID: bus)
    for number in 0..<300 {
      let service = ServiceName(storyteller.one(of: storyteller.services))
      if number % 3 == 0 {
        database.replaceObjects(of: service, with: storyteller.scan().map(ScanStep.init))
      } else {
        database.addInterfaces(
          storyteller.names().map { InterfaceName($0) }, to: ObjectPath(storyteller.path()), of: service,
          associations: storyteller.definitions().map(AssociationDefinition.init))
      }
    }
    try database.publish()
    return try contents(of: place.path)
  }

  private func contents(of path: [UInt8]) throws -> [UInt8] {
    let (file, length) = try PoolFile.open(path, writable: false, trust: Trust())
    defer { _ = close(file) }
    var bytes = [UInt8](repeating: 0, count: length)
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress!, $0.count) }
    try #require(count == length)
    return bytes
  }

  private func write(_ bytes: [UInt8], to path: [UInt8]) throws {
    let file = unsafe PoolFile.withPath(path) { unsafe shm_open_file($0, O_WRONLY | O_CREAT | O_TRUNC, 0o600) }
    let count = unsafe bytes.withUnsafeBytes { unsafe CSystem.write(file, $0.baseAddress!, $0.count) }
    _ = close(file)
    try #require(count == bytes.count)
  }

  /// Changes some words. Small numbers and places inside of the pool do the most harm.
  private func damage(_ bytes: inout [UInt8], _ random: inout Seeded) {
    for _ in 0..<Int.random(in: 1...40, using: &random) {
      // The header has checks of its own; the blocks are what lookups walk through.
      let first = Int.random(in: 0..<50, using: &random) == 0 ? 0 : 4096
      let at = Int.random(in: first..<bytes.count, using: &random) & ~3
      let value: UInt32
      switch Int.random(in: 0..<4, using: &random) {
      case 0: value = UInt32.random(in: 0...UInt32.max, using: &random)
      case 1: value = UInt32.random(in: 0..<300, using: &random)
      case 2: value = UInt32.random(in: 0..<UInt32(bytes.count), using: &random) & ~3
      default: value = word(bytes, Int.random(in: 4096..<bytes.count, using: &random) & ~3)
      }
      for index in 0..<4 { bytes[at + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index)) }
    }
  }

  /// What this thread has spent of the processor: a busy machine is no fault.
  private func threadSeconds() -> Double {
    var time = timespec()
    unsafe _ = clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private func word(_ bytes: [UInt8], _ at: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) }
  }

  @Test("No damage crashes a reader or keeps it for ever", arguments: 1...6 * effort)
  func damaged(seed: UInt64) throws {
    let whole = try pool(seed)
    let place = PoolPath()
    var random = Seeded(seed)
    var answers = 0
    var errors = 0
    for _ in 0..<60 {
      var bytes = whole
      damage(&bytes, &random)
      try write(bytes, to: place.path)
      var storyteller = Storyteller(seed: random.next())
      for _ in 0..<25 {
        let question = storyteller.question()
        let start = threadSeconds()
        do {
          _ = try ask(question, place.path)
          answers += 1
        } catch { errors += 1 }
        #expect(threadSeconds() - start < 5, "\(question) does not come to an end")
      }
      _ = try? verify(place.path)
    }
    #expect(answers > 0 && errors > 0)
  }

  /// As a client asks: what is stale for ever is given up.
  private func ask(_ question: Question, _ path: [UInt8]) throws(PoolError) -> [String]? {
    let reader = try Reader(opening: path, contents: MapperDatabase.contents, identity: bus)
    let answer = try reader.withSnapshot { snapshot throws(PoolError) in try question.ask(Lookup(snapshot)) }
    return try answer.get()
  }

  private func verify(_ path: [UInt8]) throws(PoolError) -> [Finding] {
    let reader = try Reader(opening: path, contents: MapperDatabase.contents, identity: bus)
    let findings = try reader.withSnapshot { snapshot throws(PoolError) in try Lookup(snapshot).verify() }
    return try findings.get()
  }

  @Test("A whole pool has no findings")
  func whole() throws {
    let place = PoolPath()
    try write(try pool(77), to: place.path)
    #expect(try verify(place.path) == [])
  }

  @Test("A changed word is found")
  func found() throws {
    // Each word of a small pool that a state consists of: changing it must not go unnoticed. Words that a state does not
    // reach, and counts that only the writer looks at, may change.
    let place = PoolPath()
    let database = try MapperDatabase(poolPath: ByteString(place.path), mode: 0o600, busID: bus)
    database.addInterfaces(["i.One", "i.Two"], to: "/a/b", of: "s.S", associations: nil)
    try database.publish()
    let whole = try contents(of: place.path)
    var unnoticed = 0
    var noticed = 0
    for at in stride(from: 4096, to: whole.count, by: 4) where word(whole, at) != 0 {
      var bytes = whole
      bytes[at] ^= 1
      try write(bytes, to: place.path)
      if (try? verify(place.path)) == [] { unnoticed += 1 } else { noticed += 1 }
    }
    #expect(noticed > unnoticed, "noticed \(noticed), unnoticed \(unnoticed)")
  }
}
