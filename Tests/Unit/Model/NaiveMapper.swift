// The mapper as simply as it can be said: dictionaries and strings, every question a walk over everything. Written from the
// reference's behaviour and from nothing in the engine, so that the two agree only when both are right.

/// What is known, what is waiting, and what was told on the bus.
struct NaiveMapper {
  static let own = "xyz.openbmc_project.ObjectMapper"
  static let definitions = "xyz.openbmc_project.Association.Definitions"
  static let association = "xyz.openbmc_project.Association"
  static let standard: Set<String> = [
    "org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Peer", "org.freedesktop.DBus.Properties",
  ]

  struct Definition: Equatable {
    var forward, reverse, endpoint: String
  }

  /// A definition whose endpoint is not known. `forward` is on the side of `source`.
  struct Waiting: Equatable {
    var service, source, forward, reverse: String
  }

  enum Event: Equatable {
    case added(String, [String])
    case changed(String, [String])
    case removed(String)
    case crowded(String)
  }

  enum ScanStep {
    case object(String, [String])
    case associations(String, [Definition])
  }

  /// Path, then service, then interfaces. A path without services is known all the same.
  private(set) var objects: [String: [String: Set<String>]] = [:]
  /// Association path, then its endpoints in the order in which they came.
  private(set) var endpoints: [String: [String]] = [:]
  /// Who made which endpoints: object, then service, then association path.
  private(set) var claims: [String: [String: [String: Set<String>]]] = [:]
  private(set) var waiting: [String: [Waiting]] = [:]
  private var events: [Event] = []
  /// What the mapper's own signals will tell it about its own objects.
  private var echoes: [(path: String, isNew: Bool)] = []
  /// After a restart: paths that a service was known to have and has not shown again.
  private var inherited: [String: Set<String>] = [:]
  private(set) var owners: [String: String] = [:]

  init() {
    objects["/"] = [Self.own: Self.standard.union(["org.freedesktop.DBus.ObjectManager"])]
    objects["/xyz"] = [Self.own: Self.standard]
    objects["/xyz/openbmc_project"] = [Self.own: Self.standard]
    objects["/xyz/openbmc_project/object_mapper"] = [Self.own: Self.standard.union([Self.own])]
  }

  mutating func takeEvents() -> [Event] {
    defer { events = [] }
    return events
  }

  // MARK: Changes

  mutating func setOwner(_ service: String, _ unique: String) { owners[service] = unique }

  mutating func scan(_ service: String, _ steps: [ScanStep]) {
    var old = inherited[service] ?? []
    defer { endTakeover(service) }
    for step in steps {
      switch step {
      case .object(let path, let interfaces):
        if old.remove(path) != nil {
          if !interfaces.contains(Self.definitions) { undefine(path, service) }
          if interfaces.isEmpty {
            leave(path, service)
          } else {
            objects[path]?[service]?.formIntersection(interfaces)
          }
        }
        objects[path, default: [:]] = objects[path] ?? [:]
        for name in interfaces { objects[path]![service, default: []].insert(name) }
        complete(path)
      case .associations(let path, let definitions): define(definitions, path, service)
      }
      hearEchoes()
    }
    for path in old.sorted() {
      depart(path, service)
      hearEchoes()
    }
  }

  mutating func add(_ interfaces: [String], _ path: String, _ service: String, _ associations: [Definition]?) {
    appear(interfaces, path, service, associations)
    hearEchoes()
  }

  private mutating func appear(_ interfaces: [String], _ path: String, _ service: String, _ associations: [Definition]?)
  {
    objects[path, default: [:]] = objects[path] ?? [:]
    for name in interfaces { objects[path]![service, default: []].insert(name) }
    if let associations { define(associations, path, service) }
    var parent = path
    while let at = parent.lastIndex(of: "/") {
      parent = String(parent[..<at])
      if objects[parent]?[service] != nil { break }
      objects[parent, default: [:]][service] = []
    }
    complete(path)
  }

  mutating func remove(_ interfaces: [String], _ path: String, _ service: String) {
    disappear(interfaces, path, service)
    hearEchoes()
  }

  private mutating func disappear(_ interfaces: [String], _ path: String, _ service: String) {
    guard objects[path] != nil else { return }
    for name in interfaces {
      guard objects[path]![service] != nil else { break }
      if name == Self.definitions { undefine(path, service) }
      objects[path]![service]!.remove(name)
      if objects[path]![service]!.isEmpty {
        objects[path]![service] = nil
        if isAlone(path) { suspend(path) }
      }
    }
    if objects[path]!.isEmpty { objects[path] = nil }
    sweep(path, service)
  }

