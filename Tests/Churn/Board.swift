// What the processes of a test tell each other, in a mapped file that outlives each of them.
//
//     0          1: stop
//     64 * slot  0 what was done (changes, or answers)   4 what was published, or read again because it was stale

import CSystem
import Database

@safe struct Board {
  private let base: UnsafeMutableRawPointer
  private let slot: Int

  init?(_ path: ByteString, slot: Int) {
    let file = unsafe path.withCString { unsafe shm_open_file($0, O_RDWR | O_CLOEXEC, 0) }
    guard file >= 0, slot > 0, slot < 64, let start = unsafe shm_mmap(4096, true, file) else { return nil }
    unsafe base = start
    self.slot = slot
  }

  var isStopped: Bool { unsafe shm_load32(base) != 0 }

  func count(_ done: Int, _ more: Int) {
    unsafe _ = shm_add32(base + 64 * slot, UInt32(done))
    unsafe _ = shm_add32(base + 64 * slot + 4, UInt32(more))
  }
}
