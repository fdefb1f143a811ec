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
  /// The pool was made in another PID namespace, whose thread numbers, which its locks are made of, mean nothing here.
  case otherNamespace
  /// Another living process writes this pool.
  case inUse
  /// The pool would have to grow beyond 4 GiB, or the machine has no memory left.
  case full
  /// The state that was being read has been recycled meanwhile; reading again gives a newer one.
  case stale
  /// What was to be freed is no block in use: freed twice, or not from this pool. Nothing was changed.
  case notAllocated
  /// The calling thread holds this lock already, and waiting for itself would never end.
  case deadlock
  /// The calling thread does not hold the lock that it was to give up.
  case notHolder
  /// More threads hold reader-writer locks of this pool for reading than it has room for.
  case tooManyReaders
  /// A name that cannot be a pool's: empty, too long, or with a slash or a NUL in it.
  case badName
  /// An index beyond the elements of a vector; a key of no bytes.
  case outOfRange
}
