// What goes wrong between this process and the bus, as sd-bus tells it: a negative errno.

import CSystem
import Database

/// An error of sd-bus or sd-event. No D-Bus error reply: those arrive as messages (`Message.isError`).
public struct BusError: Error, Equatable {
  /// The errno, positive: `EEXIST`, `ENOTCONN` ...
  public let code: Int32

  public init(code: Int32) { self.code = code }

  /// `strerror` of the code.
  public var text: ByteString { unsafe ByteString(cString: strerror(code)) }
}

/// The result of an sd-bus call, which is negative when it failed.
@discardableResult
@inline(__always)
func checked(_ result: Int32) throws(BusError) -> Int32 {
  guard result >= 0 else { throw BusError(code: -result) }
  return result
}
