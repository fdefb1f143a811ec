// The eight questions and their edges. Reference: handler; the recorded vectors show each of these on a real bus.

import Testing

@testable import Database

@Suite("GetObject") struct GetObjectTests {
  private let mapper: Mapper

  init() throws {
    mapper = try Mapper()
    mapper.add("/a/b", ["i.Two", "i.One"], by: "z.Z")
    mapper.add("/a/b", ["i.Three"], by: "a.A")
  }

  @Test("All services come in order, each with all its interfaces in order")
  func whole() throws {
    let all = ["service a.A", "interface i.Three", "service z.Z", "interface i.One", "interface i.Two"]
    #expect(try mapper.ask(.object("/a/b", [])) == all)
  }

  @Test("A filter means any of its names, per service; who matches shows everything")
  func filtered() throws {
    let z = ["service z.Z", "interface i.One", "interface i.Two"]
    #expect(try mapper.ask(.object("/a/b", ["i.Two", "i.None"])) == z)
    #expect(try mapper.ask(.object("/a/b", ["i.Two", "i.Two", "i.One"])) == z)
  }

  @Test("Nothing left by the filter, or an unknown path, is not found")
  func missing() throws {
    #expect(try mapper.ask(.object("/a/b", ["i.None"])) == nil)
    #expect(try mapper.ask(.object("/a/c", [])) == nil)
  }

  @Test("No slash at the end is tolerated, and the empty path is a path like any other")
  func exact() throws {
    #expect(try mapper.ask(.object("/a/b/", [])) == nil)
    // A signal has implied it: the parent of "/a".
    #expect(try mapper.ask(.object("", [])) == ["service a.A", "service z.Z"])
  }

  @Test("A path that nobody shows is known and has no services, unless a filter asks for one")
  func ownerless() throws {
    mapper.scan("s.S", [("/empty", [])])
    #expect(try mapper.ask(.object("/empty", [])) == [])
    #expect(try mapper.ask(.object("/empty", ["i.One"])) == nil)
  }
}

@Suite("GetAncestors") struct GetAncestorsTests {
  @Test("Every known path that the path begins with as a string, the shortest first, itself left out")
  func prefixes() throws {
    let mapper = try Mapper()
    mapper.scan("s.S", [("/", ["i.R"]), ("/a", ["i.A"]), ("/a/b", ["i.B"]), ("/a/bc", ["i.C"]), ("/a/bc/d", ["i.D"])])
    let answer = try #require(try mapper.ask(.ancestors("/a/bc/d", [])))
    #expect(answer.filter { $0.hasPrefix("object") } == ["object /", "object /a", "object /a/b", "object /a/bc"])
    #expect(try mapper.ask(.ancestors("/a/bc/d/", ["i.B"])) == ["object /a/b", "service s.S", "interface i.B", "end"])
  }

  @Test("An unknown path is not found; the root and the empty path have no ancestors")
  func edges() throws {
    let mapper = try Mapper()
    #expect(try mapper.ask(.ancestors("/not/there", [])) == nil)
    #expect(try mapper.ask(.ancestors("/", [])) == [])
    #expect(try mapper.ask(.ancestors("", [])) == [])
  }

  @Test("The empty path is an ancestor of all where it is known")
  func emptyPath() throws {
    let mapper = try Mapper()
    mapper.add("/a", ["i.A"])
    let answer = try #require(try mapper.ask(.ancestors("/a", [])))
    #expect(answer.filter { $0.hasPrefix("object") } == ["object ", "object /"])
  }

  @Test("Many paths that only begin alike do not stand in the way")
  func neighbours() throws {
    let mapper = try Mapper()
    mapper.scan("s.S", (0..<500).map { ("/a/b\($0)", ["i.X"]) } + [("/a", ["i.A"]), ("/a/b1/c/d", ["i.D"])])
    let answer = try #require(try mapper.ask(.ancestors("/a/b1/c/d", ["i.A", "i.X"])))
    #expect(answer.filter { $0.hasPrefix("object") } == ["object /a", "object /a/b1"])
  }
}

@Suite("GetSubTree and GetSubTreePaths") struct SubTreeTests {
  private let mapper: Mapper

  init() throws {
    mapper = try Mapper()
    mapper.scan(
      "s.S",
      [
        ("/t", ["i.T"]), ("/t/a", ["i.A"]), ("/t/a/b", ["i.B", "i.A"]), ("/t/a/b/c", ["i.C"]), ("/t0", ["i.A"]),
        ("/t/empty", []),
      ])
    mapper.scan("r.R", [("/t/a", ["i.C"])])
  }

