// Who speaks: signals carry the unique name of a connection, the database knows well-known names.

import Database

/// For each connection, the well-known name that its signals count for. A connection may own several names; then its
/// signals count for the one that was recorded last.
struct Names {
  private var owners: [(connection: ByteString, service: ServiceName)] = []

  /// Whether the mapper looks at a service of that name. Unique names are none, and names that begin with
  /// `org.freedesktop` are not looked at.
  static func isWanted(_ name: ServiceName) -> Bool {
    guard let first = name.bytes.first, first != UInt8(ascii: ":") else { return false }
    return !name.bytes.starts(with: skippedPrefix.bytes)
  }

  /// The connection has taken the name.
  mutating func record(_ service: ServiceName, of connection: ByteString) {
    owners.removeAll { $0.connection == connection }
    owners.append((connection, service))
  }

  /// The connection has lost the name. If its signals counted for it, they count for nothing from now on.
  mutating func forget(_ service: ServiceName, of connection: ByteString) {
    owners.removeAll { $0.connection == connection && $0.service == service }
  }

  /// Whom the signals of a connection count for.
  func service(of connection: ByteString) -> ServiceName? {
    owners.first { $0.connection == connection }?.service
  }
}

private let skippedPrefix = ByteString("org.freedesktop")
