// What killed processes leave beside a pool: files under temporary names, which hold memory and which nobody will ever open.

import CSystem

extension PoolFile {
  /// Removes the temporary files beside `path` whose makers are gone. A temporary name ends with its maker's process number.
  static func sweep(beside path: [UInt8]) {
    let at = path.lastIndex(of: UInt8(ascii: "/"))
    let folder = at.map { [UInt8](path[...$0]) } ?? [UInt8(ascii: "."), UInt8(ascii: "/")]
    let prefix = (at.map { [UInt8](path[($0 + 1)...]) } ?? path) + [UInt8(ascii: ".")]
    guard let list = unsafe withPath(folder, { unsafe opendir($0) }) else { return }
    defer { unsafe _ = closedir(list) }
    while let entry = unsafe readdir(list) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        let bytes = unsafe UnsafeRawPointer(pointer).assumingMemoryBound(to: UInt8.self)
        let length = unsafe strlen(UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
        return unsafe [UInt8](UnsafeBufferPointer(start: bytes, count: length))
      }
      guard name.count == prefix.count + 8, name.starts(with: prefix), let maker = number(name[prefix.count...]) else {
        continue
      }
      if kill(maker, 0) != 0, shm_errno() == ESRCH { remove(folder + name) }
    }
  }

  /// The process number that eight hexadecimal digits spell; nil when there is no such.
  private static func number(_ digits: ArraySlice<UInt8>) -> pid_t? {
    var value: UInt32 = 0
    for digit in digits {
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(digit - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(digit - UInt8(ascii: "a") + 10)
      default: return nil
      }
    }
    // The kernel gives no number beyond 2^22; a name that was tried for the second time has a larger one.
    return value > 0 && value <= 1 << 22 ? pid_t(value) : nil
  }
}
