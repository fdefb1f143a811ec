// The scenario player itself: that it derives the calls that were recorded, sees each difference, and overlooks only what it is
// told to ignore.

import TestSupport
import Testing

struct PlayerTests {
  @Test("there are vectors to play")
  func vectors() { #expect(Vectors.names.count >= 55) }

  @Test("a check makes exactly the calls that were recorded", arguments: Vectors.names)
  func battery(_ name: String) throws {
    let golden = try Vectors.golden(name)
    let checks = try Vectors.scenario(name).steps.compactMap { step in
      if case .check(let calls, let sweep) = step { (calls, sweep) } else { nil }
    }
    try #require(checks.count == golden.count)
    for (check, record) in zip(checks, golden) {
      let calls = Battery.calls(listed: check.0, sweep: check.1, tree: record)
      #expect(calls == record.calls.map(\.call))
    }
  }

  @Test("a recording does not differ from itself")
  func same() throws {
    let golden = try Vectors.golden("names")
    #expect(Differences.between(want: golden, got: golden) == [])
  }

  @Test("one changed answer is one difference, which shows the call and the parts that differ")
  func changedAnswer() throws {
    let golden = try Vectors.golden("names")
    var other = golden
    other[3].calls[0].answer = Answer.values("a{sas}", [[["com.first", ["i.one", "i.two"]]]])
    other[3].calls = [other[3].calls[0]]
    var want = golden
    want[3].calls = [(other[3].calls[0].call, Answer.values("a{sas}", [[["com.first", ["i.one"]]]]))]
    let differences = Differences.between(want: want, got: other)
    #expect(differences.count == 1)
    #expect(differences.first?.hasPrefix("check 3: \(other[3].calls[0].call.description)\n") == true)
    #expect(differences.first?.hasSuffix(#"com.first: not wanted: ["i.two"]"#) == true)
  }

  @Test("a call that was not made, a signal too many and a missing check are differences")
  func absent() throws {
    let golden = try Vectors.golden("names")
    var other = golden
    let call = other[0].calls.removeLast().call
    other[1].signals["/new"] = [["InterfacesAdded", "/", []]]
    let differences = Differences.between(want: golden, got: other)
    #expect(differences.count == 2)
    #expect(differences.first?.contains(call.description) == true)
    #expect(differences.last?.contains("signals of /new") == true)
    #expect(Differences.between(want: golden, got: Array(golden.dropLast())).count == 1)
    #expect(Differences.between(want: golden, got: other, ignoring: .signals).count == 1)
  }

  @Test("order counts in answers and among endpoints, unless endpoint order is ignored")
  func order() {
    func check(_ endpoints: [String], _ services: [String]) -> [CheckRecord] {
      [
        CheckRecord(
          tree: Answer.values("a{sa{sas}}", [.array(services.map { [.string($0), []] })]),
          endpoints: [("/a/to", Answer.values("v", [Value(endpoints)]))], signals: [:], calls: [])
      ]
    }
    let one = check(["/x", "/y"], ["/a", "/b"])
    #expect(Differences.between(want: one, got: check(["/y", "/x"], ["/a", "/b"])).count == 1)
    #expect(Differences.between(want: one, got: check(["/y", "/x"], ["/a", "/b"]), ignoring: .endpointOrder).isEmpty)
    #expect(Differences.between(want: one, got: check(["/y"], ["/a", "/b"]), ignoring: .endpointOrder).count == 1)
    #expect(Differences.between(want: one, got: check(["/x", "/y"], ["/b", "/a"])).count == 1)
    #expect(Differences.between(want: one, got: check(["/x", "/y"], ["/b", "/a"]), ignoring: .tree).isEmpty)
  }

  @Test("introspection documents are the same whatever their order and layout")
  func introspection() throws {
    let one = try Introspection.members(
      """
      <!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN" "x.dtd">
      <node> <interface name="i.a"><method name="M"><arg name="x" type="s" direction="in"/></method>
      <property name="P" type="s" access="read"><annotation name="a" value="b"/></property></interface>
      <node name="child"><interface name="i.nested"/></node></node>
      """)
    let other = try Introspection.members(
      """
      <node><interface name="i.a"><property access="read" type="s" name="P"/><method name="M"><arg direction="in"
      type="s"/></method></interface></node>
      """)
    #expect(one == other)
    #expect(one == ["i.a": [["method", "M", "", "", [["s", "in"]]], ["property", "P", "s", "read", []]]])
    #expect(throws: VectorError.self) { try Introspection.members("<node></other>") }
  }
}