  private func paths(_ root: String, _ depth: Int32, _ names: [String]) throws -> [String]? {
    try mapper.ask(.subTreePaths(root, depth, names))?.map { String($0.dropFirst(5)) }
  }

  @Test("What lies below the root, in order, without the root itself and without what only begins alike")
  func below() throws {
    #expect(try paths("/t", 0, []) == ["/t/a", "/t/a/b", "/t/a/b/c", "/t/empty"])
  }

  @Test(
    "Depth counts path segments below the root; none or less is unlimited", arguments: [0, -1, Int32.min, 3, Int32.max])
  func depthUnlimited(depth: Int32) throws {
    #expect(try paths("/t", depth, ["i.A", "i.C"]) == ["/t/a", "/t/a/b", "/t/a/b/c"])
  }

  @Test("Depth one is the children, depth two their children as well, with any number of interfaces")
  func depthLimited() throws {
    #expect(try paths("/t", 1, []) == ["/t/a", "/t/empty"])
    #expect(try paths("/t", 2, ["i.A"]) == ["/t/a", "/t/a/b"])
    #expect(try paths("/t", 2, ["i.A", "i.C"]) == ["/t/a", "/t/a/b"])
    #expect(try paths("/", 1, ["i.A"]) == ["/t0"])
  }

  @Test("One slash at the end of the root does not matter, a second one does")
  func trailingSlash() throws {
    #expect(try paths("/t/", 1, ["i.A"]) == ["/t/a"])
    #expect(try paths("/t//", 0, []) == nil)
  }

  @Test("The empty root is the root of all, which is a part of its own answer")
  func root() throws {
    #expect(try paths("", 0, ["i.T"]) == ["/t"])
    #expect(try paths("/", 1, []) == ["/", "/t", "/t0", "/xyz"])
    #expect(try paths("", 0, []) == paths("/", 0, []))
  }

  @Test("An unknown root is not found; a known one with nothing to show is an empty answer")
  func nothing() throws {
    #expect(try paths("/u", 0, []) == nil)
    #expect(try mapper.ask(.subTree("/u", 0, ["i.A"])) == nil)
    #expect(try paths("/t/a/b/c", 0, []) == [])
    #expect(try paths("/t", 0, ["i.None"]) == [])
    #expect(try mapper.ask(.subTree("/t", 0, ["i.None"])) == [])
  }

  @Test("A path that nobody shows is among the paths, and in no tree")
  func ownerless() throws {
    #expect(try paths("/t", 0, [])!.contains("/t/empty"))
    #expect(try mapper.ask(.subTree("/t", 0, []))!.contains("object /t/empty") == false)
  }

  @Test("Only those services come that pass the filter, each with all its interfaces")
  func services() throws {
    #expect(
      try mapper.ask(.subTree("/t", 1, ["i.C", "i.None"])) == ["object /t/a", "service r.R", "interface i.C", "end"])
    #expect(
      try mapper.ask(.subTree("/t", 2, ["i.B"]))
        == ["object /t/a/b", "service s.S", "interface i.A", "interface i.B", "end"])
  }

  @Test("A name given twice counts once; more names than the indexes are merged for are as good as few")
  func manyNames() throws {
    #expect(try paths("/", 0, ["i.T", "i.T"]) == ["/t"])
    let names = (0..<20).map { "i.N\($0)" }
    mapper.scan("n.N", (0..<20).map { ("/n/\($0 % 10)", [names[$0]]) })
    let wanted = (0..<10).map { "/n/\($0)" }
    #expect(try paths("/", 0, names) == wanted)
    #expect(try paths("/", 0, Array(names.dropLast(12))) == Array(wanted.dropLast(2)))
    #expect(try paths("/", 2, names + (0..<3000).map { "un.known\($0)" }) == wanted)
  }

  @Test("Thousands of paths too deep are passed by, not walked through")
  func deepBranches() throws {
    mapper.scan(
      "d.D", (0..<3000).map { ("/t/deep/x/y/\($0)", ["i.D"]) } + [("/t/deep", ["i.D"]), ("/t/last", ["i.D"])])
    #expect(try paths("/t", 1, []) == ["/t/a", "/t/deep", "/t/empty", "/t/last"])
    #expect(try paths("/t", 1, ["i.D"]) == ["/t/deep", "/t/last"])
    #expect(try paths("/t", 4, ["i.D"])!.count == 3002)
  }
}

