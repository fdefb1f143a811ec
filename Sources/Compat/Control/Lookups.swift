// The eight calls and the endpoints, as they are: each prints one answer.

import Database
import MapperClient

/// A question with its arguments, as long as the program wants to keep it.
struct Query {
  var kind: Question.Kind
  var path: ObjectPath = "/"
  var association: ByteString = ""
  var id: ByteString = ""
  var depth: Int32 = 0
  var interfaces: [InterfaceName] = []
  var endpointInterfaces: [InterfaceName] = []
}

extension Client {
  /// Asks any question. One function for all: a typed one for each, inlined, would be half of this program.
  @inline(never)
  func answer(_ query: Query) throws(LookupError) -> PackedAnswer {
    try withNames(query.interfaces) { names throws(LookupError) in
      try withNames(query.endpointInterfaces) { ends throws(LookupError) in
        try answer(query, names, ends)
      }
    }
  }

  private func answer(
    _ query: Query, _ names: InterfaceNames, _ ends: InterfaceNames
  ) throws(LookupError) -> PackedAnswer {
    let (path, association, id) = (query.path.bytes.span, query.association.bytes.span, query.id.bytes.span)
    let depth = query.depth
    switch query.kind {
    case .getObject: return try answer(.getObject(path, names))
    case .getAncestors: return try answer(.getAncestors(path, names))
    case .getSubTree: return try answer(.getSubTree(path, depth: depth, names))
    case .getSubTreePaths: return try answer(.getSubTreePaths(path, depth: depth, names))
    case .getAssociatedSubTree: return try answer(.getAssociatedSubTree(association, path, depth: depth, names))
    case .getAssociatedSubTreePaths:
      return try answer(.getAssociatedSubTreePaths(association, path, depth: depth, names))
    case .getAssociatedSubTreeByID: return try answer(.getAssociatedSubTreeByID(id, path, names, association, ends))
    case .getAssociatedSubTreePathsByID:
      return try answer(.getAssociatedSubTreePathsByID(id, path, names, association, ends))
    case .endpoints: return try answer(.endpoints(of: association))
    }
  }
}

extension Session {
  func lookUp(_ kind: Question.Kind) throws(CommandError) {
    let words = options.arguments
    var query = Query(kind: kind, depth: options.depth, interfaces: options.interfaces)
    switch kind {
    case .getObject, .getAncestors, .getSubTree, .getSubTreePaths:
      query.path = path(0)
      query.interfaces += interfaces(from: 1)
    case .getAssociatedSubTree, .getAssociatedSubTreePaths:
      query.association = words[0]
      query.path = path(1)
      query.interfaces += interfaces(from: 2)
    case .getAssociatedSubTreeByID, .getAssociatedSubTreePathsByID:
      (query.id, query.path, query.association) = (words[0], path(1), words[2])
      query.endpointInterfaces = options.endpointInterfaces
    case .endpoints: query.association = words[0]
    }
    let answer = try ask(query)
    switch kind {
    case .getObject: show(answer.services)
    case .getAncestors, .getSubTree, .getAssociatedSubTree, .getAssociatedSubTreeByID: show(answer.objects)
    case .getSubTreePaths, .getAssociatedSubTreePaths, .getAssociatedSubTreePathsByID, .endpoints: show(answer.paths)
    }
  }

  // MARK: Answers

  private func show(_ paths: [ObjectPath]) {
    guard options.json == .off else {
      var json = JSON(screen, options.json)
      json.strings(paths)
      return json.finish()
    }
    for path in paths {
      screen.add(path)
      screen.newline()
    }
  }

  private func show(_ services: [ServiceEntry]) {
    guard options.json == .off else {
      var json = JSON(screen, options.json)
      json.services(services)
      return json.finish()
    }
    screen.list(services, indent: 0)
  }

  func show(_ objects: [ObjectEntry]) {
    guard options.json == .off else {
      var json = JSON(screen, options.json)
      json.objects(objects)
      return json.finish()
    }
    for object in objects {
      screen.add(object.path, .path)
      screen.newline()
      screen.list(object.services, indent: 2)
    }
  }
}

extension Screen {
  /// Services, and below each its interfaces. Those that every object of a D-Bus library has are less bright.
  func list(_ services: [ServiceEntry], indent: Int) {
    for entry in services {
      pad(indent)
      add(entry.service, .service)
      newline()
      for interface in entry.interfaces {
        pad(indent + 2)
        add(interface, interface.isStandard ? .dim : .plain)
        newline()
      }
    }
  }
}

extension InterfaceName {
  /// An interface that a D-Bus library adds to each object by itself.
  var isStandard: Bool {
    let prefix: InterfaceName = "org.freedesktop.DBus."
    return bytes.starts(with: prefix.bytes)
  }
}

extension JSON {
  mutating func strings<Kind>(_ names: [Name<Kind>]) {
    beginArray()
    for name in names { string(name) }
    endArray()
  }

  mutating func services(_ services: [ServiceEntry]) {
    beginObject()
    for entry in services {
      key(entry.service)
      strings(entry.interfaces)
    }
    endObject()
  }

  mutating func objects(_ objects: [ObjectEntry]) {
    beginObject()
    for object in objects {
      key(object.path)
      services(object.services)
    }
    endObject()
  }
}
