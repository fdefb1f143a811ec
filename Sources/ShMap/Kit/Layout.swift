// The first pages of a pool, which are the same for 32- and 64-bit processes.
//
//        0  magic            "shmap" and a mark for the byte order
//        8  version          of these pages and of the heap's blocks
//       12  state            preparing, ready, or retired (a newer file has taken this one's name)
//       16  size             bytes of the file; only ever grows
//       20  root             offset of the published root block; zero before the first publication
//       24  generation       low word of the published generation; readers sleep on it (futex)
//       28  floor            generations below this one may have lost blocks to recycling (low word)
//       32  floorEpoch       the same counted in steps of 2^30, so that a wrapped low word cannot deceive
//       36  contents         what the pool is used for, chosen by its creator: a kind and a version
//       40  identity         16 bytes chosen by the creator (for the mapper: the id of its bus)
//       56  stamp            a 64-bit time as three words: high, low, high again
//       68  end              the mark that ends the chain of blocks
//       72  arenas           arenas that have blocks: those below this number
//       76  poolReaders      reader entries that were ever used: those below this number
//       80  lockReaders      the same for the reader-writer locks inside of the pool
//       84  lifetime         1: the file stays when the last process leaves
//       88  user             block for the application's own use, made by the creator
//       92  seed             random, for hashes
//       96  namespace        number of the PID namespace that the thread numbers in locks are of; 0: unknown
//      128  owner            lock cell that the writer holds for its life; the kernel marks it when the writer dies
//      192  lock             the pool's reader-writer lock
//     1024  arenas[4]        the allocator's lists, see Heap.swift
//     5120  readers[240]     who holds a reader-writer lock for reading, see ReaderWriterLock.swift
//    20480  first block
//
// Every word that changes after the pool is ready is read and written as an atomic 32-bit word. Pages that a pool does not
// use are holes in its file and take no memory.

import CSystem

/// Offsets of the words in the first pages.
public enum Layout {
  public static let magicLow: UInt32 = 0x616d_6873  // "shma"
  public static let magicHigh: UInt32 = 0x0102_0070  // "p", then the byte order mark
  public static let version: UInt32 = 1

  static let magicAt: UInt32 = 0
  static let versionAt: UInt32 = 8
  static let stateAt: UInt32 = 12
  static let sizeAt: UInt32 = 16
  static let rootAt: UInt32 = 20
  static let generationAt: UInt32 = 24
  static let floorAt: UInt32 = 28
  static let floorEpochAt: UInt32 = 32
  static let contentsAt: UInt32 = 36
  static let identityAt: UInt32 = 40
  static let stampAt: UInt32 = 56
  static let endAt: UInt32 = 68
  static let arenasAt: UInt32 = 72
  static let poolReadersAt: UInt32 = 76
  static let lockReadersAt: UInt32 = 80
  static let lifetimeAt: UInt32 = 84
  static let userAt: UInt32 = 88
  static let seedAt: UInt32 = 92
  static let namespaceAt: UInt32 = 96
  static let ownerAt: UInt32 = 128
  static let lockAt: UInt32 = 192
  static let arenaTableAt: UInt32 = 1024
  static let arenaBytes: UInt32 = 1024
  static let arenaLimit: UInt32 = 4
  static let readersAt: UInt32 = 5120
  static let readerBytes: UInt32 = 64
  static let poolReaderLimit: UInt32 = 64
  static let lockReaderLimit: UInt32 = 176

  /// Bytes before the first block of the heap.
  public static let headerBytes = UInt32(SHM_HEADER_BYTES)

  enum State {
    static let preparing: UInt32 = 0
    static let ready: UInt32 = 1
    static let retired: UInt32 = 2
  }

  /// Whether the owner's word says that a living process holds the lock.
  static func isHeld(_ owner: UInt32) -> Bool { owner & 0x3fff_ffff != 0 && owner & 0x4000_0000 == 0 }

  /// The epoch word that belongs to a 64-bit generation.
  static func epoch(_ generation: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: generation >> 30) }
}
