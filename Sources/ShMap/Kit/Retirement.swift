// A pool's name passes to a newer pool: whoever reads the older one is told, and woken if it sleeps.

import CSystem

/// The older pool of a name that is about to lead to a newer one.
final class RetiredPool {
  private let mapping: Mapping
  private let length: Int

  /// Opens the pool behind `path`, if there is one that may be written.
  init(of path: [UInt8]) throws(PoolError) {
    let (file, length) = try PoolFile.open(path, writable: true, trust: Trust())
    self.length = length
    mapping = try Mapping(file: file, writable: true, size: Int(Layout.headerBytes), reserve: 0)
  }

  /// Marks the pool as retired. Throws when it is none, and `inUse` when its writer lives. A reader who sees the mark looks
  /// under the name, where it finds the newer pool, or for a moment still this one.
  func mark() throws(PoolError) {
    try RetiredPool.check(mapping, length)
    let base = unsafe mapping.base
    if Layout.isHeld(unsafe shm_load32_acquire(base + Int(Layout.ownerAt))) {
      guard PoolFile.isUnlocked(mapping.file) else { throw .inUse }
      // It died unknown to the kernel (Reader.writerHasEnded); its readers learn it here.
      unsafe shm_store32_release(base + Int(Layout.ownerAt), Cell.ownerDied)
    }
    unsafe shm_store32_release(base + Int(Layout.stateAt), Layout.State.retired)
  }

  private static func check(_ mapping: borrowing Mapping, _ length: Int) throws(PoolError) {
    _ = try PoolFile.check(ReadView(mapping, size: min(length, Int(Layout.headerBytes))), length: length)
  }

  /// To be called when the newer pool has the name.
  func wakeReaders() {
    let base = unsafe mapping.base
    // A reader on its way to sleep must not miss the mark: it sleeps only as long as this word is what it has seen.
    unsafe _ = shm_add32(base + Int(Layout.generationAt), 1)
    unsafe _ = shm_futex_wake(base + Int(Layout.generationAt), Int32.max)
  }
}
