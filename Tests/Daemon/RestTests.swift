// A daemon that has nothing to scan: it holds no memory that only a scan needs, and the next scan works all the same.

import Foundation
import TestSupport
import Testing

@Suite("Rest", .lane)
struct RestTests {
  @Test("After a scan the daemon lets go of the code that only a scan needs, each time")
  func letsGo() throws {
    let world = try World()
    let witness = try Witness(in: world)
    let mapper = try world.startMapper()
    try witness.awaitMapper()
    try witness.await { residentCode(of: "libxml2", in: mapper.pid) == 0 }

    var services: [FakeService] = []
    for name in ["com.one", "com.two"] {
      services.append(try world.start(ServiceScript(name, objects: ["/s/\(name.suffix(3))": ["i.one"]])))
      try witness.awaitScan(of: name)
      try witness.await { residentCode(of: "libxml2", in: mapper.pid) == 0 }
    }
    #expect(try witness.paths(below: "/s") == ["/s/one", "/s/two"])
    withExtendedLifetime(services) {}
  }

  /// KB of a library's code that a process has mapped in; nil if it has no such library.
  private func residentCode(of library: String, in pid: pid_t) -> Int? {
    // Files in /proc have no size: read until the end.
    let file = FileHandle(forReadingAtPath: "/proc/\(pid)/smaps")
    let smaps = String(decoding: (try? file?.readToEnd()) ?? Data(), as: UTF8.self)
    var isCode = false
    for line in smaps.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count > 5, words[0].contains("-") { isCode = words[1].hasPrefix("r-x") && words[5].contains(library) }
      if isCode, words[0] == "Rss:" { return Int(words[1]) }
    }
    return nil
  }
}
