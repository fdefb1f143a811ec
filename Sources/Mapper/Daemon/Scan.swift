// One scan of one service: which objects have been asked for, what they answered, and what signals told meanwhile.
//
// The result is published in one step. Signals are applied to the database at once, so the step that replaces all of a
// service's objects has to contain what they told: a scan remembers it by path. An object's own answer is newer than
// the signals that came before it (one connection's messages keep their order), so it cancels their removals, but not
// their additions: what a service announces counts even if its introspection does not show it.

import Bus
import Database
import IntrospectionData

/// A call that a scan makes.
struct ScanCall {
  enum Kind { case introspect, associations }
  var kind: Kind
  var path: ObjectPath
  /// How often it has been made without an answer.
  var attempts = 0
}

/// The state of one scan. Used by the scanner and, for signals, by the daemon.
final class Scan {
  /// A tree beyond these is hostile or broken: what lies beyond is not looked at.
  enum Limit {
    static let objects = 32768
    static let depth = 128
    static let pathLength = 1024
    /// Bytes of paths and names, all together.
    static let bytes = 8 << 20
  }

  /// What signals told about one path, as it stands after the last of them.
  private struct News {
    let path: ObjectPath
    var isAdded = false
    var added: [InterfaceName] = []
    var removed: [InterfaceName] = []
    var associations: [AssociationDefinition]?
  }

  let service: ServiceName
  /// The connection that is asked: not the name, which may change hands.
  let owner: ByteString
  var isCancelled = false
  /// The objects have been published; what is still learned is applied one by one.
  var isPublished = false

  // The scanner's: calls to make, calls to make again, calls that are out.
  var calls = Queue<ScanCall>()
  var unanswered: [ScanCall] = []
  var inFlight = 0
  var isQueued = false
  var timeouts = 0
  var isOversized = false

  private var steps: [ScanStep] = []
  private var requested = NameTable()
  private var size = 0
  /// In the order of each path's first signal; `newsPaths` numbers the paths in the same order.
  private var news: [News] = []
  private var newsPaths = NameTable()

  init(of service: ServiceName, owner: ByteString) {
    self.service = service
    self.owner = owner
    request(ObjectPath("/"))
  }

  /// Asks for an object unless it has been asked for.
  private func request(_ path: ObjectPath) {
    if requested.insert(path.bytes).isNew { calls.append(ScanCall(kind: .introspect, path: path)) }
  }

  /// An object has answered: remembers what it said and asks for its children, in the reference's order: the
  /// associations first, if it has any. False when a limit kept something out.
  func learn(_ document: Introspection, of path: ObjectPath) -> ScanStep {
    if let told = newsPaths.number(of: path.bytes) { news[told].removed = [] }
    if document.interfaces.contains(associationDefinitions) {
      calls.append(ScanCall(kind: .associations, path: path))
    }
    size += path.bytes.count
    for interface in document.interfaces { size += interface.bytes.count }
    for child in document.children {
      guard let childPath = Scan.child(child, of: path) else { continue }
      guard requested.names.count < Limit.objects, size < Limit.bytes, Scan.depth(of: childPath) <= Limit.depth,
        childPath.bytes.count <= Limit.pathLength
      else {
        isOversized = true
        break
      }
      request(childPath)
    }
    return keep(.object(path, document.interfaces))
  }

  /// The associations of an object have been read.
  func learn(_ associations: [AssociationDefinition], of path: ObjectPath) -> ScanStep {
    if let told = newsPaths.number(of: path.bytes) { news[told].associations = nil }
    return keep(.associations(path, associations))
  }

  private func keep(_ step: ScanStep) -> ScanStep {
    if !isPublished { steps.append(step) }
    return step
  }

  /// The path of a child, which an introspection names relative to its parent. None if that makes no valid path.
  private static func child(_ name: ByteString, of parent: ObjectPath) -> ObjectPath? {
    var bytes = parent.bytes
    bytes.reserveCapacity(bytes.count + 1 + name.bytes.count)
    if bytes.count > 1 { bytes.append(UInt8(ascii: "/")) }
    bytes.append(contentsOf: name.bytes)
    let path = ObjectPath(bytes)
    return bytes.count > parent.bytes.count && path.isValid ? path : nil
  }

  private static func depth(of path: ObjectPath) -> Int {
    var depth = 0
    for byte in path.bytes where byte == UInt8(ascii: "/") { depth += 1 }
    return depth
  }

  // MARK: Signals during the scan

  func noteAdded(_ interfaces: [InterfaceName], to path: ObjectPath, associations: [AssociationDefinition]?) {
    change(path) { news in
      news.isAdded = true
      news.removed.removeAll { interfaces.contains($0) }
      for interface in interfaces where !news.added.contains(interface) { news.added.append(interface) }
      if let associations { news.associations = associations }
    }
  }

  func noteRemoved(_ interfaces: [InterfaceName], from path: ObjectPath) {
    change(path) { news in
      news.added.removeAll { interfaces.contains($0) }
      news.isAdded = !news.added.isEmpty
      for interface in interfaces where !news.removed.contains(interface) { news.removed.append(interface) }
      if interfaces.contains(associationDefinitions) { news.associations = nil }
    }
  }

  func noteAssociations(_ associations: [AssociationDefinition], of path: ObjectPath) {
    change(path) { $0.associations = associations }
  }

  private func change(_ path: ObjectPath, _ body: (inout News) -> Void) {
    guard !isPublished else { return }
    let (told, isNew) = newsPaths.insert(path.bytes)
    if isNew { news.append(News(path: path)) }
    body(&news[told])
  }

  // MARK: Publishing

  /// Puts all that is known into the database, in place of what it had of this service. Done once.
  func publish(to database: MapperDatabase) {
    for told in news {
      if told.isAdded { steps.append(.object(told.path, told.added)) }
      if let associations = told.associations { steps.append(.associations(told.path, associations)) }
    }
    database.replaceObjects(of: service, with: steps)
    for told in news {
      // Again, for the parents that a signal implies and a scan does not.
      if told.isAdded { database.addInterfaces(told.added, to: told.path, of: service, associations: nil) }
      if !told.removed.isEmpty { database.removeInterfaces(told.removed, from: told.path, of: service) }
    }
    isPublished = true
    steps = []
    news = []
    newsPaths = NameTable()
  }
}

/// The interface whose property `Associations` says what an object is associated with.
let associationDefinitions = InterfaceName("xyz.openbmc_project.Association.Definitions")

/// First in, first out.
struct Queue<Element> {
  private var elements: [Element] = []
  private var head = 0

  var isEmpty: Bool { head == elements.count }
  var count: Int { elements.count - head }

  mutating func append(_ element: Element) { elements.append(element) }

  /// Puts an element back that had been taken out.
  mutating func putBack(_ element: Element) {
    if head > 0 {
      head -= 1
      elements[head] = element
    } else {
      elements.insert(element, at: 0)
    }
  }

  mutating func next() -> Element? {
    guard head < elements.count else { return nil }
    let element = elements[head]
    head += 1
    if head == elements.count || head >= 256 {
      elements.removeFirst(head)
      head = 0
    }
    return element
  }

  mutating func removeAll() {
    elements = []
    head = 0
  }
}
