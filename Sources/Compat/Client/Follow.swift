// Which pool a client reads: it opens the file when there is one, turns to another when the mapper has been replaced, and stays
// with what it has while there is nothing better.
//
// A client looks at the file system only when something is amiss (no pool, or one that is retired, outgrown, damaged, or whose
// mapper is dead), and then at most every few milliseconds, so that no lookup pays for it in normal life.

import CSystem
import Database
import ShMap

/// The state of following, behind the client's lock.
struct Following {
  /// The id of the bus that a pool has to mirror; nil: not known yet.
  var identity: [UInt8]?
  /// The pool that is open contradicted itself: it is not asked again.
  var isDamaged = false
  /// When the file system may be looked at again, in microseconds of CLOCK_MONOTONIC.
  fileprivate var nextLook: UInt64 = 0
  fileprivate var hasComplained = false

  fileprivate static let pauseWithoutPool: UInt64 = 100_000
  fileprivate static let pauseWithPool: UInt64 = 10_000

  /// Whether the pool may answer, as far as its life goes. False when it is time to look for another.
  @inline(__always)
  func mayRead(_ pool: Attachment) -> Bool {
    guard !isDamaged, !pool.reader.isRetired else { return false }
    return pool.reader.writerIsAlive || shm_now_us() < nextLook
  }

  fileprivate func isAmiss(_ pool: Attachment?) -> Bool {
    guard let pool, !isDamaged else { return true }
    return pool.reader.isRetired || pool.reader.isOutgrown || !pool.reader.writerIsAlive
  }
}

extension Client {
  /// Looks for a better pool if one is needed and it is time. True when it is worth trying the pool now.
  @discardableResult
  func follow() -> Bool {
    guard options.source != .bus else { return false }
    let now = shm_now_us()
    lock.lock()
    let isNeeded = following.isAmiss(attachment)
    let isDue = now >= following.nextLook
    if isNeeded, isDue {
      following.nextLook = now + (attachment == nil ? Following.pauseWithoutPool : Following.pauseWithPool)
    }
    let outgrown = attachment.map { $0.reader.isOutgrown ? $0.reader.size : 0 } ?? 0
    let number = counts.pools + 1
    lock.unlock()
    guard isNeeded, isDue else { return false }
    let identity = options.source == .pool ? nil : learnIdentity()
    guard identity != nil || options.source == .pool else { return false }
    let opened: Attachment
    do throws(PoolError) {
      opened = try Attachment(
        opening: poolPath, identity: identity, number: number,
        reserve: max(Pool.defaultReserve, outgrown * 2))
    } catch {
      refuse(error)
      return false
    }
    adopt(opened, isLarger: outgrown != 0)
    return true
  }

  private func adopt(_ opened: Attachment, isLarger: Bool) {
    lock.lock()
    defer { lock.unlock() }
    let isOther = attachment.map { $0.fileID != opened.fileID } ?? true
    guard isOther || isLarger else { return }
    attachment = opened
    following.isDamaged = false
    counts.pools = opened.number
  }

  /// The id of the bus, asked for once; nil when there is no bus, and so no telling whose the pool is.
  private func learnIdentity() -> [UInt8]? {
    lock.lock()
    let known = following.identity
    lock.unlock()
    if let known { return known }
    let learned = try? unsafe connection.use { bus throws(BusFailure) in try unsafe busID(of: bus) }
    lock.lock()
    following.identity = learned
    lock.unlock()
    return learned
  }

  /// No such file and no right to read it are the ordinary life of a machine without the mapper; all else deserves a line.
  private func refuse(_ error: PoolError) {
    switch error {
    case .system, .stale: return
    case .wrongContents:
      // Of another bus, perhaps since the bus was started anew: then its id is another now.
      lock.lock()
      if !hasCallersBus, options.busID == nil { following.identity = nil }
      lock.unlock()
    case .wrongVersion: complain("is of another version")
    case .untrusted: complain("may have been written by anybody")
    default: complain("is damaged")
    }
  }

  /// A pool that contradicts itself is not read again; another one in its place is.
  func giveUp(_ pool: Attachment) {
    lock.lock()
    if attachment === pool { following.isDamaged = true }
    lock.unlock()
    complain("is damaged")
  }

  /// One line, once.
  private func complain(_ what: StaticString) {
    lock.lock()
    let isFirst = !following.hasComplained
    following.hasComplained = true
    lock.unlock()
    guard isFirst, !options.isQuiet else { return }
    var line: [UInt8] = []
    func add(_ text: StaticString) {
      unsafe line.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
    add("shmapper: the pool ")
    line.append(contentsOf: poolPath.bytes)
    add(" ")
    add(what)
    add(": lookups go over D-Bus\n")
    unsafe _ = line.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
  }
}
