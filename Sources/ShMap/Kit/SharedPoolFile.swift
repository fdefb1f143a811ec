// The file of a pool that processes share for reading and writing: who makes it, who has it open, who removes it.
//
// Each process that is attached holds a shared flock(2) on the file, the one that makes it an exclusive one until it is
// ready. The kernel drops a lock when its process ends, in whatever way: the count of attached processes cannot leak, who
// waits for a maker that dies goes on, and the last one out knows that it is the last because it gets the exclusive lock.

import CSystem

/// Where a pool is.
public enum Place: Sendable {
  /// A name of at most 200 bytes without a slash (one may lead): a file of that name in /dev/shm.
  case named([UInt8])
  /// The path of a file.
  case file([UInt8])

  func path() throws(PoolError) -> [UInt8] {
    switch self {
    case .file(let path):
      guard !path.isEmpty, !path.contains(0) else { throw .badName }
      return path
    case .named(let given):
      var name = given[...]
      if name.first == UInt8(ascii: "/") { name = name.dropFirst() }
      guard !name.isEmpty, name.count <= 200, !name.contains(0), !name.contains(UInt8(ascii: "/")),
        name.first != UInt8(ascii: ".")
      else { throw .badName }
      var path: [UInt8] = []
      for byte in "/dev/shm/".utf8 { path.append(byte) }
      path.append(contentsOf: name)
      return path
    }
  }
}

enum SharedPoolFile {
  /// Makes the file, which nobody may have open: one that its users left behind, all dead, is removed. The descriptor holds
  /// the exclusive lock.
  static func create(_ path: [UInt8], mode: UInt32) throws(PoolError) -> Int32 {
    for _ in 0..<100 {
      let file = unsafe PoolFile.withPath(path) {
        unsafe shm_open_file($0, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0o666)
      }
      if file < 0 {
        guard shm_errno() == EEXIST else { throw .system(shm_errno()) }
        try removeAbandoned(path)
        continue
      }
      // One that came between may have taken the empty file for an abandoned one.
      if PoolFile.lock(file, LOCK_EX | LOCK_NB), fchmod(file, mode & 0o666) == 0, hasName(file) { return file }
      _ = close(file)
    }
    throw .inUse
  }

  private static func removeAbandoned(_ path: [UInt8]) throws(PoolError) {
    let file: Int32
    let length: Int
    do throws(PoolError) { (file, length) = try PoolFile.open(path, writable: true, trust: Trust()) } catch {
      if error == .system(ENOENT) { return }
      throw error
    }
    defer { _ = close(file) }
    guard PoolFile.lock(file, LOCK_EX | LOCK_NB) else { throw .inUse }
    guard hasName(file) else { return }
    if length > 0 {
      var words: (UInt32, UInt32) = (0, 0)
      guard unsafe pread(file, &words, 8, 0) == 8, words.0 == Layout.magicLow || words.0 == 0 else { throw .notAPool }
      var lifetime: UInt32 = 0
      if unsafe pread(file, &lifetime, 4, off_t(Layout.lifetimeAt)) == 4, lifetime != 0 { throw .system(EEXIST) }
    }
    PoolFile.remove(path)
  }

  /// Opens a pool that another process has made, after that has finished. A file whose maker died before is removed.
  static func attach(
    _ path: [UInt8], trust: Trust, patience: UInt64
  ) throws(PoolError) -> (file: Int32, length: Int) {
    let start = shm_now_us()
    while true {
      do throws(PoolError) {
        let file = try PoolFile.open(path, writable: true, trust: trust).file
        guard PoolFile.lock(file, LOCK_SH), hasName(file) else {
          _ = close(file)
          continue
        }
        var status = stat()
        _ = unsafe fstat(file, &status)
        var state = Layout.State.preparing
        let isShort = status.st_size < off_t(Layout.headerBytes)
        if unsafe pread(file, &state, 4, off_t(Layout.stateAt)) == 4, state != Layout.State.preparing || isShort {
          return (file, Int(clamping: status.st_size))
        }
        if status.st_size > 0, status.st_size < 16 { return (file, Int(clamping: status.st_size)) }
        // Nobody can be preparing it any more.
        if PoolFile.lock(file, LOCK_EX | LOCK_NB), hasName(file) { PoolFile.remove(path) }
        _ = close(file)
        throw .system(ENOENT)
      } catch {
        guard error == .system(ENOENT), shm_now_us() - start < patience else { throw error }
        var pause = timespec(tv_sec: 0, tv_nsec: 5_000_000)
        unsafe _ = nanosleep(&pause, nil)
      }
    }
  }

  /// Lets others attach. False: the file has lost its name meanwhile.
  static func announce(_ file: Int32) -> Bool { PoolFile.lock(file, LOCK_SH) && hasName(file) }

  /// Whether this descriptor is the only one left; it holds the exclusive lock then.
  static func isLast(_ file: Int32) -> Bool { PoolFile.lock(file, LOCK_EX | LOCK_NB) }

  /// Removes the name if it still leads to this file.
  static func remove(_ path: [UInt8], leadingTo file: Int32) {
    var mine = stat()
    var named = stat()
    guard unsafe fstat(file, &mine) == 0, unsafe PoolFile.withPath(path, { unsafe lstat($0, &named) }) == 0,
      mine.st_ino == named.st_ino, mine.st_dev == named.st_dev
    else { return }
    PoolFile.remove(path)
  }

  private static func hasName(_ file: Int32) -> Bool {
    var status = stat()
    return unsafe fstat(file, &status) == 0 && status.st_nlink > 0
  }
}
