// Making and opening a pool's file safely. A new pool is written under a temporary name and takes the real one by rename,
// so that a name never leads to half a pool; an existing file is checked before anything in it is believed.

import CSystem

/// How much may be read of a pool that somebody else made.
public struct Trust: Sendable {
  /// Users whose pools are believed, besides this process's own and root's.
  public var alsoOwnedBy: uid_t?
  public init(alsoOwnedBy: uid_t? = nil) { self.alsoOwnedBy = alsoOwnedBy }
}

enum PoolFile {
  /// Creates an empty file beside `path`, exclusively and without following a link. The caller renames it into place.
  static func create(beside path: [UInt8], mode: UInt32) throws(PoolError) -> (file: Int32, temporary: [UInt8]) {
    // A folder cannot be replaced by a file: better known before the pool is made than when it takes its name.
    var status = stat()
    let isThere = unsafe withPath(path) { unsafe lstat($0, &status) } == 0
    guard !isThere || UInt32(status.st_mode) & 0o170000 != 0o040000 else { throw .system(EISDIR) }
    sweep(beside: path)
    var attempt: UInt32 = 0
    while true {
      let temporary = path + suffix(UInt32(bitPattern: getpid()) &+ attempt &* 0x9e37_79b9)
      let file = unsafe withPath(temporary) {
        unsafe shm_open_file($0, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0o666)
      }
      if file >= 0 {
        // The caller's umask must not narrow what was asked for.
        guard fchmod(file, mode & 0o666) == 0 else {
          let code = shm_errno()
          _ = close(file)
          remove(temporary)
          throw .system(code)
        }
        return (file, temporary)
      }
      guard shm_errno() == EEXIST, attempt < 100 else { throw .system(shm_errno()) }
      remove(temporary)  // left behind by a process with our number that was killed while it made its pool
      attempt += 1
    }
  }

  /// Makes a pool's file longer, in whole pages, with memory behind it: a full file system is an error here, not a SIGBUS
  /// later. Gives the new length.
  static func extend(_ file: Int32, from length: Int, by bytes: Int) throws(PoolError) -> Int {
    let wanted = (length + bytes + 4095) & ~4095
    guard UInt64(wanted) <= UInt64(UInt32.max) - 4095 else { throw .full }
    let result = shm_extend_file(file, off_t(length), off_t(wanted - length))
    guard result == 0 else { throw result == -ENOSPC ? .full : .system(-result) }
    return wanted
  }

  static func rename(_ from: [UInt8], to: [UInt8]) throws(PoolError) {
    let result = unsafe withPath(from) { from in unsafe withPath(to) { to in unsafe CSystem.rename(from, to) } }
    guard result == 0 else { throw .system(shm_errno()) }
  }

  static func remove(_ path: [UInt8]) {
    unsafe withPath(path) { unsafe _ = unlink($0) }
  }

  /// Opens an existing pool's file and checks who may have written it; gives the descriptor and the file's length.
  static func open(_ path: [UInt8], writable: Bool, trust: Trust) throws(PoolError) -> (file: Int32, length: Int) {
    let file = unsafe withPath(path) {
      unsafe shm_open_file($0, (writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0)
    }
    guard file >= 0 else { throw shm_errno() == ELOOP ? .untrusted : .system(shm_errno()) }
    var status = stat()
    guard unsafe fstat(file, &status) == 0 else {
      let code = shm_errno()
      _ = close(file)
      throw .system(code)
    }
    let owner = status.st_uid
    let mode = UInt32(status.st_mode)
    let known = owner == geteuid() || owner == 0 || owner == trust.alsoOwnedBy
    guard mode & 0o170000 == 0o100000, known, mode & 0o002 == 0 else {
      _ = close(file)
      throw .untrusted
    }
    return (file, Int(clamping: status.st_size))
  }

  /// The file's length now; 0 when it cannot be told.
  static func length(of file: Int32) -> Int {
    var status = stat()
    return unsafe fstat(file, &status) == 0 ? Int(clamping: status.st_size) : 0
  }

  /// flock(2). False: another has the file open and locked.
  static func lock(_ file: Int32, _ operation: Int32) -> Bool {
    while flock(file, operation) != 0 {
      guard shm_errno() == EINTR else { return false }
    }
    return true
  }

  /// Whether no process has locked the file. The kernel drops that lock with its process, in whatever way it ends, and whether or
  /// not it knew of the locks inside of the pool.
  static func isUnlocked(_ file: Int32) -> Bool { lock(file, LOCK_SH | LOCK_NB) && lock(file, LOCK_UN) }

  /// Checks the first page of a pool that has just been mapped; gives the size that it states.
  static func check(_ view: ReadView, length: Int) throws(PoolError) -> Int {
    guard length >= Int(Layout.seedAt) else { throw .tooShort }
    guard try view.word(Layout.magicAt) == Layout.magicLow else { throw .notAPool }
    guard try view.word(Layout.magicAt + 4) == Layout.magicHigh, try view.word(Layout.versionAt) == Layout.version
    else { throw .wrongVersion }
    guard length >= Int(Layout.headerBytes) else { throw .tooShort }
    let size = Int(clamping: try view.word(Layout.sizeAt))
    guard size >= Int(Layout.headerBytes), size & 7 == 0 else { throw .damaged }
    guard size <= length else { throw .tooShort }
    return size
  }

  private static func suffix(_ number: UInt32) -> [UInt8] {
    var out: [UInt8] = [UInt8(ascii: ".")]
    for shift in stride(from: 28, through: 0, by: -4) {
      let digit = UInt8(truncatingIfNeeded: (number >> UInt32(shift)) & 15)
      out.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
    return out
  }

  @discardableResult
  static func withPath<Result>(_ path: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    let terminated = path + [0]
    return unsafe terminated.withUnsafeBytes { unsafe body($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
  }
}
