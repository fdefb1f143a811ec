// A lock word between processes that survives its holder and hands its priority on: what mutexes are, and what
// reader-writer locks and the allocator's locks are made of. The layout is in CSystem's robust.h.
//
// Taking a free cell and giving it up are one atomic operation each, and a few stores to keep the kernel's list of held
// locks. Who has to wait looks again for a moment and then sleeps in the kernel (FUTEX_LOCK_PI), which lends its
// priority to the holder and, when the holder dies, gives the cell to one of those who wait.

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
  static let waiters: UInt32 = 0x8000_0000

  @inline(__always)
  init(_ word: UnsafeMutableRawPointer) { unsafe self.word = word }

  @inline(__always)
  var value: UInt32 { unsafe shm_load32_ordered(word) }

  /// Takes the cell if it is free, else gives nil at once.
  @inline(never)
  func tryLock(_ thread: UnsafeMutablePointer<shm_thread>) -> Acquisition? {
    unsafe shm_robust_begin(thread, word, true)
    if unsafe shm_swap32_ordered(word, 0, thread.pointee.id) {
      unsafe shm_robust_enter(thread, word, true)
      return .clean
    }
    if unsafe shm_swap32_ordered(word, Cell.ownerDied, thread.pointee.id) {
      unsafe shm_robust_enter(thread, word, true)
      return .holderDied
    }
    unsafe shm_robust_end(thread)
    return nil
  }

  /// Takes the cell if it is free or soon is, without sleeping.
  func lockSoon(_ thread: UnsafeMutablePointer<shm_thread>) -> Acquisition? {
    if let taken = unsafe tryLock(thread) { return taken }
    return unsafe spin(thread)
  }

  @inline(never)
  private func spin(_ thread: UnsafeMutablePointer<shm_thread>) -> Acquisition? {
    for _ in unsafe 0..<thread.pointee.spins {
      shm_pause()
      let now = unsafe shm_load32(word)
      if now & Cell.threadMask == 0, let taken = unsafe tryLock(thread) { return taken }
      // Others sleep for it already: it will be handed to them.
      if now & Cell.waiters != 0 { return nil }
    }
    return nil
  }

  /// Takes the cell, sleeping until that is possible. Throws `deadlock` when the calling thread holds it.
  func lock() throws(PoolError) -> Acquisition {
    let thread = unsafe shm_thread_self()!
    if let taken = unsafe lockSoon(thread) { return taken }
    return try unsafe sleep(thread)
  }

  @inline(never)
  func sleep(_ thread: UnsafeMutablePointer<shm_thread>) throws(PoolError) -> Acquisition {
    if unsafe value & Cell.threadMask == thread.pointee.id { throw .deadlock }
    unsafe shm_robust_begin(thread, word, true)
    while true {
      let result = unsafe shm_futex_lock_pi(word)
      switch -result {
      case 0:
        unsafe shm_robust_enter(thread, word, true)
        guard value & Cell.ownerDied != 0 else { return .clean }
        unsafe _ = shm_and32(word, ~Cell.ownerDied)
        return .holderDied
      case EINTR, EAGAIN:
        continue
      case ESRCH:
        // The holder is gone and no list told the kernel that it held this.
        let now = value
        guard now & Cell.threadMask != 0, unsafe shm_swap32_ordered(word, now, thread.pointee.id) else { continue }
        unsafe shm_robust_enter(thread, word, true)
        return .holderDied
      case ENOSYS:
        guard let taken = unsafe sleepWithoutInheritance(thread) else { continue }
        return taken
      default:
        unsafe shm_robust_end(thread)
        throw result == -EDEADLK ? .deadlock : .system(-result)
      }
    }
  }

  /// One try on a kernel without priority inheritance. It sleeps for a bounded time, as a wake can get lost with its sender.
  private func sleepWithoutInheritance(_ thread: UnsafeMutablePointer<shm_thread>) -> Acquisition? {
    let now = value
    if now & Cell.threadMask == 0 {
      let mine = unsafe thread.pointee.id | (now & Cell.waiters)
      guard unsafe shm_swap32_ordered(word, now, mine) else { return nil }
      unsafe shm_robust_enter(thread, word, true)
      return now & Cell.ownerDied != 0 ? .holderDied : .clean
    }
    if now & Cell.waiters == 0, unsafe !shm_swap32_ordered(word, now, now | Cell.waiters) { return nil }
    var pause = timespec(tv_sec: 0, tv_nsec: 50_000_000)
    unsafe _ = shm_futex_wait(word, now | Cell.waiters, &pause)
    return nil
  }

  /// Gives the cell up. Throws `notHolder` when the calling thread does not hold it.
  @inline(never)
  func unlock() throws(PoolError) {
    let thread = unsafe shm_thread_self()!
    guard unsafe value & Cell.threadMask == thread.pointee.id else { throw .notHolder }
    unsafe shm_robust_leave(thread, word, true)
    if unsafe !shm_swap32_ordered(word, thread.pointee.id, 0) { handOver() }
    unsafe shm_robust_end(thread)
  }

  @inline(never)
  private func handOver() {
    unsafe _ = shm_or32(word, 0)  // all that was written before is visible to the next holder
    if unsafe shm_futex_unlock_pi(word) != 0 {
      unsafe _ = shm_exchange32_ordered(word, 0)
      unsafe _ = shm_futex_wake(word, 1)
    }
  }

  /// Whether a living thread holds the cell, as far as the kernel told.
  var isHeld: Bool { value & Cell.threadMask != 0 && value & Cell.ownerDied == 0 }
}
