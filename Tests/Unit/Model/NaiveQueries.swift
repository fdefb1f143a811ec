// The eight questions, answered by looking at every path. nil: ResourceNotFound.

extension NaiveMapper {
  private var paths: [String] { objects.keys.sorted() }

  private func matches(_ interfaces: Set<String>, _ filter: [String]) -> Bool {
    !interfaces.isDisjoint(with: filter)
  }

  private func lines(_ services: [String: Set<String>]) -> [String] {
    services.keys.sorted().flatMap { service in
      ["service \(service)"] + services[service]!.sorted().map { "interface \($0)" }
    }
  }

  private func lines(_ path: String, _ services: [String: Set<String>]) -> [String] {
    ["object \(path)"] + lines(services) + ["end"]
  }

  func getObject(_ path: String, _ filter: [String]) -> [String]? {
    guard let services = objects[path] else { return nil }
    if filter.isEmpty { return lines(services) }
    let found = services.filter { matches($0.value, filter) }
    return found.isEmpty ? nil : lines(found)
  }

  func getAncestors(_ path: String, _ filter: [String]) -> [String]? {
    let path = path.hasSuffix("/") ? String(path.dropLast()) : path
    guard path.isEmpty || objects[path] != nil else { return nil }
    return paths.filter { $0 != path && path.hasPrefix($0) }.flatMap { ancestor -> [String] in
      let services = objects[ancestor]!
      if filter.isEmpty { return lines(ancestor, services) }
      let found = services.filter { matches($0.value, filter) }
      return found.isEmpty ? [] : lines(ancestor, found)
    }
  }

  /// The paths below a root; nil when the root is unknown.
  private func below(_ root: String, _ depth: Int32) -> [String]? {
    let root = root.hasSuffix("/") ? String(root.dropLast()) : root
    guard root.isEmpty || objects[root] != nil else { return nil }
    return paths.filter { path in
      guard path != root, path.hasPrefix(root + "/") else { return false }
      let slashes = path.dropFirst(root.count).filter { $0 == "/" }.count
      return depth <= 0 || slashes <= Int(depth)
    }
  }

  func getSubTree(_ root: String, _ depth: Int32, _ filter: [String]) -> [String]? {
    below(root, depth)?.flatMap { path -> [String] in
      let found = objects[path]!.filter { filter.isEmpty || matches($0.value, filter) }
      return found.isEmpty ? [] : lines(path, found)
    }
  }

  private func subTreePaths(_ root: String, _ depth: Int32, _ filter: [String]) -> [String]? {
    below(root, depth)?.filter { path in filter.isEmpty || objects[path]!.contains { matches($0.value, filter) } }
  }

  func getSubTreePaths(_ root: String, _ depth: Int32, _ filter: [String]) -> [String]? {
    subTreePaths(root, depth, filter)?.map { "path \($0)" }
  }

  func getAssociatedSubTree(_ association: String, _ root: String, _ depth: Int32, _ filter: [String]) -> [String]? {
    guard let ends = endpoints[association] else { return [] }
    return below(root, depth)?.filter { ends.contains($0) }.flatMap { path -> [String] in
      let found = objects[path]!.filter { filter.isEmpty || matches($0.value, filter) }
      return found.isEmpty ? [] : lines(path, found)
    }
  }

  func getAssociatedSubTreePaths(_ association: String, _ root: String, _ depth: Int32, _ filter: [String]) -> [String]?
  {
    guard let ends = endpoints[association] else { return [] }
    return subTreePaths(root, depth, filter)?.filter { ends.contains($0) }.map { "path \($0)" }
  }

  private func sources(_ id: String, _ root: String, _ filter: [String]) -> [String]? {
    let base = root.hasSuffix("/") ? String(root.dropLast()) : root
    guard base.isEmpty || objects[base] != nil else { return nil }
    let named = paths.filter { $0.hasSuffix("/" + id) }
    guard !named.isEmpty else { return nil }
    return named.filter { path in
      path != base && path.hasPrefix(root) && objects[path]!.contains { matches($0.value, filter) }
    }
  }

  func getAssociatedSubTreeById(
    _ id: String, _ root: String, _ filter: [String], _ association: String, _ endpointFilter: [String]
  ) -> [String]? {
    joined(sources(id, root, filter)) { getAssociatedSubTree($0 + "/" + association, root, 0, endpointFilter) }
  }

  func getAssociatedSubTreePathsById(
    _ id: String, _ root: String, _ filter: [String], _ association: String, _ endpointFilter: [String]
  ) -> [String]? {
    joined(sources(id, root, filter)) { getAssociatedSubTreePaths($0 + "/" + association, root, 0, endpointFilter) }
  }

  private func joined(_ sources: [String]?, _ ask: (String) -> [String]?) -> [String]? {
    guard let sources else { return nil }
    var all: [String] = []
    for source in sources {
      guard let part = ask(source) else { return nil }
      all += part
    }
    return all
  }
}
