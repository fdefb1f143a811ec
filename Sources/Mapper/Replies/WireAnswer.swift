// An answer as D-Bus sends it: the elements of the reply's array, laid out byte by byte in memory of its own while they are read,
// and then put into a message as a whole. libsystemd checks and books every string and container that is appended to a message,
// a tenth of a microsecond each; an answer with thousands of them is some twenty times faster this way.
//
//     array of strings    length, bytes, zero byte; aligned to 4
//     a{sas}              aligned to 8: service; length of the array that follows; interfaces
//     a{sa{sas}}          aligned to 8: path; length of the array that follows, aligned to 8; a{sas}
//
// How it gets in: up to the innermost string of the first element all containers are opened as usual, so libsystemd knows what
// it has. Then one string takes the room of all that is left, and the whole is copied over it. That what lies there before is
// what D-Bus's layout says is checked first: a libsystemd that keeps its messages otherwise gives an error, and the caller
// goes another way.

import CLibSystemd
import CSystem
import Database

/// Takes one answer after another; the memory stays for the next until `free()`.
@safe public struct WireAnswer: AnswerVisitor {
  /// What the reply's array holds.
  public enum Shape: Sendable {
    case paths, services, objects

    public var contents: StaticString {
      switch self {
      case .paths: "s"
      case .services: "{sas}"
      case .objects: "{sa{sas}}"
      }
    }
  }

  private var memory: UnsafeMutableRawPointer?
  private var capacity = 0
  private var count = 0
  /// Where the lengths of the arrays stand that are being written.
  private var services = 0
  private var interfaces = 0

  public init() {}

  /// Forgets the answer and keeps the memory.
  public mutating func removeAll() { count = 0 }

  /// Gives the memory back, if it is more than `bytes`. To be called before the value goes.
  public mutating func free(above bytes: Int = -1) {
    guard capacity > bytes else { return }
    unsafe CSystem.free(memory)
    self = WireAnswer()
  }

  // MARK: Writing

  public mutating func beginObject(_ path: borrowing Text) {
    align(8)
    append(path)
    services = openArray()
    align(8)
  }

  public mutating func endObject() { close(services, elementsAt: (services + 11) & ~7) }

  public mutating func beginService(_ name: borrowing Text) {
    align(8)
    append(name)
    interfaces = openArray()
  }

  public mutating func interface(_ name: borrowing Text) { append(name) }

  public mutating func endService() { close(interfaces, elementsAt: interfaces + 4) }

  public mutating func path(_ path: borrowing Text) { append(path) }

  /// Zeros up to the next multiple.
  @inline(__always)
  private mutating func align(_ bytes: Int) {
    reserve(8)
    unsafe (memory! + count).storeBytes(of: 0, as: UInt64.self)
    count = (count + bytes - 1) & ~(bytes - 1)
  }

  private mutating func append(_ text: borrowing Text) {
    let length = text.bytes.count
    reserve(length + 8)
    unsafe text.bytes.withUnsafeBytes { bytes in
      unsafe (memory! + count).storeBytes(of: 0, as: UInt32.self)
      let start = unsafe memory! + ((count + 3) & ~3)
      unsafe start.storeBytes(of: UInt32(length), as: UInt32.self)
      unsafe _ = memcpy(start + 4, bytes.baseAddress!, length)
      unsafe start.storeBytes(of: 0, toByteOffset: 4 + length, as: UInt8.self)
    }
    count = ((count + 3) & ~3) + length + 5
  }

  private mutating func openArray() -> Int {
    align(4)
    count += 4
    return count - 4
  }

  private mutating func close(_ place: Int, elementsAt start: Int) {
    unsafe (memory! + place).storeBytes(of: UInt32(count - start), as: UInt32.self)
  }

  /// Room for so many bytes and the padding around them.
  @inline(__always)
  private mutating func reserve(_ bytes: Int) { if count + bytes + 16 > capacity { grow(by: bytes) } }

