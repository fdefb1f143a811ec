// What association definitions mean, as the reference takes them (reference: associations, and the facts that the conformance
// vectors record).
//
// A definition (forward, reverse, endpoint) on an object makes `object/forward` lead to the endpoint and `endpoint/reverse`
// lead to the object. While the endpoint is not known it is pending. An endpoint is listed once however many services name
// it, and the first of them that takes it back takes it out.

import ShMap

/// One entry of the property `Associations`, a(sss), as it stands.
public struct AssociationDefinition: Equatable {
  public var forward: ByteString
  public var reverse: ByteString
  public var endpoint: ByteString
  public init(forward: ByteString, reverse: ByteString, endpoint: ByteString) {
    self.forward = forward
    self.reverse = reverse
    self.endpoint = endpoint
  }
}

/// What happened to an association object, to be told on the bus. Endpoints are those right after the change, in order.
public enum AssociationEvent: Equatable {
  case added(ObjectPath, endpoints: [ObjectPath])
  case changed(ObjectPath, endpoints: [ObjectPath])
  case removed(ObjectPath)
  /// Changed, and with more than 100 endpoints: to be told later, and at most once a second.
  case crowded(ObjectPath)
}

/// What was wrong with what a service said. What was right is applied all the same.
public enum Fault: Equatable {
  /// A definition without an endpoint, on this object.
  case emptyEndpoint(ObjectPath)
  /// No valid object path for an association comes out of a definition.
  case invalidAssociation(ByteString)
  /// The pool cannot grow; this change was left out.
  case poolFull
}

extension Registry {
  /// More endpoints than this: the property on the bus is updated with a delay.
  static let crowd = 100

  /// The definitions of one object have been stated anew by a service.
  mutating func define(_ definitions: [AssociationDefinition], on source: [UInt8], by service: UInt32) {
    let sourceText = useText(source.span)
    var new: [Claim] = []
    for definition in definitions {
      let endpoint = definition.endpoint.bytes
      if endpoint.isEmpty {
        faults.append(.emptyEndpoint(ObjectPath(source)))
        continue
      }
      guard isKnown(endpoint.span) else {
        addPending(definition, on: sourceText, by: service)
        continue
      }
      let endpointText = useText(endpoint.span)
      claim(source, definition.forward.bytes, endpointText, by: service, in: &new)
      claim(endpoint, definition.reverse.bytes, sourceText, by: service, in: &new)
      dropText(endpointText)
    }
    new.sortInPlace { compareClaims($0, $1) < 0 }
    link(new)

    let all = claims(source.span)
    let old = all.filter { $0.service == service }
    unlink(old.filter { !new.contains($0) })
    if !new.isEmpty { setClaims(all.filter { $0.service != service } + new, of: sourceText) }
    for claim in new {
      dropText(claim.association)
      dropText(claim.endpoint)
    }
    dropText(sourceText)
    prunePending()
  }

  /// Adds one side of a definition to `claims`, with its texts counted, unless it has no name or no valid path.
  @inline(never)
  private mutating func claim(
    _ path: [UInt8], _ name: [UInt8], _ endpoint: UInt32, by service: UInt32, in claims: inout [Claim]
  ) {
    guard let association = useAssociation(path, name) else { return }
    let claim = Claim(service: service, association: association, endpoint: endpoint)
    if claims.contains(claim) {
      dropText(association)
    } else {
      useText(again: endpoint)
      claims.append(claim)
    }
  }

  /// The text of an association's path, used once more; nil when the name is empty or the path is not valid.
  @inline(never)
  private mutating func useAssociation(_ path: [UInt8], _ name: [UInt8]) -> UInt32? {
    guard !name.isEmpty else { return nil }
    let association = path + [slash] + name
    guard ObjectPath(association).isValid else {
      faults.append(.invalidAssociation(ByteString(association)))
      return nil
    }
    return useText(association.span)
  }

  /// Makes one endpoint and its claim as they were in an earlier state.
  mutating func restoreClaim(_ association: [UInt8], _ endpoint: [UInt8], _ source: [UInt8], _ service: UInt32) {
    let claim = Claim(
      service: service, association: useText(association.span), endpoint: useText(endpoint.span))
    let sourceText = useText(source.span)
    link([claim])
    let all = claims(source.span)
    if !all.contains(claim) { setClaims(all + [claim], of: sourceText) }
    for text in [claim.association, claim.endpoint, sourceText] { dropText(text) }
  }

