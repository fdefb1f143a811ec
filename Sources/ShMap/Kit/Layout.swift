// The first page of a pool, which is the same for 32- and 64-bit processes.
//
//        0  magic            "shmap" and a mark for the byte order
//        8  version          of this page and of the heap's blocks
//       12  state            preparing, ready, or retired (a newer file has taken this one's name)
//       16  size             bytes of the file; only ever grows
//       20  root             offset of the published root block; zero before the first publication
//       24  generation       low word of the published generation; readers sleep on it (futex)
//       28  floor            generations below this one may have lost blocks to recycling (low word)
//       32  floorEpoch       the same counted in steps of 2^30, so that a wrapped low word cannot deceive
//       36  contents         what the pool is used for, chosen by its creator: a kind and a version
//       40  identity         16 bytes chosen by the creator (for the mapper: the id of its bus)
//       56  stamp            a 64-bit time as three words: high, low, high again
//      128  owner            robust lock that the writer holds for its life; the kernel marks it when the writer dies
//      256  heap             the allocator's lists
//     4096  first block
//
// Every word that changes after the pool is ready is read and written as an atomic 32-bit word.

/// Offsets of the words in the first page.
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
  static let ownerAt: UInt32 = 128
  static let heapAt: UInt32 = 256

  /// Bytes before the first block of the heap.
  public static let headerBytes: UInt32 = 4096

  enum State {
    static let preparing: UInt32 = 0
    static let ready: UInt32 = 1
    static let retired: UInt32 = 2
  }

  /// The epoch word that belongs to a 64-bit generation.
  static func epoch(_ generation: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: generation >> 30) }
}
