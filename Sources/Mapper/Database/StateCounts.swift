// How much a state of the pool holds: for tools that look at a living mapper's pool.

import ShMap

extension Lookup {
  public struct Counts: Equatable, Sendable {
    public var objects = 0
    public var services = 0
    /// Different interface names.
    public var interfaces = 0
    public var associations = 0
  }

  /// Counts what the state holds. Takes time in proportion to the number of services and interface names.
  public func counts() throws(PoolError) -> Counts {
    Counts(
      objects: Int(roots.objectCount), services: try count(roots.services), interfaces: try count(roots.interfaces),
      associations: Int(roots.associationCount))
  }

  private func count(_ tree: UInt32) throws(PoolError) -> Int {
    var count = 0
    var at = try view.lowerBound(ByBytes.self, tree, Probe(Span<UInt8>()))
    while try view.key(at) != nil {
      count += 1
      try view.advance(&at)
    }
    return count
  }

  /// Whether a unique name owns a service. Takes time in proportion to the number of services.
  public func isOwner(_ unique: Span<UInt8>) throws(PoolError) -> Bool {
    var at = try view.lowerBound(ByBytes.self, roots.services, Probe(Span<UInt8>()))
    while try view.key(at) != nil {
      let owner = try view.word(try view.value(at) &+ 4)
      if owner != 0, compareBytes(try view.text(owner).bytes, unique) == 0 { return true }
      try view.advance(&at)
    }
    return false
  }
}
