// Strings in the pool: object paths, service names, interface names, the types of associations. Each different string is
// stored once, so that equal strings have equal offsets.
//
//     text     0  uses        how many places name it; the writer's own count, readers do not look at it
//              4  length      bytes, without the terminator
//              8  bytes       then a zero byte

import ShMap

/// A string in the pool, NUL-terminated there. Valid while the view it came from is.
@safe public struct Text: ~Escapable {
  /// The bytes without the terminator.
  public let bytes: Span<UInt8>

  @_lifetime(copy bytes)
  @inline(__always)
  init(_ bytes: Span<UInt8>) { self.bytes = bytes }

  /// A string outside of the pool, shown to a visitor as if it were one in it. A zero byte has to follow `bytes`.
  @_lifetime(copy bytes)
  @unsafe public init(_unsafeTerminated bytes: Span<UInt8>) { self.bytes = bytes }

  /// Calls `body` with the string in place, NUL-terminated. The pointer is good as long as the call; while another process
  /// recycles the state that is being read, its bytes may change.
  @inline(__always)
  public func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    unsafe bytes.withUnsafeBytes { unsafe body($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
  }
}

enum TextBlock {
  static let uses: UInt32 = 0
  static let length: UInt32 = 4
  static let bytes: UInt32 = 8
  /// No D-Bus name or path in a pool is longer; more means that the pool is damaged.
  static let longest = 1 << 20
}

extension ReadView {
  @_lifetime(copy self)
  @inline(__always)
  func text(_ at: UInt32) throws(PoolError) -> Text {
    let length = Int(clamping: try word(at &+ TextBlock.length))
    guard length <= TextBlock.longest, at != 0 else { throw .damaged }
    // One more than the length: the terminator, which C readers rely on, lies inside of the pool as well.
    let terminated = try bytes(at &+ TextBlock.bytes, count: length + 1)
    return Text(terminated.extracting(first: length))
  }
}

/// The part of a path behind its last slash.
@_lifetime(copy path)
func leafName(_ path: Span<UInt8>) -> Span<UInt8> {
  var start = path.count
  while start > 0, path[start - 1] != slash { start -= 1 }
  return path.extracting(start..<path.count)
}

/// The interface names of a caller: C strings that live as long as the call they were passed to.
@safe public struct InterfaceNames {
  let strings: UnsafePointer<UnsafePointer<CChar>?>?
  public let count: Int

  /// No names, which asks for any interface.
  public static var none: InterfaceNames { unsafe InterfaceNames(nil, count: 0) }

  @unsafe public init(_ strings: UnsafePointer<UnsafePointer<CChar>?>?, count: Int) {
    unsafe self.strings = strings
    self.count = count
  }

  public var isEmpty: Bool { count == 0 }

  @inline(__always)
  public subscript(index: Int) -> Span<UInt8> {
    @_lifetime(borrow self)
    get {
      let string = unsafe strings![index]!
      let bytes = unsafe UnsafeRawPointer(string).assumingMemoryBound(to: UInt8.self)
      let span = unsafe Span(_unsafeStart: bytes, count: cStringLength(string))
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
}
