// The eight calls and the endpoints, as they are: each prints one answer.

import Database
import MapperClient

extension Session {
  func lookUp() throws(CommandError) {
    let arguments = options.arguments
    let depth = options.depth
    switch options.command {
    case .getObject:
      show(try ask { client throws(LookupError) in try client.getObject(path(), interfaces: interfaces(from: 1)) })
    case .getAncestors:
      show(try ask { client throws(LookupError) in try client.getAncestors(path(), interfaces: interfaces(from: 1)) })
    case .getSubTree:
      show(
        try ask { client throws(LookupError) in
          try client.getSubTree(path(), depth: depth, interfaces: interfaces(from: 1))
        })
    case .getSubTreePaths:
      show(
        try ask { client throws(LookupError) in
          try client.getSubTreePaths(path(), depth: depth, interfaces: interfaces(from: 1))
        })
    case .getAssociatedSubTree:
      show(
        try ask { client throws(LookupError) in
          try client.getAssociatedSubTree(path(), path(1), depth: depth, interfaces: interfaces(from: 2))
        })
    case .getAssociatedSubTreePaths:
      show(
        try ask { client throws(LookupError) in
          try client.getAssociatedSubTreePaths(path(), path(1), depth: depth, interfaces: interfaces(from: 2))
        })
    case .getAssociatedSubTreeByID:
      show(
        try ask { client throws(LookupError) in
          try client.getAssociatedSubTreeByID(
            arguments[0], path(1), interfaces: options.interfaces, association: arguments[2],
            endpointInterfaces: options.endpointInterfaces)
        })
    case .getAssociatedSubTreePathsByID:
      show(
        try ask { client throws(LookupError) in
          try client.getAssociatedSubTreePathsByID(
            arguments[0], path(1), interfaces: options.interfaces, association: arguments[2],
            endpointInterfaces: options.endpointInterfaces)
        })
    default:
      show(try ask { client throws(LookupError) in try client.endpoints(of: path()) })
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
