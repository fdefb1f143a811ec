// An answer copied out of the pool into one piece of memory: records one behind the other, each string NUL-terminated.
//
//     record     0  kind and length   kind in the upper 4 bits, bytes of the string below
//                4  the string, a zero byte, up to three more bytes to the next multiple of 4
//
// Copying 1,500 paths takes one memory block and 1,500 memcpy. The answer belongs to whoever holds it; it is never changed
// once it is complete, so threads may share it.

import CSystem
import Database

@safe public final class PackedAnswer: @unchecked Sendable {
  public enum Kind: UInt32, Sendable {
    case object = 1, service, interface, path
  }

  private var memory: UnsafeMutableRawPointer?
  private var capacity = 0
  private(set) var count = 0

  public init() {}

  deinit { unsafe free(memory) }

  public var isEmpty: Bool { count == 0 }

  /// Forgets the answer and keeps the memory.
  public func removeAll() { count = 0 }

  /// Appends one record. Without memory the program ends: as everywhere in Swift.
  @inline(__always)
  public func append(_ kind: Kind, _ text: Span<UInt8>) {
    let size = 4 + ((text.count + 4) & ~3)
    if count + size > capacity { grow(by: size) }
    unsafe text.withUnsafeBytes { bytes in
      let record = unsafe memory! + count
      unsafe record.storeBytes(of: kind.rawValue << 28 | UInt32(bytes.count), as: UInt32.self)
      // The last four bytes first: the terminator and whatever lies behind it.
      unsafe (record + size - 4).storeBytes(of: 0, as: UInt32.self)
      unsafe _ = memcpy(record + 4, bytes.baseAddress!, bytes.count)
    }
    count += size
  }

  @inline(never)
  private func grow(by size: Int) {
    capacity = max(4096, (count + size) * 2)
    guard let larger = unsafe realloc(memory, capacity) else { fatalError("no memory") }
    unsafe memory = larger
  }

  /// The record at a place, and the place of the next; nil at the end. The pointer is good as long as the answer.
  @unsafe public func record(at place: inout Int) -> (kind: Kind, text: UnsafePointer<CChar>, length: Int)? {
    guard place < count else { return nil }
    let record = unsafe UnsafeRawPointer(memory!) + place
    let word = unsafe record.load(as: UInt32.self)
    let length = Int(word & 0x0fff_ffff)
    place += 4 + ((length + 4) & ~3)
    let text = unsafe (record + 4).assumingMemoryBound(to: CChar.self)
    return unsafe (Kind(rawValue: word >> 28)!, text, length)
  }

  /// Calls `body` for each record, in order.
  public func forEach(_ body: (Kind, Span<UInt8>) -> Void) {
    var place = 0
    while let (kind, text, length) = unsafe record(at: &place) {
      let bytes = unsafe UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self)
      unsafe body(kind, Span(_unsafeStart: bytes, count: length))
    }
  }

  /// Shows the answer to a visitor, as if it were being read from the pool.
  public func replay<V: AnswerVisitor>(to visitor: inout V) {
    var isInService = false
    var isInObject = false
    var place = 0
    while let (kind, text, length) = unsafe record(at: &place) {
      if isInService, kind != .interface {
        visitor.endService()
        isInService = false
      }
      if isInObject, kind == .object { visitor.endObject() }
      let bytes = unsafe UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self)
      let string = unsafe Text(_unsafeTerminated: Span(_unsafeStart: bytes, count: length))
      switch kind {
      case .object:
        visitor.beginObject(string)
        isInObject = true
      case .service:
        visitor.beginService(string)
        isInService = true
      case .interface: visitor.interface(string)
      case .path: visitor.path(string)
      }
    }
    if isInService { visitor.endService() }
    if isInObject { visitor.endObject() }
  }
}

/// Fills a `PackedAnswer`.
struct Packer: ClientVisitor {
  let answer: PackedAnswer

  mutating func restart() { answer.removeAll() }
  mutating func beginObject(_ path: borrowing Text) { answer.append(.object, path.bytes) }
  mutating func endObject() {}
  mutating func beginService(_ name: borrowing Text) { answer.append(.service, name.bytes) }
  mutating func interface(_ name: borrowing Text) { answer.append(.interface, name.bytes) }
  mutating func endService() {}
  mutating func path(_ path: borrowing Text) { answer.append(.path, path.bytes) }
}
