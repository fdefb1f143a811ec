// stats: the pool as a reader sees it.

import CSystem
import Database
import MapperClient
import ShMap

/// One look at the pool.
private struct PoolFacts {
  let bytes: Int
  let generation: UInt64
  /// The mapper's process; 0: it is gone.
  let writer: Int32
  let isRetired: Bool
  /// Microseconds since the moment up to which the state is complete.
  let age: UInt64
  let busID: [UInt8]
  let heap: HeapReport
  let counts: Lookup.Counts

  /// nil: the pool changes too fast, or is damaged.
  init?(_ reader: borrowing Reader) {
    var read: (UInt64, Lookup.Counts)?
    for _ in 0..<50 where read == nil {
      let result = try? reader.withSnapshot { snapshot throws(PoolError) in
        (snapshot.generation, try Lookup(snapshot).counts())
      }
      read = try? result?.get()
    }
    guard let read else { return nil }
    (generation, counts) = read
    bytes = reader.size
    writer = reader.writer
    isRetired = reader.isRetired
    busID = reader.identity
    heap = reader.checkHeap()
    let (now, stamp) = (shm_now_us(), reader.stamp)
    age = now > stamp ? now - stamp : 0
  }
}

extension Session {
  func showStatistics() throws(CommandError) {
    // Any pool of that name, of whatever bus: what it is, is the question.
    var clientOptions = options.client
    clientOptions.source = .pool
    let client = Client(options: clientOptions)
    guard let looked = client.withReader({ PoolFacts($0) }) else {
      throw .status(.noAnswer, joined("", poolPath, ": there is no pool to read"))
    }
    guard let facts = looked else { throw .status(.noAnswer, joined("", poolPath, ": the pool is damaged")) }
    if options.json == .off { show(facts) } else { write(facts) }
  }

  /// The pool that is meant.
  var poolPath: ByteString {
    if let path = options.client.poolPath { return path }
    if let path = unsafe shm_secure_getenv("SHMAPPER_POOL"), unsafe path.pointee != 0 {
      return unsafe ByteString(cString: path)
    }
    return "/run/shmapper/pool"
  }

  private func show(_ facts: PoolFacts) {
    line("pool")
    screen.add(poolPath)
    screen.add(", ")
    size(facts.bytes)
    if facts.isRetired { screen.add("; retired: a newer one has its name", .bad) }
    screen.newline()

    line("heap")
    size(facts.heap.usedBytes)
    screen.add(" in ")
    screen.add(facts.heap.usedBlocks)
    screen.add(" blocks; free: ")
    size(facts.heap.freeBytes)
    screen.add(", largest piece ")
    size(facts.heap.largestFreeBlock)
    screen.newline()

    line("bus")
    screen.add(ByteString(facts.busID.flatMap(hex)))
    screen.newline()

    line("mapper")
    if facts.writer == 0 {
      screen.add("gone", .bad)
      screen.add("; this is its last state")
    } else {
      screen.add("alive", .good)
      screen.add(", process ")
      screen.add(Int(facts.writer))
    }
    screen.newline()

    line("state")
    screen.add("generation ")
    screen.add(Int(facts.generation))
    screen.add(", complete as of ")
    age(facts.age)
    screen.add(" ago")
    screen.newline()

    line("objects")
    screen.add(facts.counts.objects)
    screen.add(" of ")
    screen.add(facts.counts.services)
    screen.add(" services, with ")
    screen.add(facts.counts.interfaces)
    screen.add(" different interfaces")
    screen.newline()

    line("associations")
    screen.add(facts.counts.associations)
    screen.newline()
  }

  /// The begin of a line, with what stands behind it in one column.
  private func line(_ title: StaticString) {
    screen.add(title, .key)
    screen.pad(14 - title.utf8CodeUnitCount)
  }

  private func size(_ bytes: Int) {
    if bytes < 10 << 10 {
      screen.add(bytes)
      screen.add(" B")
    } else {
      screen.add((bytes + 512) >> 10)
      screen.add(" KiB")
    }
  }

  private func age(_ microseconds: UInt64) {
    switch microseconds {
    case ..<10_000:
      screen.add(Int(microseconds))
      screen.add(" us")
    case ..<10_000_000:
      screen.add(Int(microseconds / 1000))
      screen.add(" ms")
    default:
      screen.add(Int(microseconds / 1_000_000))
      screen.add(" s")
    }
  }

  private func write(_ facts: PoolFacts) {
    var json = JSON(screen, options.json)
    json.beginObject()
    json.key("pool")
    json.string(poolPath)
    json.key("bus")
    json.string(ByteString(facts.busID.flatMap(hex)))
    json.key("isRetired")
    json.bool(facts.isRetired)
    json.key("mapperIsAlive")
    json.bool(facts.writer != 0)
    let numbers: [(StaticString, Int)] = [
      ("mapperProcess", Int(facts.writer)), ("generation", Int(facts.generation)), ("ageMicroseconds", Int(facts.age)),
      ("bytes", facts.bytes), ("usedBytes", facts.heap.usedBytes), ("usedBlocks", facts.heap.usedBlocks),
      ("freeBytes", facts.heap.freeBytes), ("largestFreeBlock", facts.heap.largestFreeBlock),
      ("objects", facts.counts.objects), ("services", facts.counts.services), ("interfaces", facts.counts.interfaces),
      ("associations", facts.counts.associations),
    ]
    for (key, value) in numbers {
      json.key(key)
      json.number(value)
    }
    json.endObject()
    json.finish()
  }
}

/// Two hexadecimal digits.
private func hex(_ byte: UInt8) -> [UInt8] {
  [byte >> 4, byte & 15].map { $0 < 10 ? UInt8(ascii: "0") + $0 : UInt8(ascii: "a") + $0 - 10 }
}
