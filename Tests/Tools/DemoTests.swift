// `make demo` is a newcomer's first minute: it shows answers, and leaves nothing behind however it ends.

import BenchSupport
import Foundation
import Testing

@Suite struct DemoTests {
  /// The demo with a temporary folder of its own, so that what it leaves there and who still runs there can be seen.
  private final class Run {
    let folder: TemporaryFolder
    let child: Child

    init() throws {
      folder = try TemporaryFolder()
      child = try Child([builtProgram("demo")], environment: ["TMPDIR": folder.path])
    }

    var leftFiles: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [] }

    /// Command lines of processes that were started with a path in the folder.
    var leftProcesses: [String] {
      let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
      return processes.filter { Int($0) != nil }.compactMap { pid in
        FileManager.default.contents(atPath: "/proc/\(pid)/cmdline").map { String(decoding: $0, as: UTF8.self) }
      }.filter { $0.contains(folder.path) }
    }

    func waitForEnd() throws -> Int32 {
      for _ in 0..<2000 where child.isRunning { usleep(10_000) }
      return try #require(child.exitStatus, "the demo goes on for more than 20 s")
    }
  }

  @Test func showsAnOwnerASubTreeAnAssociationAndAnErrorAndLeavesNothing() throws {
    let run = try Run()
    var lines: [String] = []
    while let line = run.child.readLine(timeout: 30) { lines.append(line) }
    #expect(try run.waitForEnd() == 0)
    for expected in [
      "53 services with 397 objects", "432 paths and 195 associations", "xyz.openbmc_project.HwmonTempSensor",
      "/xyz/openbmc_project/inventory/system/chassis/Main_Chassis", "… and 82 more",
      "xyz.openbmc_project.Common.Error.ResourceNotFound",
    ] {
      #expect(lines.contains { $0.contains(expected) }, "nothing says \(expected)")
    }
    #expect(run.leftFiles == [])
    #expect(run.leftProcesses == [])
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func anInterruptEndsAllThatItStarted(signal: Int32) throws {
    let run = try Run()
    while let line = run.child.readLine(timeout: 30), !line.contains("simulated BMC") {}
    #expect(run.leftProcesses != [], "nothing runs yet that could be left behind")
    kill(run.child.pid, signal)
    #expect(try run.waitForEnd() == 128 + signal)
    #expect(run.leftFiles == [])
    #expect(run.leftProcesses == [])
  }
}
