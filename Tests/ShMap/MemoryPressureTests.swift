// Pools that cannot grow: a file system that is full, a process that may not map more.

import Foundation
import ShMap
import TestSupport
import Testing

@Suite struct MemoryPressureTests {
  /// A file system of 1 MiB of its own, which goes with the processes that see it.
  @Test(.enabled(if: geteuid() == 0, "only root can mount a file system"))
  func aFullFileSystemIsAnErrorAndLeavesThePoolUsable() throws {
    let folder = try TemporaryFolder()
    let worker = try Products.program("shmap-worker")
    let script = "mount -t tmpfs -o size=1M none '\(folder.path)' && exec '\(worker)' fill '\(folder.file("pool"))'"
    let run = try Run(["unshare", "--mount", "sh", "-c", script], within: 60)
    #expect(run.end == .exit(0), "\(run.error)")
    #expect(run.output == "full\n")
  }

  @Test func aProcessThatMayNotMapMoreIsToldSoAndTheOthersGoOn() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("pool")
    let pool = try SharedPool(creating: .file(Array(path.utf8)))
    let worker = try Products.program("shmap-worker")
    let output = try folder.create("out")
    let small = try Child([worker, "cramped", path], output: output.fileDescriptor, error: 2)
    while try folder.read("out").isEmpty { usleep(2000) }
    // The other process has no address space left for this.
    let block = try pool.withAccess { access throws(PoolError) in
      let block = try access.allocate(UInt64.self, count: 1 << 20)
      try access.store(7, at: block)
      return block
    }
    try folder.write("go", "")
    #expect(small.wait(within: 30) == .exit(0))
    #expect(try folder.read("out") == "cramped\nsystem(\(ENOMEM))\n")
    let (kept, report) = try pool.withAccess { access throws(PoolError) in
      (try access.load(block), try access.checkHeap())
    }
    #expect(kept == 7)
    #expect(report.isSound)
  }
}
