// What the program prints.

import CSystem
import Database

enum Usage {
  static let all: StaticString = """
    @ COMMAND ...

      wait PATH...                        end when the mapper knows every PATH
      subtree-remove NAMESPACE:INTERFACE  end when no object below NAMESPACE has INTERFACE
      get-service PATH                    print the service that shows PATH, the first if there are several

    """
  static let wait: StaticString = "@ wait PATH...\n"
  static let subtreeRemove: StaticString = "@ subtree-remove NAMESPACE:INTERFACE\n"
  static let getService: StaticString = "@ get-service PATH\n"

  /// A usage text with the program's name in place of the `@`.
  static func text(_ usage: StaticString, _ name: ByteString) -> ByteString {
    var text = ByteString("Usage: ").bytes
    for byte in ByteString(usage).bytes {
      if byte == UInt8(ascii: "@") { text.append(contentsOf: name.bytes) } else { text.append(byte) }
    }
    return ByteString(text)
  }
}

enum Output {
  /// Writes all of it; false when that is not possible.
  @discardableResult
  static func write(_ text: ByteString, to file: Int32) -> Bool {
    var done = 0
    while done < text.bytes.count {
      let written = unsafe text.bytes.withUnsafeBytes {
        unsafe CSystem.write(file, $0.baseAddress! + done, $0.count - done)
      }
      guard written > 0 else { return false }
      done += written
    }
    return true
  }

  /// One line on standard error.
  static func complain(_ parts: ByteString...) {
    var line = ByteString("mapper: ").bytes
    for part in parts { line.append(contentsOf: part.bytes) }
    line.append(UInt8(ascii: "\n"))
    write(ByteString(line), to: STDERR_FILENO)
  }

  /// An errno of a call to the mapper in words.
  static func reason(_ code: Int32) -> ByteString {
    switch code {
    case EIO: ByteString("the mapper does not know it")
    case EHOSTUNREACH: ByteString("there is no mapper on the bus")
    case ETIMEDOUT: ByteString("the mapper does not answer")
    default: unsafe ByteString(cString: strerror(code))
    }
  }
}