  private mutating func sweep(_ path: String, _ service: String) {
    var parent = path
    while let at = parent.lastIndex(of: "/"), at != parent.startIndex {
      parent = String(parent[..<at])
      guard let interfaces = objects[parent]?[service], interfaces.count == 3 else { return }
      if objects.contains(where: { $0.key.hasPrefix(parent + "/") && $0.value[service] != nil }) { return }
      leave(parent, service)
    }
  }

  mutating func changeAssociations(_ definitions: [Definition], _ path: String, _ service: String) {
    define(definitions, path, service)
    hearEchoes()
  }

  mutating func removeService(_ service: String) {
    defer { endTakeover(service) }
    owners[service] = nil
    for path in objects.keys.sorted() where objects[path]![service] != nil { depart(path, service) }
    for path in objects.keys where objects[path]!.isEmpty { objects[path] = nil }
    hearEchoes()
  }

  /// A service is not on a path any more, because it has left the bus.
  private mutating func depart(_ path: String, _ service: String) {
    if objects[path]?[service]?.contains(Self.definitions) == true { undefine(path, service) }
    guard objects[path]?[service] != nil else { return }
    objects[path]![service] = nil
    if isAlone(path) { suspend(path) }
    if objects[path]!.isEmpty { objects[path] = nil }
  }

  private mutating func leave(_ path: String, _ service: String) {
    objects[path]?[service] = nil
    if objects[path]?.isEmpty == true { objects[path] = nil }
  }

  private func isAlone(_ path: String) -> Bool { objects[path].map { Array($0.keys) } == [Self.own] }

  private mutating func hearEchoes() {
    while !echoes.isEmpty {
      let echo = echoes.removeFirst()
      if echo.isNew {
        appear([Self.association], echo.path, Self.own, nil)
      } else {
        disappear([Self.association], echo.path, Self.own)
      }
    }
  }

  // MARK: Restart

  /// A new mapper that has taken over what this one knew of the services that still have the same owners.
  func successor(keeping owners: [String: String]) -> NaiveMapper {
    var new = NaiveMapper()
    let kept = owners.filter { self.owners[$0.key] == $0.value }
    new.owners = kept
    for (path, services) in objects {
      for (service, interfaces) in services where kept[service] != nil {
        new.objects[path, default: [:]][service] = interfaces
        new.inherited[service, default: []].insert(path)
      }
    }
    for association in endpoints.keys.sorted() {
      for endpoint in endpoints[association]! where new.isShown(endpoint) {
        for source in claims.keys.sorted() {
          for service in claims[source]!.keys.sorted() where kept[service] != nil {
            guard claims[source]![service]![association]?.contains(endpoint) == true else { continue }
            if endpoint == source, !new.isShown(Self.split(association).0) { continue }
            new.link(association, [endpoint])
            new.claims[source, default: [:]][service, default: [:]][association, default: []].insert(endpoint)
            new.hearEchoes()
          }
        }
      }
    }
    return new
  }

  /// Whether anybody but the mapper shows a path: what only the mapper shows is what an association has left behind.
  private func isShown(_ path: String) -> Bool { objects[path]?.keys.contains { $0 != Self.own } == true }

  /// After the last service that was taken over has been heard of: the mapper's own empty paths go, the deepest first.
  private mutating func endTakeover(_ service: String) {
    guard inherited.removeValue(forKey: service) != nil, inherited.isEmpty else { return }
    for path in objects.keys.sorted(by: >) where objects[path]?[Self.own]?.isEmpty == true {
      if objects.contains(where: { $0.key.hasPrefix(path + "/") && $0.value[Self.own] != nil }) { continue }
      leave(path, Self.own)
    }
  }

  // MARK: Associations

  private mutating func define(_ definitions: [Definition], _ source: String, _ service: String) {
    var new: [String: Set<String>] = [:]
    for definition in definitions where !definition.endpoint.isEmpty {
      guard objects[definition.endpoint] != nil else {
        wait(
          for: definition.endpoint,
          Waiting(service: service, source: source, forward: definition.forward, reverse: definition.reverse))
        continue
      }
      for (association, endpoint) in sides(definition, source) { new[association, default: []].insert(endpoint) }
    }
    for association in new.keys.sorted() { link(association, new[association]!) }
    for (association, old) in (claims[source]?[service] ?? [:]).sorted(by: { $0.key < $1.key }) {
      unlink(association, old.subtracting(new[association] ?? []))
    }
    if !new.isEmpty { claims[source, default: [:]][service] = new }
  }

