// A growing array in a pool.
//
//     let list = try Vector<Int32>(in: &access)
//     try list.append(7, in: &access)
//     try list.get(0, in: access)

/// The handle of a vector: an offset, which can itself be stored in the pool. Element `index` is found in constant time. The
/// vector has no lock of its own: readers exclude writers by a lock of the application's. If a user dies while it changes the
/// vector, the vector is as before or after the change.
public struct Vector<Element: BitwiseCopyable>: BitwiseCopyable, Hashable, Sendable {
  /// Where the vector is, for storing and passing on.
  public let offset: UInt32

  private var engine: VectorEngine { VectorEngine(offset) }
  private var stride: Int { MemoryLayout<Element>.stride }

  /// The vector at an offset that `offset` of another handle gave. Nothing is checked before it is used.
  public init(at offset: UInt32) { self.offset = offset }

  /// Makes an empty vector with room for `capacity` elements.
  public init(in access: inout Access, capacity: Int = 0) throws(PoolError) {
    offset = try VectorEngine.create(&access.session, stride: MemoryLayout<Element>.stride, capacity: capacity).at
  }

  /// Frees the vector.
  public func destroy(in access: inout Access) throws(PoolError) { try engine.destroy(&access.session) }

  public func count(in access: borrowing Access) throws(PoolError) -> Int { try engine.count(access.session) }

  public func isEmpty(in access: borrowing Access) throws(PoolError) -> Bool { try count(in: access) == 0 }

  /// Throws `outOfRange` like all that take an index.
  public func get(_ index: Int, in access: borrowing Access) throws(PoolError) -> Element {
    try engine.get(index, as: Element.self, access.session)
  }

  public func set(_ index: Int, to element: Element, in access: inout Access) throws(PoolError) {
    try engine.set(index, element, access.session)
  }

  public func append(_ element: Element, in access: inout Access) throws(PoolError) {
    try engine.insert(element, at: try count(in: access), &access.session)
  }

  /// Inserts before element `index`; at the end when that is the count.
  public func insert(_ element: Element, at index: Int, in access: inout Access) throws(PoolError) {
    try engine.insert(element, at: index, &access.session)
  }

  public func remove(at index: Int, in access: inout Access) throws(PoolError) {
    try engine.remove(at: index, access.session, stride: stride)
  }

  /// Takes the last element away; nil when there is none.
  public func popLast(in access: inout Access) throws(PoolError) -> Element? {
    let count = try count(in: access)
    guard count > 0 else { return nil }
    let last = try get(count - 1, in: access)
    try remove(at: count - 1, in: &access)
    return last
  }

  /// Calls `body` with each element, first to last.
  public func forEach(in access: borrowing Access, _ body: (Element) throws(PoolError) -> Void) throws(PoolError) {
    for index in 0..<(try count(in: access)) { try body(try get(index, in: access)) }
  }
}
