// The memory layout in numbers. Processes of other builds, other word sizes and later versions rely on each of them: a number
// that changes here needs another `Layout.version`.

import CSystem
import Testing

@testable import ShMap

/// Name, what the code says, what it has to be.
private typealias Row = (String, UInt32, UInt32)

private func compare(_ rows: [Row]) {
  for (name, found, wanted) in rows { #expect(found == wanted, "\(name)") }
}

@Suite struct LayoutTests {
  @Test func theFirstPages() {
    compare([
      ("magic", Layout.magicAt, 0), ("low magic", Layout.magicLow, 0x616d_6873),
      ("high magic", Layout.magicHigh, 0x0102_0070), ("version's place", Layout.versionAt, 8),
      ("version", Layout.version, 1), ("state", Layout.stateAt, 12), ("size", Layout.sizeAt, 16),
      ("root", Layout.rootAt, 20), ("generation", Layout.generationAt, 24), ("floor", Layout.floorAt, 28),
      ("floor's epoch", Layout.floorEpochAt, 32), ("contents", Layout.contentsAt, 36),
      ("identity", Layout.identityAt, 40), ("stamp", Layout.stampAt, 56), ("end", Layout.endAt, 68),
      ("arenas", Layout.arenasAt, 72), ("pool readers", Layout.poolReadersAt, 76),
      ("lock readers", Layout.lockReadersAt, 80), ("lifetime", Layout.lifetimeAt, 84), ("user", Layout.userAt, 88),
      ("seed", Layout.seedAt, 92), ("namespace", Layout.namespaceAt, 96), ("owner", Layout.ownerAt, 128),
      ("lock", Layout.lockAt, 192), ("arena table", Layout.arenaTableAt, 1024), ("arena", Layout.arenaBytes, 1024),
      ("arena limit", Layout.arenaLimit, 4), ("readers", Layout.readersAt, 5120), ("reader", Layout.readerBytes, 64),
      ("pool reader limit", Layout.poolReaderLimit, 64), ("lock reader limit", Layout.lockReaderLimit, 176),
      ("header", Layout.headerBytes, 20480),
    ])
    // What lies side by side does not overlap.
    #expect(Layout.lockAt + UInt32(SHM_CELL_BYTES) <= Layout.arenaTableAt)
    #expect(Layout.arenaTableAt + Layout.arenaLimit * Layout.arenaBytes == Layout.readersAt)
    let readers = Layout.poolReaderLimit + Layout.lockReaderLimit
    #expect(Layout.readersAt + readers * Layout.readerBytes == Layout.headerBytes)
  }

  @Test func theHeap() {
    compare([
      ("header", Heap.headerBytes, 8), ("smallest block", Heap.smallestBlock, 16), ("levels", Heap.levels, 27),
      ("used", Heap.usedAt, 40), ("broken", Heap.brokenAt, 44), ("first level", Heap.firstLevelAt, 48),
      ("second level", Heap.secondLevelAt, 52), ("lists", Heap.listsAt, 160),
    ])
    #expect(Heap.listsAt + Heap.levels * 8 * 4 == Layout.arenaBytes)
  }

  @Test func cellsAndLocks() {
    func at<Value>(_ path: KeyPath<shm_cell, Value>) -> UInt32 {
      UInt32(MemoryLayout<shm_cell>.offset(of: path) ?? 999)
    }
    compare([
      ("word", at(\.word), 0), ("what", at(\.what), 4), ("depth", at(\.depth), 8),
      ("narrow self", at(\.narrow_self), 16), ("narrow next", at(\.narrow_next), 20),
      ("wide before", at(\.wide_before), 24), ("wide next", at(\.wide_next), 32),
      ("cell", UInt32(MemoryLayout<shm_cell>.size), 40), ("mutex", UInt32(MemoryLayout<Mutex>.size), 40),
      ("condition", UInt32(MemoryLayout<Condition>.size), 8),
      ("shared lock", UInt32(MemoryLayout<SharedLock>.size), 40), ("dead", Cell.ownerDied, 0x4000_0000),
      ("thread", Cell.threadMask, 0x3fff_ffff),
    ])
  }

  @Test func vectorsAndTables() {
    compare([
      ("vector", UInt32(VectorEngine.bytes), 48), ("its kind", VectorEngine.kind, 0x7665_6374),
      ("kind", VectorEngine.kindAt, 0), ("active", VectorEngine.activeAt, 4), ("stride", VectorEngine.strideAt, 8),
      ("states", VectorEngine.statesAt, 16), ("state", VectorEngine.stateBytes, 16),
      ("no hole", VectorEngine.noHole, 0xffff_ffff), ("table", UInt32(TableEngine.bytes), 32),
      ("map", TableEngine.mapKind, 0x6d61_7021), ("set", TableEngine.setKind, 0x7365_7421),
      ("kind", TableEngine.kindAt, 0), ("flags", TableEngine.flagsAt, 4), ("slots", TableEngine.slotsAt, 8),
      ("count", TableEngine.countAt, 12), ("changing", TableEngine.changingAt, 16), ("seed", TableEngine.seedAt, 20),
      ("key bytes", TableEngine.keyBytesAt, 24), ("value bytes", TableEngine.valueBytesAt, 28),
      ("first slot", TableEngine.firstSlotAt, 8),
    ])
    // The slots of the C library's tables: hash, key's offset and length, and for a map its value.
    let map = TableEngine.Shape(isMap: true, inlineKeys: false, ownsKeys: false, keyBytes: 8, valueBytes: 8)
    let set = TableEngine.Shape(isMap: false, inlineKeys: false, ownsKeys: false, keyBytes: 8, valueBytes: 0)
    compare([("value", map.valueAt, 16), ("map's slot", map.stride, 24), ("set's slot", set.stride, 16)])
  }

  @Test func hashesAreTheSameEverywhere() {
    let text = Array("/xyz/openbmc_project/sensors/temperature/ambient".utf8)
    func hash(_ count: Int) -> UInt32 {
      unsafe text.withUnsafeBytes { unsafe ByteHash.hash($0.baseAddress!, count, seed: 7) }
    }
    compare([
      ("0", hash(0), 2_764_472_273), ("3", hash(3), 1_936_025_725), ("7", hash(7), 607_814_892),
      ("15", hash(15), 2_005_130_242), ("48", hash(48), 1_456_618_328),
    ])
  }
}
