// One question to the mapper with its arguments, as the D-Bus methods take them, borrowed from the caller for the time of the
// call. The same value is answered from the pool or sent over D-Bus.

import CSystem
import Database

@safe public struct Question: ~Escapable {
  public enum Kind: UInt8, Sendable {
    case getObject, getAncestors, getSubTree, getSubTreePaths
    case getAssociatedSubTree, getAssociatedSubTreePaths, getAssociatedSubTreeByID, getAssociatedSubTreePathsByID
    /// The property `endpoints` of an association object.
    case endpoints
  }

  public let kind: Kind
  /// The object, or the root of the subtree.
  let path: Span<UInt8>
  /// The association's path; for the calls by id its name.
  let association: Span<UInt8>
  let id: Span<UInt8>
  let depth: Int32
  let interfaces: InterfaceNames
  let endpointInterfaces: InterfaceNames

  @_lifetime(copy path, copy association, copy id)
  private init(
    _ kind: Kind, path: Span<UInt8>, association: Span<UInt8>, id: Span<UInt8>, depth: Int32 = 0,
    interfaces: InterfaceNames, endpointInterfaces: InterfaceNames = .none
  ) {
    self.kind = kind
    self.path = path
    self.association = association
    self.id = id
    self.depth = depth
    self.interfaces = interfaces
    self.endpointInterfaces = endpointInterfaces
  }

  /// Which services show the object, with all their interfaces. Visits services.
  @_lifetime(copy path)
  public static func getObject(_ path: Span<UInt8>, _ interfaces: InterfaceNames = .none) -> Question {
    Question(.getObject, path: path, association: path, id: path, interfaces: interfaces)
  }

  /// The objects whose path `path` begins with. Visits objects.
  @_lifetime(copy path)
  public static func getAncestors(_ path: Span<UInt8>, _ interfaces: InterfaceNames = .none) -> Question {
    Question(.getAncestors, path: path, association: path, id: path, interfaces: interfaces)
  }

  /// The objects at most `depth` path segments below `root` (0 and less: any). Visits objects.
  @_lifetime(copy root)
  public static func getSubTree(
    _ root: Span<UInt8>, depth: Int32 = 0, _ interfaces: InterfaceNames = .none
  ) -> Question {
    Question(.getSubTree, path: root, association: root, id: root, depth: depth, interfaces: interfaces)
  }

  /// The paths of `getSubTree`. Visits paths.
  @_lifetime(copy root)
  public static func getSubTreePaths(
    _ root: Span<UInt8>, depth: Int32 = 0, _ interfaces: InterfaceNames = .none
  ) -> Question {
    Question(.getSubTreePaths, path: root, association: root, id: root, depth: depth, interfaces: interfaces)
  }

  /// The part of `getSubTree` that an association leads to. Visits objects.
  @_lifetime(copy association, copy root)
  public static func getAssociatedSubTree(
    _ association: Span<UInt8>, _ root: Span<UInt8>, depth: Int32 = 0, _ interfaces: InterfaceNames = .none
  ) -> Question {
    Question(
      .getAssociatedSubTree, path: root, association: association, id: root, depth: depth, interfaces: interfaces)
  }

  /// The paths of `getAssociatedSubTree`. Visits paths.
  @_lifetime(copy association, copy root)
  public static func getAssociatedSubTreePaths(
    _ association: Span<UInt8>, _ root: Span<UInt8>, depth: Int32 = 0, _ interfaces: InterfaceNames = .none
  ) -> Question {
    Question(
      .getAssociatedSubTreePaths, path: root, association: association, id: root, depth: depth, interfaces: interfaces)
  }

  /// For each object below `root` whose last path segment is `id` and that shows one of `interfaces`: what its association
  /// of that name leads to, below `root`, as far as it shows one of `endpointInterfaces`. Visits objects.
  @_lifetime(copy id, copy root, copy association)
  public static func getAssociatedSubTreeByID(
    _ id: Span<UInt8>, _ root: Span<UInt8>, _ interfaces: InterfaceNames, _ association: Span<UInt8>,
    _ endpointInterfaces: InterfaceNames
  ) -> Question {
    Question(
      .getAssociatedSubTreeByID, path: root, association: association, id: id, interfaces: interfaces,
      endpointInterfaces: endpointInterfaces)
  }

