// What an introspection document yields, and what a hostile one does not do.

import IntrospectionData
import Database
import Testing

private func read(_ xml: [UInt8]) -> Introspection? { Introspection(xml: xml.span) }

private func read(_ xml: String) -> Introspection? { read([UInt8](xml.utf8)) }

private func text<Kind>(_ names: [Name<Kind>]) -> [String] { names.map { String(decoding: $0.bytes, as: UTF8.self) } }

@Suite("Introspection documents")
struct IntrospectionTests {
  @Test("A document yields its own interfaces and children, in order")
  func ordinary() throws {
    let document = try #require(
      read(
        """
        <!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN" "http://x/introspect.dtd">
        <!-- a comment --><node name="/">
         <interface name="i.two"><method name="M"><arg name="x" type="s" direction="in"/></method>
          <property name="P" type="s" access="read"><annotation name="a" value="b"/></property></interface>
         <node name="b"/><interface name="i.one"/><node name="a"></node>
        </node>
        """))
    #expect(text(document.interfaces) == ["i.two", "i.one"])
    #expect(text(document.children) == ["b", "a"])
  }

  @Test("What stands inside a nested node belongs to that node")
  func nested() throws {
    let document = try #require(
      read("<node><node name='in'><interface name='i.in'/><node name='deeper'/></node><interface name='i.out'/></node>")
    )
    #expect(text(document.interfaces) == ["i.out"])
    #expect(text(document.children) == ["in"])
  }

  @Test("Elements without a name, or with an empty one, are left out and what follows them is read")
  func nameless() throws {
    let document = try #require(
      read("<node><interface/><interface name=''/><node/><node name=''/><interface name='i.a'/><node name='b'/></node>")
    )
    #expect(text(document.interfaces) == ["i.a"])
    #expect(text(document.children) == ["b"])
  }

  @Test("Predefined entities and character references are resolved")
  func entities() throws {
    let document = try #require(
      read("<node><interface name=\"i.&lt;&amp;&gt;&quot;&apos;\"/><interface name='i.&#x41;&#66;'/></node>"))
    #expect(text(document.interfaces) == ["i.<&>\"'", "i.AB"])
  }

  @Test(
    "A document that is broken, empty, or has another root is skipped as a whole",
    arguments: [
      "", " ", "<", "<node", "<node>", "<node><interface name='i.never'></node", "<other/>", "text",
      "<node><interface name='i.a'/></node><node/>", "<node><interface name=i.a/></node>",
      "<node><interface name='i.a' name='i.b'/></node>", "<node><interface name='i.\u{1}'/></node>",
      "<a><node><interface name='i.a'/></node></a>", "<node><interface name='i.a'/></nod>",
    ])
  func broken(xml: String) { #expect(read(xml) == nil) }

  @Test("Bytes that are no UTF-8 are refused")
  func invalidText() {
    let xml = [UInt8]("<node><interface name='i.".utf8) + [0xff, 0xfe] + [UInt8]("'/></node>".utf8)
    #expect(read(xml) == nil)
  }

  @Test("No entity that a document declares is expanded")
  func declaredEntities() {
    var declarations = "<!ENTITY e0 'xxxxxxxxxxxxxxxx'>"
    for level in 1...20 {
      let inner = String(repeating: "&e\(level - 1);", count: 16)
      declarations += "<!ENTITY e\(level) '\(inner)'>"
    }
    let document = read("<!DOCTYPE node [\(declarations)]><node><interface name='i.&e20;'/>&e20;</node>")
    for name in document?.interfaces ?? [] { #expect(name.bytes.count < 16) }
  }

  @Test("No file is read for an external entity, and no external subset is loaded")
  func externalEntities() {
    let document = read(
      """
      <!DOCTYPE node SYSTEM "file:///nonexistent.dtd" [<!ENTITY file SYSTEM "file:///etc/hostname">]>
      <node><interface name="i.a"/>&file;<interface name="i.&file;"/></node>
      """)
    for name in document?.interfaces ?? [] { #expect(name.bytes.count <= 3) }
  }

  @Test("A document nested deeper than the limit is skipped, however deep it goes")
  func depth() {
    func nested(_ levels: Int) -> String {
      String(repeating: "<node>", count: levels) + String(repeating: "</node>", count: levels)
    }
    #expect(read(nested(Introspection.Limit.depth)) != nil)
    #expect(read(nested(Introspection.Limit.depth + 1)) == nil)
    #expect(read(nested(100_000)) == nil)
  }

  @Test("A document longer than the limit is skipped")
  func length() {
    let padding = String(repeating: " ", count: Introspection.Limit.document)
    #expect(read("<node>\(padding)</node>") == nil)
    #expect(read("<node>\(padding.dropLast(100))</node>") != nil)
  }

  @Test("A document with more names than the limit is skipped")
  func names() {
    let child = "<node name='a'/>"
    #expect(read("<node>" + String(repeating: child, count: Introspection.Limit.names) + "</node>") != nil)
    #expect(read("<node>" + String(repeating: child, count: Introspection.Limit.names + 1) + "</node>") == nil)
  }

  @Test("An interface name longer than D-Bus allows is left out")
  func longInterface() throws {
    let longest = String(repeating: "i", count: Introspection.Limit.interface)
    let document = try #require(read("<node><interface name='\(longest)'/><interface name='\(longest)i'/></node>"))
    #expect(text(document.interfaces) == [longest])
  }

  @Test("Any cut of a sound document is refused, and none crashes")
  func cuts() {
    let xml = [UInt8]("<!DOCTYPE node><node name='/'><interface name='i.&amp;'/><!--c--><node name='b'/></node>".utf8)
    for length in 0..<xml.count { #expect(read([UInt8](xml[..<length])) == nil) }
    #expect(read(xml) != nil)
  }
}
