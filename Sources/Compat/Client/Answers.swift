// Answers as Swift values, for whoever wants to keep them.

import CSystem
import Database

/// A service with all the interfaces that it shows on an object, both sorted by bytes.
public struct ServiceEntry: Equatable, Sendable {
  public var service: ServiceName
  public var interfaces: [InterfaceName]
}

/// An object with the services that show it.
public struct ObjectEntry: Equatable, Sendable {
  public var path: ObjectPath
  public var services: [ServiceEntry]
}

extension PackedAnswer {
  /// The answer to GetObject.
  public var services: [ServiceEntry] {
    var all: [ServiceEntry] = []
    forEach { kind, text in
      if kind == .service { all.append(ServiceEntry(service: ServiceName(copying: text), interfaces: [])) }
      if kind == .interface { all[all.count - 1].interfaces.append(InterfaceName(copying: text)) }
    }
    return all
  }

  /// The answer to GetSubTree, GetAncestors and their kin.
  public var objects: [ObjectEntry] {
    var all: [ObjectEntry] = []
    forEach { kind, text in
      let last = all.count - 1
      switch kind {
      case .object: all.append(ObjectEntry(path: ObjectPath(copying: text), services: []))
      case .service: all[last].services.append(ServiceEntry(service: ServiceName(copying: text), interfaces: []))
      case .interface:
        let service = all[last].services.count - 1
        all[last].services[service].interfaces.append(InterfaceName(copying: text))
      case .path: break
      }
    }
    return all
  }

  /// The answer to GetSubTreePaths and its kin, and the endpoints of an association.
  public var paths: [ObjectPath] {
    var all: [ObjectPath] = []
    forEach { kind, text in if kind == .path { all.append(ObjectPath(copying: text)) } }
    return all
  }
}

extension Client {
  public func getObject(
    _ path: ObjectPath, interfaces: [InterfaceName] = []
  ) throws(LookupError) -> [ServiceEntry] {
    try withNames(interfaces) { names throws(LookupError) in try answer(.getObject(path.bytes.span, names)) }.services
  }

  public func getAncestors(
    _ path: ObjectPath, interfaces: [InterfaceName] = []
  ) throws(LookupError) -> [ObjectEntry] {
    try withNames(interfaces) { names throws(LookupError) in try answer(.getAncestors(path.bytes.span, names)) }.objects
  }

  public func getSubTree(
    _ root: ObjectPath, depth: Int32 = 0, interfaces: [InterfaceName] = []
  ) throws(LookupError) -> [ObjectEntry] {
    try withNames(interfaces) { names throws(LookupError) in
      try answer(.getSubTree(root.bytes.span, depth: depth, names))
    }.objects
  }

  public func getSubTreePaths(
    _ root: ObjectPath, depth: Int32 = 0, interfaces: [InterfaceName] = []
  ) throws(LookupError) -> [ObjectPath] {
    try withNames(interfaces) { names throws(LookupError) in
      try answer(.getSubTreePaths(root.bytes.span, depth: depth, names))
    }.paths
  }

  public func getAssociatedSubTree(
    _ association: ObjectPath, _ root: ObjectPath, depth: Int32 = 0, interfaces: [InterfaceName] = []
  ) throws(LookupError) -> [ObjectEntry] {
    try withNames(interfaces) { names throws(LookupError) in
      try answer(.getAssociatedSubTree(association.bytes.span, root.bytes.span, depth: depth, names))
    }.objects
  }

  public func getAssociatedSubTreePaths(
    _ association: ObjectPath, _ root: ObjectPath, depth: Int32 = 0, interfaces: [InterfaceName] = []
  ) throws(LookupError) -> [ObjectPath] {
    try withNames(interfaces) { names throws(LookupError) in
      try answer(.getAssociatedSubTreePaths(association.bytes.span, root.bytes.span, depth: depth, names))
    }.paths
  }

  public func getAssociatedSubTreeByID(
    _ id: ByteString, _ root: ObjectPath, interfaces: [InterfaceName], association: ByteString,
    endpointInterfaces: [InterfaceName]
  ) throws(LookupError) -> [ObjectEntry] {
    try withNames(interfaces) { names throws(LookupError) in
      try withNames(endpointInterfaces) { ends throws(LookupError) in
        try answer(
          .getAssociatedSubTreeByID(id.bytes.span, root.bytes.span, names, association.bytes.span, ends))
      }
    }.objects
  }

  public func getAssociatedSubTreePathsByID(
    _ id: ByteString, _ root: ObjectPath, interfaces: [InterfaceName], association: ByteString,
    endpointInterfaces: [InterfaceName]
  ) throws(LookupError) -> [ObjectPath] {
    try withNames(interfaces) { names throws(LookupError) in
      try withNames(endpointInterfaces) { ends throws(LookupError) in
        try answer(
          .getAssociatedSubTreePathsByID(id.bytes.span, root.bytes.span, names, association.bytes.span, ends))
      }
    }.paths
  }

  /// The endpoints of an association object, in their order. Throws `resourceNotFound` when there is no such object.
  public func endpoints(of association: ObjectPath) throws(LookupError) -> [ObjectPath] {
    try answer(.endpoints(of: association.bytes.span)).paths
  }

  /// Asks, and copies the whole answer out in one piece.
  public func answer(_ question: borrowing Question) throws(LookupError) -> PackedAnswer {
    var packer = Packer(answer: PackedAnswer())
    try ask(question, &packer)
    return packer.answer
  }
}

/// Hands names over as the C strings that `InterfaceNames` takes, for as long as `body` runs.
public func withNames<Result>(
  _ names: [InterfaceName], _ body: (InterfaceNames) throws(LookupError) -> Result
) throws(LookupError) -> Result {
  var bytes: [CChar] = []
  var starts: [Int] = []
  for name in names {
    starts.append(bytes.count)
    for byte in name.bytes { bytes.append(CChar(bitPattern: byte)) }
    bytes.append(0)
  }
  return try unsafe bytes.withUnsafeBufferPointer { buffer throws(LookupError) in
    let strings = unsafe starts.map { unsafe Optional(buffer.baseAddress! + $0) }
    return try unsafe strings.withUnsafeBufferPointer { strings throws(LookupError) in
      try unsafe body(InterfaceNames(strings.baseAddress, count: strings.count))
    }
  }
}
