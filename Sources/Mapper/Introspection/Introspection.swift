// Introspection documents (D-Bus specification, "Introspection Data Format"), as any peer on the bus may send them.
//
// What comes in is hostile until shown otherwise. So: no DTD is loaded, no entity is declared (hence none expands), the
// network is not touched, and length, nesting and the number of names are bounded. A document that is not well formed
// is skipped as a whole. Interfaces and nodes without a name are left out.

import Database

/// What one object tells about itself: its own interfaces, and the names of its children. Neither sorted nor checked:
/// any text that the document gave as a name.
public struct Introspection: Equatable {
  public var interfaces: [InterfaceName] = []
  public var children: [ByteString] = []

  /// No document of a sane service comes near these.
  public enum Limit {
    /// Bytes of one document.
    public static let document = 4 << 20
    /// Names of one document, interfaces and children together.
    public static let names = 65536
    /// Elements inside one another.
    public static let depth = 64
    /// Bytes of one interface name: the limit of the D-Bus specification.
    public static let interface = 255
  }

  init() {}

  /// Reads one document; none when it is broken, beyond a limit, or when its root is no `node`. To read many, keep an
  /// `IntrospectionReader`.
  public init?(xml: Span<UInt8>) {
    guard let found = IntrospectionReader().read(xml) else { return nil }
    self = found
  }
}