  /// A service does not define associations on this object any more.
  mutating func undefine(on source: [UInt8], by service: UInt32) {
    let all = claims(source.span)
    let mine = all.filter { $0.service == service }
    guard !mine.isEmpty, let sourceText = findText(source.span) else { return }
    useText(again: sourceText)
    unlink(mine)
    setClaims(all.filter { $0.service != service }, of: sourceText)
    dropPending(definedOn: sourceText)
    dropText(sourceText)
  }

  /// Adds the endpoints of claims sorted by association, and tells each association once.
  private mutating func link(_ claims: [Claim]) {
    forEachAssociation(claims) { registry, group in
      var changed = false
      for claim in group where registry.addEndpoint(claim.endpoint, to: claim.association) { changed = true }
      return changed
    }
  }

  /// Takes the endpoints of claims sorted by association out, and tells each association once.
  private mutating func unlink(_ claims: [Claim]) {
    forEachAssociation(claims) { registry, group in
      var changed = false
      for claim in group where registry.removeEndpoint(claim.endpoint, from: claim.association) { changed = true }
      return changed
    }
  }

  private mutating func forEachAssociation(
    _ claims: [Claim], _ change: (inout Registry, ArraySlice<Claim>) -> Bool
  ) {
    var start = 0
    while start < claims.count {
      var end = start + 1
      while end < claims.count, claims[end].association == claims[start].association { end += 1 }
      let path = bytes(of: claims[start].association)
      let before = endpointCount(path.span)
      if change(&self, claims[start..<end]) { tell(path, before: before) }
      start = end
    }
  }

  /// Records what happened to an association, and indexes or forgets the mapper's own object for it.
  @inline(never)
  private mutating func tell(_ path: [UInt8], before: Int) {
    let count = endpointCount(path.span)
    if count == 0 {
      events.append(.removed(ObjectPath(path)))
      ownObjects.append((path, false))
      return
    }
    if before == 0 { ownObjects.append((path, true)) }
    if before > 0, count > Registry.crowd {
      events.append(.crowded(ObjectPath(path)))
      return
    }
    var paths: [ObjectPath] = []
    for endpoint in endpoints(path.span) { paths.append(toldPath(endpoint)) }
    events.append(
      before == 0 ? .added(ObjectPath(path), endpoints: paths) : .changed(ObjectPath(path), endpoints: paths))
  }

  /// The path of an endpoint for an event. An association that gains one endpoint after the other is told with all of them
  /// each time, so those told lately share their bytes: a scan's events would fill the heap otherwise.
  @inline(never)
  private mutating func toldPath(_ endpoint: UInt32) -> ObjectPath {
    if told.isEmpty { told = [ObjectPath?](repeating: nil, count: 256) }
    let slot = Int(endpoint >> 4) & 255
    if let path = told[slot], equals(endpoint, path.bytes.span) { return path }
    let path = ObjectPath(bytes(of: endpoint))
    told[slot] = path
    return path
  }

  // MARK: Pending

  @inline(never)
  private mutating func addPending(_ definition: AssociationDefinition, on source: UInt32, by service: UInt32) {
    let end = PendingEnd(
      service: service, reverse: useText(definition.reverse.bytes.span),
      forward: useText(definition.forward.bytes.span),
      source: source)
    let endpoint = useText(definition.endpoint.bytes.span)
    if pending[endpoint].contains(end) {
      dropText(end.reverse)
      dropText(end.forward)
      dropText(endpoint)
    } else {
      useText(again: source)
      useText(again: service)
      pending[endpoint].append(end)
      pendingCount += 1
    }
  }

  /// Each pending end holds its own texts and one use of its endpoint.
  @inline(never)
  mutating func drop(_ end: PendingEnd, of endpoint: UInt32) {
    pendingCount -= 1
    dropText(end.reverse)
    dropText(end.forward)
    dropText(end.source)
    dropText(end.service)
    dropText(endpoint)
  }

  private mutating func dropPending(definedOn source: UInt32) {
    for endpoint in pending.endpoints {
      let ends = pending[endpoint]
      guard ends.contains(where: { $0.source == source }) else { continue }
      pending[endpoint] = ends.filter { $0.source != source }
      for end in ends where end.source == source { drop(end, of: endpoint) }
    }
  }