@Suite("GetAssociatedSubTree and the like") struct AssociatedSubTreeTests {
  private let mapper: Mapper

  init() throws {
    mapper = try Mapper()
    mapper.scan(
      "e.E", [("/e", ["i.P"]), ("/e/b", ["i.End"]), ("/e/a", ["i.End"]), ("/e/a/x", ["i.X"]), ("/f", ["i.End"])])
    mapper.add(
      "/s/one/id", [Mapper.definitions, "i.Source"], by: "s.S",
      [
        Definition("to", "from", "/e/b"), Definition("to", "from", "/f"), Definition("to", "from", "/e/a/x"),
        Definition("to", "from", "/e/a"),
      ])
    mapper.add("/s/two/id", [Mapper.definitions, "i.Source"], by: "s.S", [Definition("to", "from", "/e/b")])
  }

  private func paths(_ association: String, _ root: String, _ depth: Int32, _ names: [String]) throws -> [String]? {
    try mapper.ask(.associatedSubTreePaths(association, root, depth, names))?.map { String($0.dropFirst(5)) }
  }

  private func byID(_ id: String, _ root: String, _ names: [String], _ more: [String]) throws -> [String]? {
    try mapper.ask(.associatedSubTreePathsById(id, root, names, "to", more))?.map { String($0.dropFirst(5)) }
  }

  @Test("The endpoints that lie in the subtree, sorted, whatever order they came in")
  func endpoints() throws {
    #expect(try paths("/s/one/id/to", "/e", 0, []) == ["/e/a", "/e/a/x", "/e/b"])
    #expect(try paths("/s/one/id/to", "/e/", 1, ["i.End", "i.X"]) == ["/e/a", "/e/b"])
    #expect(try mapper.ask(.associatedSubTree("/s/one/id/to", "/e", 0, ["i.X"]))!.first == "object /e/a/x")
    #expect(try mapper.ends("/s/one/id/to") == ["/e/a", "/e/a/x", "/e/b", "/f"])
  }

  @Test("An unknown association is an empty answer, even below an unknown root; an unknown root alone is not found")
  func unknown() throws {
    #expect(try paths("/s/one/id/none", "/e", 0, []) == [])
    #expect(try paths("/s/one/id/none", "/not/there", 0, []) == [])
    #expect(try paths("/s/one/id/to", "/not/there", 0, []) == nil)
  }

  @Test(
    "By id: of all paths with that last part and one of the interfaces, what their association leads to, one by one")
  func byID() throws {
    #expect(try byID("id", "/", ["i.Source"], ["i.End"]) == ["/e/a", "/e/b", "/f", "/e/b"])
    #expect(try byID("id", "", ["i.Source"], ["i.End"]) == ["/e/a", "/e/b", "/f", "/e/b"])
  }

  @Test("By id: no interfaces for the sources match none, no interfaces for the endpoints match all")
  func byIDEmptyFilters() throws {
    #expect(try byID("id", "/", [], []) == [])
    #expect(try byID("id", "/", ["i.Source"], []) == ["/e/a", "/e/a/x", "/e/b", "/f", "/e/b"])
  }

  @Test("By id: an id that is nowhere, or an unknown root, is not found; one that is elsewhere is an empty answer")
  func byIDUnknown() throws {
    #expect(try byID("none", "/", ["i.Source"], []) == nil)
    #expect(try byID("id", "/not/there", ["i.Source"], []) == nil)
    #expect(try byID("d", "/", ["i.Source"], []) == nil)
    #expect(try byID("id", "/e", ["i.Source"], []) == [])
  }

  @Test("By id: an id may have slashes, and must match whole path segments")
  func byIDWithSlashes() throws {
    #expect(try byID("two/id", "/", ["i.Source"], []) == ["/e/b"])
    #expect(try byID("wo/id", "/", ["i.Source"], []) == nil)
    #expect(try byID("", "/", ["i.Source"], []) == [])
  }

  @Test("By id: sources lie below the root by string prefix, and endpoints in its subtree")
  func byIDRoot() throws {
    #expect(try byID("id", "/s", ["i.Source"], []) == [])
    mapper.add("/sx/id", [Mapper.definitions, "i.Source"], by: "s.S", [Definition("to", "", "/s/one")])
    #expect(try byID("id", "/s", ["i.Source"], []) == ["/s/one"])
  }
}
