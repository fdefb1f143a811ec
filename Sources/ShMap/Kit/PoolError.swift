// What can be wrong with a pool. One type for all of ShMap, so that callers can tell the cases apart and say which it was.

public enum PoolError: Error, Equatable {
  /// A system call failed with this errno.
  case system(Int32)
  /// The file is not a pool: wrong magic.
  case notAPool
  /// A pool, but of another version of this layout or of another machine's byte order.
  case wrongVersion
  /// The pool's contents are of another kind or version than the caller's.
  case wrongContents
  /// The file is shorter than its header says.
  case tooShort
  /// An offset points outside of the pool, or a structure in it contradicts itself.
  case damaged
  /// The file is not a regular file, or belongs to another user, or others may write it.
  case untrusted
  /// Another living process writes this pool.
  case inUse
  /// The pool would have to grow beyond 4 GiB, or the machine has no memory left.
  case full
  /// The state that was being read has been recycled meanwhile; reading again gives a newer one.
  case stale
}
