// Introspection documents (D-Bus specification, "Introspection Data Format"), as any peer on the bus may send them.
//
// What comes in is hostile until shown otherwise. So: no DTD is loaded, no entity is declared (hence none expands), the
// network is not touched, and length, nesting and the number of names are bounded. A document that is not well formed
// is skipped as a whole. Interfaces and nodes without a name are left out.

import CLibXML2
import CSystem
import Database

/// What one object tells about itself: its own interfaces, and the names of its children. Neither sorted nor checked:
/// any text that the document gave as a name.
public struct Introspection: Equatable {
  public var interfaces: [InterfaceName] = []
  public var children: [ByteString] = []

  /// No document of a sane service comes near these.
  public enum Limit {
    /// Bytes of one document.
    public static let document = 4 << 20
    /// Names of one document, interfaces and children together.
    public static let names = 65536
    /// Elements inside one another.
    public static let depth = 64
    /// Bytes of one interface name: the limit of the D-Bus specification.
    public static let interface = 255
  }

  init() {}

  /// Reads a document; none when it is broken, beyond a limit, or when its root is no `node`.
  public init?(xml: Span<UInt8>) {
    guard !xml.isEmpty, xml.count <= Limit.document else { return nil }
    let reader = IntrospectionReader()
    let wellFormed = unsafe xml.withUnsafeBufferPointer { unsafe reader.parse($0) }
    guard wellFormed, reader.hasRoot, !reader.isOverLimit else { return nil }
    self = reader.found
  }
}

/// Takes libxml2's events for one document. The root element has depth 1.
@safe
private final class IntrospectionReader {
  var found = Introspection()
  var hasRoot = false
  var isOverLimit = false
  private var depth = 0
  private var context: xmlParserCtxtPtr?

  /// Whether the document is well formed to its end.
  @unsafe func parse(_ xml: UnsafeBufferPointer<UInt8>) -> Bool {
    var handler = unsafe xmlSAXHandler()
    unsafe handler.initialized = UInt32(XML_SAX2_MAGIC)
    unsafe handler.startElementNs = { me, name, _, _, _, _, attributeCount, _, attributes in
      let reader = unsafe Unmanaged<IntrospectionReader>.fromOpaque(me!).takeUnretainedValue()
      unsafe reader.startElement(name!, attributes, Int(attributeCount))
    }
    unsafe handler.endElementNs = { me, _, _, _ in
      unsafe Unmanaged<IntrospectionReader>.fromOpaque(me!).takeUnretainedValue().depth -= 1
    }
    unsafe handler.serror = { _, _ in }  // else libxml2 writes to standard error

    let me = unsafe Unmanaged.passUnretained(self).toOpaque()
    guard let context = unsafe xmlCreatePushParserCtxt(&handler, me, nil, 0, nil) else { return false }
    unsafe self.context = context
    defer {
      // Entities that the document declares make libxml2 begin a tree, which belongs to whoever parses in pieces.
      unsafe xmlFreeDoc(context.pointee.myDoc)
      unsafe xmlFreeParserCtxt(context)
    }
    // XML_PARSE_NOENT puts `&amp;` into attribute values as `&`. No other entity is known, whatever a DTD declares.
    unsafe xmlCtxtUseOptions(context, Int32(XML_PARSE_NONET.rawValue | XML_PARSE_NOENT.rawValue))
    let error = unsafe xml.withMemoryRebound(to: CChar.self) { text in
      unsafe xmlParseChunk(context, text.baseAddress, Int32(text.count), 1)
    }
    return error == 0
  }

  private func startElement(
    _ name: UnsafePointer<UInt8>, _ attributes: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ count: Int
  ) {
    depth += 1
    guard depth <= Introspection.Limit.depth else { return stop() }
    guard depth <= 2 else { return }
    let isNode = unsafe strcmp(UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self), "node") == 0
    if depth == 1 {
      hasRoot = isNode
      return
    }
    guard hasRoot, let value = unsafe self.value(of: "name", in: attributes, count) else { return }
    guard found.interfaces.count + found.children.count < Introspection.Limit.names else { return stop() }
    if isNode {
      found.children.append(ByteString(value))
    } else if unsafe strcmp(UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self), "interface") == 0,
      value.count <= Introspection.Limit.interface
    {
      found.interfaces.append(InterfaceName(value))
    }
  }

  private func stop() {
    isOverLimit = true
    unsafe xmlStopParser(context)
  }

  /// libxml2 hands each attribute over as five pointers: name, prefix, URI, start and end of the value.
  private func value(
    of attribute: StaticString, in attributes: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ count: Int
  ) -> [UInt8]? {
    guard let attributes = unsafe attributes else { return nil }
    for index in 0..<count {
      let fields = unsafe attributes + index * 5
      guard let name = unsafe fields[0], let start = unsafe fields[3], let end = unsafe fields[4],
        unsafe strcmp(UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self), attribute.cString) == 0
      else { continue }
      let length = unsafe end - start
      return length == 0 ? nil : unsafe [UInt8](UnsafeBufferPointer(start: start, count: length))
    }
    return nil
  }
}
