// Who speaks: signals carry the unique name of a connection, the database knows well-known names.

import Database

/// For each connection, the well-known name that its signals count for. A connection may own several names; then its
/// signals count for the one that was recorded last.
struct Names {
  private var services: [ByteString: ServiceName] = [:]

  /// Whether the mapper looks at a service of that name. Unique names are none, and names that begin with
  /// `org.freedesktop` are not looked at.
  static func isWanted(_ name: ServiceName) -> Bool {
    guard let first = name.bytes.first, first != UInt8(ascii: ":") else { return false }
    return !name.bytes.starts(with: skippedPrefix.bytes)
  }

  /// The connection `owner` has taken the name.
  mutating func record(_ name: ServiceName, of owner: ByteString) { services[owner] = name }

  /// The connection `owner` has lost the name. If its signals counted for it, they count for nothing from now on.
  mutating func forget(_ name: ServiceName, of owner: ByteString) {
    if services[owner] == name { services[owner] = nil }
  }

  /// Whom the signals of a connection count for.
  func service(of owner: ByteString) -> ServiceName? { services[owner] }
}

private let skippedPrefix = ByteString("org.freedesktop")
