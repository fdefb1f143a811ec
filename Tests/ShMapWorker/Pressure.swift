// Work in a pool that cannot grow, see MemoryPressureTests.

import CSystem
import Foundation
import ShMap

/// Makes a pool and fills its file system; then what was freed can be had again, and all is whole.
func fill(_ path: [UInt8]) throws(PoolError) {
  let pool = try SharedPool(creating: .file(path))
  try pool.withAccess { access throws(PoolError) in
    var blocks: [Offset<UInt8>] = []
    var isFull = false
    while !isFull {
      do throws(PoolError) { blocks.append(try access.allocate(UInt8.self, count: 10_000)) } catch {
        guard error == .full else { throw error }
        isFull = true
      }
      guard blocks.count < 1000 else { fail("it never gets full") }
      var bytes = try access.mutableSpan(blocks[blocks.count - 1], count: 10_000)
      for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: blocks.count) }
    }
    guard blocks.count > 20 else { fail("full after \(blocks.count) blocks") }
    for number in stride(from: 0, to: blocks.count, by: 2) {
      try access.free(blocks[number])
      blocks[number] = try access.allocate(UInt8.self, count: 9000)
    }
    var wrong = 0
    for number in stride(from: 1, to: blocks.count, by: 2) {
      let bytes = try access.span(blocks[number], count: 10_000)
      for index in bytes.indices where bytes[index] != UInt8(truncatingIfNeeded: number + 1) { wrong += 1 }
    }
    guard wrong == 0 else { fail("overwritten") }
    guard try access.checkHeap().isSound else { fail("the heap is not sound") }
  }
  print("full")
}

/// Attaches with next to no address space to grow into, says so, and goes on when the file `go` appears beside the pool.
func beCramped(_ path: [UInt8]) throws(PoolError) {
  let pool = try SharedPool(attaching: .file(path), reserve: 128 << 10)
  try pool.withAccess { access throws(PoolError) in _ = access.size }
  var limit = rlimit()
  guard unsafe getrlimit(Int32(RLIMIT_AS.rawValue), &limit) == 0 else { fail("no limit") }
  limit.rlim_cur = 4096  // whatever is mapped from here on fails
  FileHandle.standardOutput.write(Data("cramped\n".utf8))
  let go = URL(fileURLWithPath: String(decoding: path, as: UTF8.self)).deletingLastPathComponent().path + "/go"
  while !FileManager.default.fileExists(atPath: go) { usleep(2000) }
  guard unsafe setrlimit(Int32(RLIMIT_AS.rawValue), &limit) == 0 else { fail("no limit") }
  do throws(PoolError) {
    try pool.withAccess { access throws(PoolError) in _ = access.size }
    fail("it mapped what it may not")
  } catch { print(error) }
}
