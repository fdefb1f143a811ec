// The arguments of a method call, read in their order without copying a string.

import CLibSystemd
import CSystem
import Database

/// Reads the arguments of one call. They live as long as the call. sd-bus has checked the signature, so nothing can be
/// missing; if it were, it would read as empty.
@safe
struct Arguments: ~Copyable {
  private let call: OpaquePointer

  /// The message has to outlive what is read from it.
  @unsafe init(of call: OpaquePointer) { unsafe self.call = call }

  func string() -> Argument { unsafe Argument(read("s")) }

  func path() -> Argument { unsafe Argument(read("o")) }

  func int32() -> Int32 {
    var value: Int32 = 0
    unsafe sd_bus_message_read_basic(call, CChar(UInt8(ascii: "i")), &value)
    return value
  }

  /// Reads a list of interface names for as long as `body` runs.
  func withInterfaces(_ body: (InterfaceNames) throws(QueryError) -> Void) throws(QueryError) {
    var strings: [UnsafePointer<CChar>?] = unsafe []
    if unsafe sd_bus_message_enter_container(call, CChar(UInt8(ascii: "a")), "s") > 0 {
      while let string = unsafe read("s") { unsafe strings.append(string) }
      unsafe sd_bus_message_exit_container(call)
    }
    try unsafe strings.withUnsafeBufferPointer { buffer throws(QueryError) in
      try unsafe body(InterfaceNames(buffer.baseAddress, count: buffer.count))
    }
  }

  private func read(_ type: Unicode.Scalar) -> UnsafePointer<CChar>? {
    var text: UnsafePointer<CChar>?
    let result = unsafe sd_bus_message_read_basic(call, CChar(UInt8(ascii: type)), &text)
    return unsafe result > 0 ? text : nil
  }
}

/// One string of a call that is being answered.
@safe
struct Argument {
  private let bytes: UnsafeBufferPointer<UInt8>

  @unsafe fileprivate init(_ text: UnsafePointer<CChar>?) {
    let count = unsafe text.map { unsafe strlen($0) } ?? 0
    unsafe bytes = UnsafeBufferPointer(
      start: UnsafeRawPointer(text)?.assumingMemoryBound(to: UInt8.self), count: count)
  }

  var span: Span<UInt8> {
    @_lifetime(borrow self)
    get { unsafe _overrideLifetime(bytes.span, borrowing: self) }
  }
}
