// `make demo` is a newcomer's first minute: it shows answers, and leaves nothing behind however it ends.

import BenchSupport
import Foundation
import Testing

import class TestSupport.Child
import class TestSupport.TemporaryFolder

@Suite struct DemoTests {
  /// The demo with a temporary folder of its own, so that what it leaves there and who still runs there can be seen.
  private final class Demo {
    let folder: TemporaryFolder
    let child: Child
    let lines = LineReader()

    init() throws {
      folder = try TemporaryFolder()
      child = try Child([builtProgram("demo")], environment: ["TMPDIR": folder.path], output: lines.writer, error: 2)
      lines.closeWriter()
    }

    var leftFiles: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [] }

    /// Command lines of processes that were started with a path in the folder.
    var leftProcesses: [String] {
      let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
      return processes.filter { Int($0) != nil }.compactMap { pid in
        FileManager.default.contents(atPath: "/proc/\(pid)/cmdline").map { String(decoding: $0, as: UTF8.self) }
      }.filter { $0.contains(folder.path) }
    }

    /// How it ended, and what it then left. The kernel takes a moment to kill a dead process's children.
    func waitForEnd() -> Child.End? {
      let end = child.wait(within: 20)
      for _ in 0..<200 where !leftProcesses.isEmpty { usleep(10_000) }
      return end
    }
  }

  @Test func showsAnOwnerASubTreeAnAssociationAndAnErrorAndLeavesNothing() throws {
    let demo = try Demo()
    var lines: [String] = []
    while let line = demo.lines.next(timeout: 30) { lines.append(line) }
    #expect(demo.waitForEnd() == .exit(0))
    for expected in [
      "53 services with 397 objects", "432 paths and 195 associations", "xyz.openbmc_project.HwmonTempSensor",
      "/xyz/openbmc_project/inventory/system/chassis/Main_Chassis", "… and 82 more",
      "xyz.openbmc_project.Common.Error.ResourceNotFound",
    ] {
      #expect(lines.contains { $0.contains(expected) }, "nothing says \(expected)")
    }
    #expect(demo.leftFiles == [])
    #expect(demo.leftProcesses == [])
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func anInterruptEndsAllThatItStarted(signal: Int32) throws {
    let demo = try Demo()
    while let line = demo.lines.next(timeout: 30), !line.contains("simulated BMC") {}
    #expect(demo.leftProcesses != [], "nothing runs yet that could be left behind")
    kill(demo.child.pid, signal)
    #expect(demo.waitForEnd() == .exit(128 + signal))
    #expect(demo.leftFiles == [])
    #expect(demo.leftProcesses == [])
  }
}
