// A pool's name passes to a newer pool: whoever reads the older one is told, and woken if it sleeps.

import CSystem

extension PoolFile {
  /// Marks the pool in an open file as retired, and takes over the descriptor. To be called after a newer pool has taken
  /// its name, so that a reader who sees the mark finds the newer one. A pool whose writer lives is left alone.
  static func retire(_ file: Int32, length: Int) {
    guard let mapping = try? Mapping(file: file, writable: true, size: Int(Layout.headerBytes), reserve: 0) else {
      return
    }
    mark(mapping, length: length)
  }

  private static func mark(_ mapping: borrowing Mapping, length: Int) {
    let view = ReadView(mapping, size: min(length, Int(Layout.headerBytes)))
    guard (try? check(view, length: length)) != nil else { return }
    let base = unsafe mapping.base
    guard !Layout.isHeld(unsafe shm_load32_acquire(base + Int(Layout.ownerAt))) else { return }
    unsafe shm_store32_release(base + Int(Layout.stateAt), Layout.State.retired)
    // A reader on its way to sleep must not miss the mark: it sleeps only as long as this word is what it has seen.
    unsafe _ = shm_add32(base + Int(Layout.generationAt), 1)
    unsafe _ = shm_futex_wake(base + Int(Layout.generationAt), Int32.max)
  }
}
