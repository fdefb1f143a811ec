// A reader-writer lock between processes that survives the death of readers and writers. The pool has one for its metadata,
// and applications put as many as they like into it.
//
// A count of readers would be wrong for ever once a reader dies. So each reader enters itself in a table of the pool, in an
// entry that is a cell of its own (cell.h): if its thread ends, the kernel marks the entry, and writers pass it by.
//
//     lock     0  cell     held by the writer, who then waits until no entry names this lock
//
//     entry    0  word     the reader's thread
//              4  what     offset of the lock that it reads under; meaningless while word names nobody
//              8  depth    how often it has taken it
//
// The two sides miss each other by no order: the reader enters itself and then looks at the lock's cell, the writer takes the
// cell and then looks at the entries, each with sequentially consistent operations. A reader that finds a writer leaves its
// entry and queues at the cell, so that writers do not starve; readers are let in together afterwards.
//
// Taking an unwritten lock for reading touches no memory that other readers write.

import CSystem

/// One lock of a pool and the part of the table that its readers use.
@safe struct ReaderWriterLock {
  let base: UnsafeMutableRawPointer
  let at: UInt32
  let isPool: Bool

  /// The lock over a pool's metadata: held for reading around every access, for writing while the pool grows.
  @inline(__always)
  static func ofPool(_ base: UnsafeMutableRawPointer) -> ReaderWriterLock {
    unsafe ReaderWriterLock(base: base, at: Layout.lockAt, isPool: true)
  }

  /// A lock that an application has put at an offset of its pool. The caller has checked the offset.
  @inline(__always)
  static func inPool(_ base: UnsafeMutableRawPointer, at: UInt32) -> ReaderWriterLock {
    unsafe ReaderWriterLock(base: base, at: at, isPool: false)
  }

  var cell: Cell {
    @inline(__always) get { unsafe Cell(base + Int(at)) }
  }

  private var first: UInt32 { isPool ? 0 : Layout.poolReaderLimit }
  private var limit: UInt32 { isPool ? Layout.poolReaderLimit : Layout.lockReaderLimit }
  private var everUsed: UnsafeMutableRawPointer {
    unsafe base + Int(isPool ? Layout.poolReadersAt : Layout.lockReadersAt)
  }

  @inline(__always)
  private func entry(_ index: UInt32) -> Entry {
    unsafe Entry(base + Int(Layout.readersAt + (first + index) * Layout.readerBytes))
  }

  @inline(__always)
  private func hint(_ thread: UnsafeMutablePointer<shm_thread>) -> UInt32 {
    unsafe isPool ? thread.pointee.pool_hint : thread.pointee.lock_hint
  }

  private func remember(_ index: UInt32, _ thread: UnsafeMutablePointer<shm_thread>) {
    if isPool { unsafe thread.pointee.pool_hint = index } else { unsafe thread.pointee.lock_hint = index }
  }

  // MARK: Reading

  /// Takes the lock for reading if no writer has it or waits for it.
  @inline(never)
  func tryRead(_ thread: UnsafeMutablePointer<shm_thread>) -> Bool {
    let index = unsafe hint(thread)
    if unsafe index < shm_load32(everUsed), unsafe entry(index).take(for: at, thread) {
      if cell.value == 0 { return true }
      unsafe entry(index).leave(thread)
    }
    return false
  }

  /// Takes the lock for reading, sleeping while there is a writer. `holderDied`: the last writer did not finish.
  @inline(never)
  func read(_ thread: UnsafeMutablePointer<shm_thread>) throws(PoolError) -> Acquisition {
    if unsafe tryRead(thread) { return .clean }
    if let held = unsafe heldEntry(thread) {
      held.depth &+= 1
      return .clean
    }
    let taken = try cell.lock()
    while true {
      if unsafe enter(thread) { break }
      guard isPool else {
        try cell.unlock()
        throw .tooManyReaders
      }
      unsafe entry(hint(thread) % limit).waitForLeave(of: 0)
    }
    try cell.unlock()
    return taken
  }

  /// Finds an entry for the calling thread. The caller holds the cell, so there is no writer.
  private func enter(_ thread: UnsafeMutablePointer<shm_thread>) -> Bool {
    for index in 0..<limit {
      if unsafe index >= shm_load32(everUsed) { unsafe shm_store32_release(everUsed, index + 1) }
      if unsafe entry(index).take(for: at, thread) {
        unsafe remember(index, thread)
        return true
      }
    }
    return false
  }