  @inline(never)
  private mutating func grow(by bytes: Int) {
    capacity = max(2048, (count + bytes + 16) * 2)
    guard let larger = unsafe realloc(memory, capacity) else { fatalError("no memory") }
    unsafe memory = larger
  }

  // MARK: Into a message

  /// Appends the array. 0, or a negative errno; then the message is to be thrown away.
  @unsafe public func append(to message: OpaquePointer, as shape: Shape) -> Int32 {
    var filling = unsafe Filling(message, memory, count)
    filling.open("a", shape.contents)
    var depth = 1
    var outer: Int?
    if count > 0 {
      if shape == .objects {
        filling.open("e", "sa{sas}")
        filling.string()
        filling.open("a", "{sas}")
        outer = filling.array(alignedTo: 8)
        depth += 2
      }
      var inner: Int?
      if shape != .paths {
        filling.open("e", "sas")
        filling.string()
        filling.open("a", "s")
        inner = filling.array(alignedTo: 4)
        depth += 2
      }
      filling.rest(outer, inner)
    }
    for _ in 0..<depth { filling.close() }
    return filling.result
  }
}

/// A message that is being filled with an answer, and how much of that it holds.
@safe private struct Filling {
  private let message: OpaquePointer
  private let memory: UnsafeMutableRawPointer?
  private let count: Int
  private var at = 0
  private(set) var result: Int32 = 0

  @unsafe init(_ message: OpaquePointer, _ memory: UnsafeMutableRawPointer?, _ count: Int) {
    unsafe self.message = message
    unsafe self.memory = memory
    self.count = count
  }

  private mutating func note(_ result: Int32) { if self.result >= 0, result < 0 { self.result = result } }

  mutating func open(_ type: Unicode.Scalar, _ contents: StaticString) {
    let contents = unsafe UnsafeRawPointer(contents.utf8Start).assumingMemoryBound(to: CChar.self)
    note(unsafe sd_bus_message_open_container(message, CChar(UInt8(ascii: type)), contents))
  }

  mutating func close() { note(unsafe sd_bus_message_close_container(message)) }

  /// The next string of the answer.
  mutating func string() {
    at = (at + 3) & ~3
    guard at + 4 <= count else { return note(-EBADMSG) }
    let length = unsafe Int((memory! + at).load(as: UInt32.self))
    guard at + 5 + length <= count else { return note(-EBADMSG) }
    if let space = unsafe space(length) { unsafe _ = memcpy(space, memory! + at + 4, length) }
    at += length + 5
  }

  /// Steps over an array's length to its elements; where the length stands.
  mutating func array(alignedTo bytes: Int) -> Int {
    let place = (at + 3) & ~3
    at = (place + 4 + bytes - 1) & ~(bytes - 1)
    return place
  }

  private mutating func space(_ length: Int) -> UnsafeMutableRawPointer? {
    guard result >= 0 else { return nil }
    var space: UnsafeMutablePointer<CChar>?
    note(unsafe sd_bus_message_append_string_space(message, length, &space))
    return UnsafeMutableRawPointer(space)
  }

  /// All that is left. The lengths of the first element's arrays, of which libsystemd believes that they hold all of it, are
  /// where they belong: so is what lies before them.
  mutating func rest(_ outer: Int?, _ inner: Int?) {
    // Only a first element that is the last and holds nothing has no rest.
    guard count > at else { return note(count < at ? -EBADMSG : 0) }
    guard count - at >= 5, let space = unsafe space(count - at - 5) else { return note(-EBADMSG) }
    let start = unsafe space - 4 - at
    func holds(_ place: Int, _ value: Int) -> Bool {
      unsafe (start + place).loadUnaligned(as: UInt32.self) == UInt32(value)
    }
    guard holds(at, count - at - 5), inner.map({ holds($0, count - $0 - 4) }) ?? true,
      outer.map({ holds($0, count - (($0 + 11) & ~7)) }) ?? true
    else { return note(-EBADMSG) }
    unsafe _ = memcpy(start, memory!, count)
  }
}
