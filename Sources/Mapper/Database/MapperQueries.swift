// The daemon's own queries: the same engine as every client's, on the state that is being built.

import ShMap

extension MapperDatabase {
  private func answer(_ body: (borrowing Lookup) throws(PoolError) -> Bool) throws(QueryError) {
    let isFound: Bool
    do throws(PoolError) { isFound = try registry.answer(body) } catch { throw .damaged }
    guard isFound else { throw .resourceNotFound }
  }

  public func getObject<V: AnswerVisitor>(
    _ path: Span<UInt8>, _ interfaces: InterfaceNames, _ visitor: inout V
  ) throws(QueryError) {
    try answer { lookup throws(PoolError) in try lookup.getObject(path, interfaces, &visitor) }
  }

  public func getAncestors<V: AnswerVisitor>(
    _ path: Span<UInt8>, _ interfaces: InterfaceNames, _ visitor: inout V
  ) throws(QueryError) {
    try answer { lookup throws(PoolError) in try lookup.getAncestors(path, interfaces, &visitor) }
  }

  public func getSubTree<V: AnswerVisitor>(
    _ root: Span<UInt8>, depth: Int32, _ interfaces: InterfaceNames, _ visitor: inout V
  ) throws(QueryError) {
    try answer { lookup throws(PoolError) in try lookup.getSubTree(root, depth: depth, interfaces, &visitor) }
  }

  public func getSubTreePaths<V: AnswerVisitor>(
    _ root: Span<UInt8>, depth: Int32, _ interfaces: InterfaceNames, _ visitor: inout V
  ) throws(QueryError) {
    try answer { lookup throws(PoolError) in try lookup.getSubTreePaths(root, depth: depth, interfaces, &visitor) }
  }

  public func getAssociatedSubTree<V: AnswerVisitor>(
    _ association: Span<UInt8>, _ root: Span<UInt8>, depth: Int32, _ interfaces: InterfaceNames, _ visitor: inout V
  ) throws(QueryError) {
    try answer { lookup throws(PoolError) in
      try lookup.getAssociatedSubTree(association, root, depth: depth, interfaces, &visitor)
    }
  }

  public func getAssociatedSubTreePaths<V: AnswerVisitor>(
    _ association: Span<UInt8>, _ root: Span<UInt8>, depth: Int32, _ interfaces: InterfaceNames, _ visitor: inout V
  ) throws(QueryError) {
    try answer { lookup throws(PoolError) in
      try lookup.getAssociatedSubTreePaths(association, root, depth: depth, interfaces, &visitor)
    }
  }

  public func getAssociatedSubTreeById<V: AnswerVisitor>(
    _ id: Span<UInt8>, _ root: Span<UInt8>, _ subtreeInterfaces: InterfaceNames, _ association: Span<UInt8>,
    _ endpointInterfaces: InterfaceNames, _ visitor: inout V
  ) throws(QueryError) {
    try answer { lookup throws(PoolError) in
      try lookup.getAssociatedSubTreeById(id, root, subtreeInterfaces, association, endpointInterfaces, &visitor)
    }
  }

  public func getAssociatedSubTreePathsById<V: AnswerVisitor>(
    _ id: Span<UInt8>, _ root: Span<UInt8>, _ subtreeInterfaces: InterfaceNames, _ association: Span<UInt8>,
    _ endpointInterfaces: InterfaceNames, _ visitor: inout V
  ) throws(QueryError) {
    try answer { lookup throws(PoolError) in
      try lookup.getAssociatedSubTreePathsById(id, root, subtreeInterfaces, association, endpointInterfaces, &visitor)
    }
  }

  /// The endpoints of an association object, in order. Throws `resourceNotFound` when there is no such object.
  public func endpoints<V: AnswerVisitor>(of association: Span<UInt8>, _ visitor: inout V) throws(QueryError) {
    try answer { lookup throws(PoolError) in try lookup.endpoints(of: association, &visitor) }
  }

  /// The paths of all association objects, sorted.
  public func visitAssociations<V: AnswerVisitor>(_ visitor: inout V) {
    try? answer { lookup throws(PoolError) in
      try lookup.visitAssociations(&visitor)
      return true
    }
  }
}

extension Registry {
  fileprivate borrowing func answer(_ body: (borrowing Lookup) throws(PoolError) -> Bool) throws(PoolError) -> Bool {
    try body(Lookup(view, roots))
  }
}
