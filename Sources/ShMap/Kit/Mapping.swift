// A file mapped into memory: the one place that calls mmap, ftruncate and the like.
//
// More address space is mapped than the file is long, so that most growth needs no new mapping: the pages become usable when
// the file reaches them. Only when a file outgrows the reserved space does the mapping move.
//
// A writable mapping that has moved stays mapped at its old addresses too until it is given up: the kernel and the C library
// know the locks that are held in it by address (CSystem, robust.h), and threads may be asleep on others.

import CSystem

/// Addresses that a mapping had before it moved.
@safe private struct Left {
  let base: UnsafeMutableRawPointer
  let bytes: Int
}

@safe @usableFromInline struct Mapping: ~Copyable {
  @usableFromInline private(set) var base: UnsafeMutableRawPointer
  /// Bytes of address space that are mapped. Those beyond the file's end must not be touched.
  @usableFromInline private(set) var reserved: Int
  @usableFromInline let file: Int32
  let writable: Bool
  private var owned: UInt32 = 0
  private var left: [Left] = []

  /// Takes over `file`, which is closed with the mapping.
  init(file: Int32, writable: Bool, size: Int, reserve: Int) throws(PoolError) {
    let length = Mapping.rounded(max(reserve, size))
    guard length > 0, let start = unsafe shm_mmap(length, writable, file) else {
      let code = length > 0 ? shm_errno() : ENOMEM
      _ = close(file)
      throw .system(code)
    }
    unsafe base = start
    reserved = length
    self.file = file
    self.writable = writable
  }

  @inlinable deinit { unmap() }

  @usableFromInline func unmap() {
    _ = close(file)
    if owned != 0 {
      // Given up by another thread than the one that took it, the lock is still in that thread's list, and whoever walks
      // that list must not find a hole: the memory stays mapped then.
      do throws(PoolError) { try unsafe Cell(base + Int(owned)).unlock() } catch { return }
    }
    unsafe _ = munmap(base, reserved)
    for old in left { unsafe _ = munmap(old.base, old.bytes) }
  }

  /// Takes the lock by which others see that this process lives, for as long as the mapping. The calling thread must live as
  /// long.
  mutating func own(_ cell: UInt32) throws(PoolError) {
    _ = try unsafe Cell(base + Int(cell)).lock()
    owned = cell
  }

  /// Makes at least `size` bytes addressable; the base may move.
  mutating func cover(_ size: Int) throws(PoolError) {
    guard size > reserved else { return }
    let length = Mapping.rounded(size > Int.max / 2 ? size : size + size / 2)
    guard length > 0 else { throw .system(ENOMEM) }
    if writable {
      guard let more = unsafe shm_mmap(length, true, file) else { throw .system(shm_errno()) }
      unsafe left.append(Left(base: base, bytes: reserved))
      unsafe base = more
    } else {
      guard let moved = unsafe shm_mremap(base, reserved, length) else { throw .system(shm_errno()) }
      unsafe base = moved
    }
    reserved = length
  }

  /// In whole pages. Zero when that is more than this process can address, as a damaged size may be.
  private static func rounded(_ bytes: Int) -> Int { bytes > Int.max - 4095 ? 0 : (bytes + 4095) & ~4095 }
}
