// What is wrong with a pool, in words.

import Bus
import Database
import ShMap

extension PoolError {
  /// The cause in words.
  var reason: ByteString {
    switch self {
    case .system(let code): BusError(code: code).text
    case .notAPool: ByteString("the file is no pool")
    case .wrongVersion: ByteString("it is of another version")
    case .wrongContents: ByteString("it holds something else")
    case .tooShort: ByteString("the file is cut short")
    case .damaged: ByteString("it is damaged")
    case .untrusted: ByteString("the file belongs to another user, or others may write it")
    case .inUse: ByteString("another process writes it")
    case .full: ByteString("there is no memory left")
    case .stale: ByteString("it changes too fast")
    case .otherNamespace, .notAllocated, .deadlock, .notHolder, .tooManyReaders, .badName, .outOfRange:
      ByteString("it was used wrongly")
    }
  }
}
