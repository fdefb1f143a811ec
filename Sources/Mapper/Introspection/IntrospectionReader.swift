// Reading introspection documents with libxml2's events (SAX2), without a tree.
//
// A reader keeps libxml2's parser for the next document, and names that come again as one array: the documents of a system
// have thousands of interfaces, and some hundred different ones. What hostile documents can make it keep is bounded.

import CLibXML2
import CSystem
import Database

/// Reads one document after the other. One thread only.
@safe public final class IntrospectionReader {
  private enum Bound {
    /// Documents for which one parser is used, as its dictionary of names only grows.
    static let documents = 256
    /// A longer document, in bytes, or a refused one, leaves a parser behind that is not used again.
    static let document = 65536
    /// Different interface names that are kept.
    static let names = 4096
  }

  private var found = Introspection()
  private var hasRoot = false
  private var isOverLimit = false
  private var depth = 0
  private var context: xmlParserCtxtPtr?
  private var documents = 0
  private var names = NameTable()

  public init() {}

  deinit { dropParser() }

  /// Reads a document; none when it is broken, beyond a limit, or when its root is no `node`.
  public func read(_ xml: Span<UInt8>) -> Introspection? {
    guard !xml.isEmpty, xml.count <= Introspection.Limit.document, prepareParser() else { return nil }
    found = Introspection()
    (hasRoot, isOverLimit, depth) = (false, false, 0)
    let error = unsafe xml.withUnsafeBufferPointer { xml in
      unsafe xml.withMemoryRebound(to: CChar.self) { text in
        unsafe xmlParseChunk(context, text.baseAddress, Int32(text.count), 1)
      }
    }
    let isSound = error == 0 && hasRoot && !isOverLimit
    documents += 1
    if !isSound || documents == Bound.documents || xml.count > Bound.document { dropParser() }
    return isSound ? found : nil
  }

  /// Makes a parser, or the one there is ready for another document.
  private func prepareParser() -> Bool {
    if let context = unsafe context {
      guard unsafe xmlCtxtResetPush(context, nil, 0, nil, nil) == 0 else { return false }
    } else {
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
      unsafe context = xmlCreatePushParserCtxt(&handler, me, nil, 0, nil)
      guard unsafe context != nil else { return false }
    }
    // XML_PARSE_NOENT puts `&amp;` into attribute values as `&`. No other entity is known, whatever a DTD declares.
    unsafe xmlCtxtUseOptions(context, Int32(XML_PARSE_NONET.rawValue | XML_PARSE_NOENT.rawValue))
    return true
  }

  private func dropParser() {
    documents = 0
    guard let context = unsafe context else { return }
    // Entities that the document declares make libxml2 begin a tree, which belongs to whoever parses in pieces.
    unsafe xmlFreeDoc(context.pointee.myDoc)
    unsafe xmlFreeParserCtxt(context)
    unsafe self.context = nil
  }

  // MARK: Events

  /// The root element has depth 1.
  private func startElement(
    _ name: UnsafePointer<UInt8>, _ attributes: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ count: Int
  ) {
    depth += 1
    guard depth <= Introspection.Limit.depth else { return stop() }
    guard depth <= 2 else { return }
    let isNode = unsafe equals(name, "node")
    if depth == 1 {
      hasRoot = isNode
      return
    }
    guard hasRoot, let value = unsafe self.name(in: attributes, count) else { return }
    guard found.interfaces.count + found.children.count < Introspection.Limit.names else { return stop() }
    if isNode {
      unsafe found.children.append(ByteString([UInt8](value)))
    } else if unsafe equals(name, "interface"), value.count <= Introspection.Limit.interface {
      if names.names.count >= Bound.names { names = NameTable() }
      unsafe found.interfaces.append(InterfaceName(names.shared(value.span)))
    }
  }

  private func stop() {
    isOverLimit = true
    unsafe xmlStopParser(context)
  }

  /// The value of the attribute `name`, unless it is empty. libxml2 hands each attribute over as five pointers: name, prefix,
  /// URI, start and end of the value.
  private func name(
    in attributes: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ count: Int
  ) -> UnsafeBufferPointer<UInt8>? {
    guard let attributes = unsafe attributes else { return nil }
    for index in 0..<count {
      let fields = unsafe attributes + index * 5
      guard let name = unsafe fields[0], let start = unsafe fields[3], let end = unsafe fields[4],
        unsafe equals(name, "name")
      else { continue }
      return unsafe end == start ? nil : UnsafeBufferPointer(start: start, count: end - start)
    }
    return nil
  }

  private func equals(_ name: UnsafePointer<UInt8>, _ other: StaticString) -> Bool {
    unsafe strcmp(UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self), other.cString) == 0
  }
}
