// A place in a pool. Pure data: it can be stored in shared memory and means the same in every process, at every address
// and in every word size. It cannot be dereferenced; that takes a view of the pool (ReadView) or the pool itself.

/// The distance of a `Pointee` from the start of its pool, in bytes. Zero means none. A pool holds at most 4 GiB.
public struct Offset<Pointee>: BitwiseCopyable, Hashable, Sendable {
  public let raw: UInt32

  @inline(__always)
  public init(_ raw: UInt32) { self.raw = raw }

  /// Points nowhere: the pool's header is at zero, and no block ever is.
  public static var none: Offset { Offset(0) }

  @inline(__always)
  public var isNone: Bool { raw == 0 }
}
