// When the daemon rests: a while after the last scan or long answer it gives back what it needed only for that. On a BMC
// that is most of its memory: a scan's peak in the heap, libxml2 and all that comes with it.

import CSystem

/// When memory is to be given back. Times are in microseconds of CLOCK_MONOTONIC.
struct Rest {
  /// So long nothing must have happened. Services come one after the other at boot, and each scan needs it all again.
  private static let quiet: UInt64 = 500_000

  /// When to give memory back; `UInt64.max` when all is given back.
  private(set) var deadline: UInt64 = .max

  /// Something has needed memory that it needs no more.
  mutating func noteWork(at now: UInt64) { deadline = now + Rest.quiet }

  /// Gives the process's memory back, if it is time. What the program's own objects hold, they have let go of before.
  mutating func begin(at now: UInt64, _ letGo: () -> Void) {
    guard now >= deadline else { return }
    deadline = .max
    letGo()
    shm_return_free_memory()
    shm_let_code_go()
  }
}
