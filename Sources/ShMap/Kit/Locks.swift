// The locks that applications put into a pool: mutex, condition, reader-writer lock. Each is a few words of fixed layout, all
// zero when new, that 32- and 64-bit processes share. All survive their holder; a thread that has to sleep for one lets go of
// the pool's read lock meanwhile, so that the pool can grow.

import CSystem

/// A mutex between processes, for use inside of structures in a pool. One thread holds it at a time; it hands its priority
/// to the holder while it waits, where the kernel can do that.
public struct Mutex: BitwiseCopyable, Sendable {
  private var words: (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)
  public init() {}
}

/// A condition between processes: threads sleep until another says that something has changed. As everywhere, a thread may
/// wake without a reason: test what you wait for in a loop.
public struct Condition: BitwiseCopyable, Sendable {
  /// Counts signals; who sleeps, sleeps on it.
  private var signals: UInt32 = 0
  /// Not 0 when somebody may be asleep.
  private var sleepers: UInt32 = 0
  public init() {}
}

/// A reader-writer lock between processes: many readers or one writer; writers go first.
public struct SharedLock: BitwiseCopyable, Sendable {
  private var words: (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)
  public init() {}
}

extension Session {
  @inline(never)
  private func cell(_ at: UInt32) throws(PoolError) -> Cell {
    try unsafe Cell(memory.pointer(at, bytes: Int(SHM_CELL_BYTES)))
  }

  // MARK: Mutex

  @inline(never)
  package mutating func lockMutex(_ at: UInt32) throws(PoolError) -> Acquisition {
    if unsafe shm_mutex_take(attachment.shared, UInt(at)) { return .clean }
    let cell = try cell(at)
    if let taken = unsafe cell.lockSoon(thread) { return taken }
    let thread = unsafe thread
    return try outside { () throws(PoolError) in try unsafe cell.sleep(thread) }
  }

  /// Whether a living thread holds a mutex, or a reader-writer lock in either way.
  package func isLocked(_ at: UInt32) throws(PoolError) -> Bool {
    let isRead = try sharedLock(at).isRead
    return try cell(at).isHeld ? true : isRead
  }

  @inline(never)
  package func unlockMutex(_ at: UInt32) throws(PoolError) {
    if unsafe shm_mutex_give(attachment.shared, UInt(at)) != 0 { try cell(at).unlock() }
  }

  // MARK: Condition

  package mutating func wait(_ condition: UInt32, _ mutex: UInt32) throws(PoolError) -> Acquisition {
    let word = try unsafe memory.pointer(condition, bytes: 8)
    // In this order: a broadcast takes the mark away before it counts, so who loses its mark has an old count and does not
    // fall asleep.
    let seen = unsafe shm_load32_ordered(word)
    unsafe _ = shm_exchange32_ordered(word + 4, 1)
    try unlockMutex(mutex)
    let depth = away()
    // The answer may be a moment away.
    unsafe shm_watch(word, seen, thread)
    // Bounded, as a signal can die with the thread that it woke.
    var pause = timespec(tv_sec: 1, tv_nsec: 0)
    unsafe _ = shm_futex_wait(word, seen, &pause)
    try back(depth)
    return try lockMutex(mutex)
  }

  package func signal(_ condition: UInt32) throws(PoolError) {
    let word = try unsafe memory.pointer(condition, bytes: 8)
    unsafe _ = shm_add32(word, 1)
    if unsafe shm_load32_ordered(word + 4) != 0 { unsafe _ = shm_futex_wake(word, 1) }
  }

  package func broadcast(_ condition: UInt32) throws(PoolError) {
    let word = try unsafe memory.pointer(condition, bytes: 8)
    let sleepers = unsafe shm_exchange32_ordered(word + 4, 0)
    unsafe _ = shm_add32(word, 1)
    if sleepers != 0 { unsafe _ = shm_futex_wake(word, Int32.max) }
  }

  // MARK: Reader-writer lock

  @inline(never)
  private func sharedLock(_ at: UInt32) throws(PoolError) -> ReaderWriterLock {
    _ = try cell(at)
    return unsafe ReaderWriterLock.inPool(memory.base, at: at)
  }

  package mutating func lockShared(_ at: UInt32) throws(PoolError) -> Acquisition {
    let lock = try sharedLock(at)
    if unsafe lock.tryRead(thread) { return .clean }
    let thread = unsafe thread
    return try outside { () throws(PoolError) in try unsafe lock.read(thread) }
  }

  package mutating func lockExclusive(_ at: UInt32) throws(PoolError) -> Acquisition {
    let lock = try sharedLock(at)
    let thread = unsafe thread
    guard let taken = unsafe lock.cell.lockSoon(thread) else {
      return try outside { () throws(PoolError) in try unsafe lock.write(thread) }
    }
    guard lock.isRead else { return taken }
    return try outside { () throws(PoolError) in
      try unsafe lock.waitForReaders(thread)
      return taken
    }
  }

  package func unlockShared(_ at: UInt32) throws(PoolError) { try unsafe sharedLock(at).unlock(thread) }
}