  private func sides(_ definition: Definition, _ source: String) -> [(String, String)] {
    var sides: [(String, String)] = []
    let forward = source + "/" + definition.forward
    let reverse = definition.endpoint + "/" + definition.reverse
    if !definition.forward.isEmpty, Self.isValidPath(forward) { sides.append((forward, definition.endpoint)) }
    if !definition.reverse.isEmpty, Self.isValidPath(reverse) { sides.append((reverse, source)) }
    return sides
  }

  static func isValidPath(_ path: String) -> Bool {
    guard path.hasPrefix("/") else { return false }
    return path == "/"
      || path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).allSatisfy { segment in
        !segment.isEmpty && segment.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
      }
  }

  private mutating func wait(for endpoint: String, _ entry: Waiting) {
    if waiting[endpoint]?.contains(entry) != true { waiting[endpoint, default: []].append(entry) }
  }

  private mutating func undefine(_ source: String, _ service: String) {
    guard let made = claims[source]?[service] else { return }
    for (association, endpoints) in made.sorted(by: { $0.key < $1.key }) { unlink(association, endpoints) }
    claims[source]![service] = nil
    if claims[source]!.isEmpty { claims[source] = nil }
    for (endpoint, entries) in waiting {
      let rest = entries.filter { $0.source != source }
      waiting[endpoint] = rest.isEmpty ? nil : rest
    }
  }

  private mutating func complete(_ path: String) {
    guard objects[path] != nil, let entries = waiting[path] else { return }
    let ready = entries.filter { objects[$0.source] != nil }
    let rest = entries.filter { objects[$0.source] == nil }
    waiting[path] = rest.isEmpty ? nil : rest
    for entry in ready {
      let definition = Definition(forward: entry.forward, reverse: entry.reverse, endpoint: path)
      for (association, endpoint) in sides(definition, entry.source).reversed() {
        link(association, [endpoint])
        claims[entry.source, default: [:]][entry.service, default: [:]][association, default: []].insert(endpoint)
      }
    }
  }

  private mutating func suspend(_ path: String) {
    var found: [Waiting] = []
    for source in claims.keys.sorted() {
      for service in claims[source]!.keys.sorted() {
        let made = claims[source]![service]!.sorted { $0.key < $1.key }
        for (association, endpoints) in made where endpoints.contains(path) {
          let (other, name) = Self.split(association)
          let back = made.first { $0.key.hasPrefix(path + "/") && $0.value.contains(other) }
          guard let back else { continue }
          found.append(Waiting(service: service, source: other, forward: name, reverse: Self.split(back.key).1))
        }
      }
    }
    for entry in found {
      wait(for: path, entry)
      let sides = [(path + "/" + entry.reverse, entry.source), (entry.source + "/" + entry.forward, path)]
      for (association, endpoint) in sides { unlink(association, [endpoint]) }
      for (association, endpoint) in sides { disclaim(association, endpoint, entry.service) }
    }
  }

  private mutating func disclaim(_ association: String, _ endpoint: String, _ service: String) {
    for source in claims.keys.sorted() {
      claims[source]?[service]?[association]?.remove(endpoint)
      if claims[source]?[service]?[association]?.isEmpty == true { claims[source]?[service]?[association] = nil }
      if claims[source]?[service]?.isEmpty == true { claims[source]?[service] = nil }
      if claims[source]?.isEmpty == true { claims[source] = nil }
    }
  }

  private static func split(_ path: String) -> (String, String) {
    let at = path.lastIndex(of: "/")!
    return (String(path[..<at]), String(path[path.index(after: at)...]))
  }

  private mutating func link(_ association: String, _ added: Set<String>) {
    let before = endpoints[association] ?? []
    let new = added.sorted().filter { !before.contains($0) }
    if !new.isEmpty { tell(association, before, before + new) }
  }

  private mutating func unlink(_ association: String, _ gone: Set<String>) {
    let before = endpoints[association] ?? []
    let rest = before.filter { !gone.contains($0) }
    if rest != before { tell(association, before, rest) }
  }

  private mutating func tell(_ association: String, _ before: [String], _ after: [String]) {
    endpoints[association] = after.isEmpty ? nil : after
    if after.isEmpty {
      events.append(.removed(association))
    } else if before.isEmpty {
      events.append(.added(association, after))
    } else {
      events.append(after.count > 100 ? .crowded(association) : .changed(association, after))
    }
    if after.isEmpty || before.isEmpty { echoes.append((association, before.isEmpty)) }
  }
}
