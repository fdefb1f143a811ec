// Answers of the database, written into a D-Bus message as they are read: no copy in between. A reply may hold tens of
// thousands of strings, so this calls sd-bus as directly as can be. Nothing is inlined into the queries: that would make them
// several times as large, and a call is small beside what sd-bus does in it.

import CLibSystemd
import Database

/// Appends an answer to a message. Once something has failed it does nothing more, and `result` tells.
@safe public struct ReplyWriter: AnswerVisitor {
  private let message: OpaquePointer
  /// Negative errno of what failed first, else 0.
  public private(set) var result: Int32 = 0

  /// The message has to outlive the writer.
  @unsafe public init(_ message: OpaquePointer) { unsafe self.message = message }

  public mutating func openArray(_ contents: StaticString) { open("a", contents) }

  public mutating func close() { note(unsafe sd_bus_message_close_container(message)) }

  // GetSubTree: a{sa{sas}}; GetObject: the inner a{sas}; the ...Paths calls: as.

  @inline(never)
  public mutating func beginObject(_ path: borrowing Text) {
    open("e", "sa{sas}")
    append(path)
    open("a", "{sas}")
  }

  @inline(never)
  public mutating func endObject() {
    close()
    close()
  }

  @inline(never)
  public mutating func beginService(_ name: borrowing Text) {
    open("e", "sas")
    append(name)
    open("a", "s")
  }

  public mutating func interface(_ name: borrowing Text) { append(name) }

  @inline(never)
  public mutating func endService() {
    close()
    close()
  }

  public mutating func path(_ path: borrowing Text) { append(path) }

  @inline(never)
  private mutating func open(_ type: Unicode.Scalar, _ contents: StaticString) {
    guard result >= 0 else { return }
    let signature = unsafe UnsafeRawPointer(contents.utf8Start).assumingMemoryBound(to: CChar.self)
    note(unsafe sd_bus_message_open_container(message, CChar(UInt8(ascii: type)), signature))
  }

  @inline(never)
  private mutating func append(_ text: borrowing Text) {
    guard result >= 0 else { return }
    let message = unsafe message
    note(unsafe text.withCString { unsafe sd_bus_message_append_basic(message, CChar(UInt8(ascii: "s")), $0) })
  }

  @inline(__always)
  private mutating func note(_ result: Int32) {
    if result < 0, self.result >= 0 { self.result = result }
  }
}
