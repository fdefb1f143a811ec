// A file mapped into memory: the one place that calls mmap, ftruncate and the like.
//
// More address space is mapped than the file is long, so that most growth needs no new mapping: the pages become usable when
// the file reaches them. Only when a file outgrows the reserved space does the mapping move.

import CSystem

@safe @usableFromInline struct Mapping: ~Copyable {
  @usableFromInline private(set) var base: UnsafeMutableRawPointer
  /// Bytes of address space that are mapped. Those beyond the file's end must not be touched.
  @usableFromInline private(set) var reserved: Int
  @usableFromInline let file: Int32
  let writable: Bool

  /// Takes over `file`, which is closed with the mapping.
  init(file: Int32, writable: Bool, size: Int, reserve: Int) throws(PoolError) {
    let length = Mapping.rounded(max(reserve, size))
    guard let start = unsafe shm_mmap(length, writable, file) else {
      let code = shm_errno()
      _ = close(file)
      throw .system(code)
    }
    unsafe base = start
    reserved = length
    self.file = file
    self.writable = writable
  }

  @inlinable deinit {
    unsafe _ = munmap(base, reserved)
    _ = close(file)
  }

  /// Makes at least `size` bytes addressable; the base may move.
  mutating func cover(_ size: Int) throws(PoolError) {
    guard size > reserved else { return }
    let length = Mapping.rounded(size + size / 2)
    guard let moved = unsafe shm_mremap(base, reserved, length) else { throw .system(shm_errno()) }
    unsafe base = moved
    reserved = length
  }

  private static func rounded(_ bytes: Int) -> Int { (bytes + 4095) & ~4095 }
}
