// Cells as Swift sees them: CSystem's cell.h says what they are and how they work.

import CSystem

/// How a lock was taken.
public enum Acquisition: Sendable {
  /// Its last holder gave it up.
  case clean
  /// Its last holder died with it: what it protects may be half changed. Only the first taker is told.
  case holderDied
}

/// A cell at its address. Zero bytes are a free cell.
@safe struct Cell {
  let word: UnsafeMutableRawPointer

  static let threadMask: UInt32 = 0x3fff_ffff
  static let ownerDied: UInt32 = 0x4000_0000

  @inline(__always)
  init(_ word: UnsafeMutableRawPointer) { unsafe self.word = word }

  @inline(__always)
  var value: UInt32 { unsafe shm_load32_ordered(word) }

  /// Takes the cell if it is free, else gives nil at once.
  func tryLock(_ thread: UnsafeMutablePointer<shm_thread>) -> Acquisition? {
    Cell.taken(unsafe shm_cell_try(word, thread))
  }

  /// Takes the cell if it is free or soon is, without sleeping.
  func lockSoon(_ thread: UnsafeMutablePointer<shm_thread>) -> Acquisition? {
    Cell.taken(unsafe shm_cell_try_soon(word, thread))
  }

  /// Takes the cell, sleeping until that is possible. Throws `deadlock` when the calling thread holds it.
  func lock() throws(PoolError) -> Acquisition {
    let thread = unsafe shm_thread_self()!
    if let taken = unsafe lockSoon(thread) { return taken }
    return try unsafe sleep(thread)
  }

  @inline(never)
  func sleep(_ thread: UnsafeMutablePointer<shm_thread>) throws(PoolError) -> Acquisition {
    let result = unsafe shm_cell_sleep(word, thread)
    if let taken = Cell.taken(result) { return taken }
    throw result == -EDEADLK ? .deadlock : .system(-result)
  }

  /// Gives the cell up. Throws `notHolder` when the calling thread does not hold it.
  func unlock() throws(PoolError) {
    guard unsafe shm_cell_unlock(word, shm_thread_self()) == 0 else { throw .notHolder }
  }

  @inline(__always)
  private static func taken(_ result: Int32) -> Acquisition? {
    if result == Int32(SHM_TAKEN) { return .clean }
    return result == Int32(SHM_HOLDER_DIED) ? .holderDied : nil
  }

  /// Whether a living thread holds the cell, as far as the kernel told.
  var isHeld: Bool { value & Cell.threadMask != 0 && value & Cell.ownerDied == 0 }
}