  /// The paths of `getAssociatedSubTreeByID`. Visits paths.
  @_lifetime(copy id, copy root, copy association)
  public static func getAssociatedSubTreePathsByID(
    _ id: Span<UInt8>, _ root: Span<UInt8>, _ interfaces: InterfaceNames, _ association: Span<UInt8>,
    _ endpointInterfaces: InterfaceNames
  ) -> Question {
    Question(
      .getAssociatedSubTreePathsByID, path: root, association: association, id: id, interfaces: interfaces,
      endpointInterfaces: endpointInterfaces)
  }

  /// The endpoints of an association object, in their order. Visits paths.
  @_lifetime(copy association)
  public static func endpoints(of association: Span<UInt8>) -> Question {
    Question(.endpoints, path: association, association: association, id: association, interfaces: .none)
  }

  // MARK: Whether D-Bus would take it

  /// Whether the arguments can be sent over D-Bus at all: text that is UTF-8, and object paths where the methods take those.
  /// What D-Bus refuses is refused in-process too.
  var isSendable: Bool {
    guard isText(path), areText(interfaces) else { return false }
    switch kind {
    case .getObject, .getAncestors, .getSubTree, .getSubTreePaths: return true
    case .getAssociatedSubTree, .getAssociatedSubTreePaths: return isObjectPath(association) && isObjectPath(path)
    case .getAssociatedSubTreeByID, .getAssociatedSubTreePathsByID:
      return isText(association) && isText(id) && areText(endpointInterfaces)
    case .endpoints: return isObjectPath(association)
    }
  }
}

private func areText(_ names: InterfaceNames) -> Bool {
  for index in 0..<names.count where !isText(names[index]) { return false }
  return true
}

/// Whether D-Bus takes the bytes as a string (UTF-8 without a zero byte).
func isText(_ bytes: Span<UInt8>) -> Bool {
  unsafe bytes.withUnsafeBytes { buffer in
    var index = 0
    while index &+ 8 <= buffer.count {
      let word = unsafe buffer.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      // No byte above 0x7f, and none that is zero.
      guard word & 0x8080_8080_8080_8080 == 0, (word &- 0x0101_0101_0101_0101) & 0x8080_8080_8080_8080 == 0 else {
        return unsafe isUTF8(buffer, from: index)
      }
      index &+= 8
    }
    return unsafe isUTF8(buffer, from: index)
  }
}

private func isUTF8(_ buffer: UnsafeRawBufferPointer, from start: Int) -> Bool {
  var index = start
  while index < buffer.count {
    let byte = unsafe buffer[index]
    let (length, least): (Int, UInt32) =
      switch byte {
      case 0x01...0x7f: (1, 0)
      case 0xc2...0xdf: (2, 0x80)
      case 0xe0...0xef: (3, 0x800)
      case 0xf0...0xf4: (4, 0x10000)
      default: (0, 0)
      }
    guard length > 0, index + length <= buffer.count else { return false }
    if length > 1 {
      var scalar = UInt32(byte) & (0x7f >> UInt32(length))
      for at in index + 1..<index + length {
        let next = unsafe buffer[at]
        guard next & 0xc0 == 0x80 else { return false }
        scalar = scalar << 6 | UInt32(next & 0x3f)
      }
      guard scalar >= least, scalar <= 0x10ffff, !(0xd800...0xdfff).contains(scalar) else { return false }
    }
    index += length
  }
  return true
}

/// Whether D-Bus takes the bytes as an object path (D-Bus specification, "Valid Object Paths").
func isObjectPath(_ path: Span<UInt8>) -> Bool {
  let slash = UInt8(ascii: "/")
  guard path.count > 0, path[0] == slash else { return false }
  if path.count == 1 { return true }
  var previous = slash
  for index in 1..<path.count {
    let byte = path[index]
    switch byte {
    case slash:
      guard previous != slash else { return false }
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      break
    default: return false
    }
    previous = byte
  }
  return previous != slash
}