  @inline(never)
  private func heldEntry(_ thread: UnsafeMutablePointer<shm_thread>) -> Entry? {
    let used = unsafe min(shm_load32_acquire(everUsed), limit)
    for index in 0..<used {
      let entry = entry(index)
      if unsafe entry.cell.value & Cell.threadMask == thread.pointee.id, entry.what == at {
        unsafe remember(index, thread)
        return entry
      }
    }
    return nil
  }

  /// Gives up what `read` took. Throws `notHolder` when the thread does not read under this lock.
  @inline(never)
  func doneReading(_ thread: UnsafeMutablePointer<shm_thread>) throws(PoolError) {
    let index = unsafe hint(thread)
    var entry = entry(index)
    if unsafe index >= limit || entry.cell.value & Cell.threadMask != thread.pointee.id || entry.what != at {
      guard let held = unsafe heldEntry(thread) else { throw .notHolder }
      entry = held
    }
    if entry.depth > 1 {
      entry.depth -= 1
    } else {
      unsafe entry.leave(thread)
    }
  }

  /// Gives up all that the thread holds for reading here, and says how deep that was, for `readAgain`.
  func leaveReading(_ thread: UnsafeMutablePointer<shm_thread>) -> UInt32 {
    var depth: UInt32 = 0
    while let held = unsafe heldEntry(thread) {
      depth &+= held.depth
      unsafe held.leave(thread)
    }
    return depth
  }

  func readAgain(_ depth: UInt32, _ thread: UnsafeMutablePointer<shm_thread>) throws(PoolError) {
    guard depth > 0 else { return }
    _ = try unsafe read(thread)
    if let held = unsafe heldEntry(thread) { held.depth = depth }
  }

  // MARK: Writing

  /// Takes the lock for writing, sleeping until no living thread reads or writes. Throws `deadlock` when the calling thread
  /// itself holds it in either way.
  func write(_ thread: UnsafeMutablePointer<shm_thread>) throws(PoolError) -> Acquisition {
    let taken = try cell.lock()
    try unsafe waitForReaders(thread)
    return taken
  }

  /// Waits until nobody reads. The caller holds the cell; it is given up when this throws.
  @inline(never)
  func waitForReaders(_ thread: UnsafeMutablePointer<shm_thread>) throws(PoolError) {
    let used = unsafe min(shm_load32_ordered(everUsed), limit)
    for index in 0..<used {
      let entry = entry(index)
      guard entry.isRead(under: at) else { continue }
      if unsafe entry.cell.value & Cell.threadMask == thread.pointee.id {
        try cell.unlock()
        throw .deadlock
      }
      while entry.isRead(under: at) { entry.waitForLeave(of: at) }
    }
  }

  /// Whether somebody reads; the caller holds the cell.
  var isRead: Bool {
    let used = unsafe min(shm_load32_ordered(everUsed), limit)
    for index in 0..<used where entry(index).isRead(under: at) { return true }
    return false
  }

  @inline(__always)
  func doneWriting() throws(PoolError) { try cell.unlock() }

  /// Gives up the lock in whichever way the calling thread holds it.
  func unlock(_ thread: UnsafeMutablePointer<shm_thread>) throws(PoolError) {
    if unsafe cell.value & Cell.threadMask == thread.pointee.id {
      try doneWriting()
    } else {
      try unsafe doneReading(thread)
    }
  }
}

/// A reader's entry in the table.
@safe struct Entry {
  let cell: Cell

  @inline(__always)
  init(_ at: UnsafeMutableRawPointer) { unsafe cell = Cell(at) }

  @inline(__always)
  var what: UInt32 { unsafe shm_load32_ordered(cell.word + 4) }

  /// Written by the thread that holds the entry only.
  var depth: UInt32 {
    @inline(__always) get { unsafe shm_load32(cell.word + 8) }
    @inline(__always) nonmutating set { unsafe shm_store32(cell.word + 8, newValue) }
  }

  func isRead(under lock: UInt32) -> Bool { cell.value & Cell.threadMask != 0 && what == lock }

  /// Enters the calling thread as a reader if nobody else is in, or who was is dead.
  @inline(__always)
  func take(for lock: UInt32, _ thread: UnsafeMutablePointer<shm_thread>) -> Bool {
    unsafe shm_entry_take(cell.word, lock, thread)
  }

  @inline(__always)
  func leave(_ thread: UnsafeMutablePointer<shm_thread>) { unsafe shm_entry_leave(cell.word, thread) }

  /// Sleeps until the reader that is in may have left; 0: whatever it reads under. The caller holds that lock's cell.
  func waitForLeave(of lock: UInt32) { unsafe shm_entry_wait(cell.word, lock) }
}