  /// A path has become known, or has been stated again: makes what was pending for it.
  mutating func completePending(_ path: [UInt8]) {
    guard let endpoint = findText(path.span) else { return }
    let ends = pending[endpoint]
    guard !ends.isEmpty, isKnown(path.span) else { return }
    var waiting: [PendingEnd] = []
    for end in ends {
      let source = bytes(of: end.source)
      guard isKnown(source.span) else {
        waiting.append(end)
        continue
      }
      var new: [Claim] = []
      claim(path, bytes(of: end.reverse), end.source, by: end.service, in: &new)
      claim(source, bytes(of: end.forward), endpoint, by: end.service, in: &new)
      for claim in new { link([claim]) }
      let all = claims(source.span)
      let more = new.filter { !all.contains($0) }
      if !more.isEmpty { setClaims(all + more, of: end.source) }
      for claim in new {
        dropText(claim.association)
        dropText(claim.endpoint)
      }
    }
    let done = ends.filter { !waiting.contains($0) }
    pending[endpoint] = waiting
    for end in done { drop(end, of: endpoint) }
  }

  /// Only the mapper itself is left on a path: the associations that lead to it are pending again.
  mutating func suspend(_ path: [UInt8]) {
    guard let endpoint = findText(path.span) else { return }
    let sources = claimants.sources(of: endpoint)
    guard !sources.isEmpty else { return }
    useText(again: endpoint)
    var distinct: [UInt32] = []
    for source in sources where !distinct.contains(source) { distinct.append(source) }
    distinct.sortInPlace { compareTexts($0, $1) < 0 }
    for end in distinct.flatMap({ suspended(endpoint, path, on: $0) }) { suspend(end, endpoint, path) }
    dropText(endpoint)
  }

  /// The associations of one object's definitions that lead to the path: the other side and the names of both sides.
  private borrowing func suspended(_ endpoint: UInt32, _ path: [UInt8], on source: UInt32) -> [SuspendedEnd] {
    let below = path + [slash]
    let all = claims(bytes(of: source).span)
    var ends: [SuspendedEnd] = []
    for claim in all where claim.endpoint == endpoint {
      let (other, name) = split(bytes(of: claim.association))
      let back = all.first { candidate in
        candidate.service == claim.service && bytes(of: candidate.endpoint) == other
          && bytes(of: candidate.association).starts(with: below)
      }
      guard let back else { continue }
      ends.append(
        SuspendedEnd(service: claim.service, here: split(bytes(of: back.association)).name, other: other, there: name))
    }
    return ends
  }

  private mutating func suspend(_ end: SuspendedEnd, _ endpoint: UInt32, _ path: [UInt8]) {
    guard let other = findText(end.other.span) else { return }
    useText(again: other)
    useText(again: end.service)
    let definition = AssociationDefinition(
      forward: ByteString(end.there), reverse: ByteString(end.here), endpoint: ByteString(path))
    addPending(definition, on: other, by: end.service)
    release(path + [slash] + end.here, leadingTo: other, by: end.service)
    release(end.other + [slash] + end.there, leadingTo: endpoint, by: end.service)
    dropText(end.service)
    dropText(other)
  }

  /// Takes an endpoint out of an association, and all claims of a service to it.
  private mutating func release(_ association: [UInt8], leadingTo endpoint: UInt32, by service: UInt32) {
    guard let text = findText(association.span) else { return }
    useText(again: text)
    let claim = Claim(service: service, association: text, endpoint: endpoint)
    unlink([claim])
    for source in claimants.sources(of: endpoint) {
      let all = claims(bytes(of: source).span)
      if all.contains(claim) { setClaims(all.filter { $0 != claim }, of: source) }
    }
    dropText(text)
  }

  private borrowing func split(_ association: [UInt8]) -> (path: [UInt8], name: [UInt8]) {
    let at = association.lastIndex(of: slash) ?? 0
    return ([UInt8](association[..<at]), [UInt8](association[(at + 1)...]))
  }
}

/// One association that leads to a path which has lost its services.
private struct SuspendedEnd {
  var service: UInt32
  /// The name on the side of that path.
  var here: [UInt8]
  var other: [UInt8]
  var there: [UInt8]
}
