// Associations of one object, and all of them: found as the mapper shows them, as objects with one property.

import Database
import MapperClient

/// One association object.
struct AssociationEntry {
  var path: ObjectPath
  var endpoints: [ObjectPath]

  /// What comes behind the last slash: the name of the association.
  var name: ByteString {
    ByteString(Array(path.bytes.suffix(path.bytes.count - 1 - (path.bytes.lastIndex(of: UInt8(ascii: "/")) ?? -1))))
  }
}

extension Client {
  /// Where an association object leads, in its order.
  func endpoints(_ association: ObjectPath) throws(LookupError) -> [ObjectPath] {
    try answer(Query(kind: .endpoints, association: ByteString(association.bytes))).paths
  }
}

extension Session {
  /// The association objects below a path, each with its endpoints.
  func associations(below root: ObjectPath, depth: Int32) throws(CommandError) -> [AssociationEntry] {
    let paths = try ask(
      Query(kind: .getSubTreePaths, path: root, depth: depth, interfaces: ["xyz.openbmc_project.Association"])
    ).paths
    var all: [AssociationEntry] = []
    for path in paths {
      do throws(LookupError) {
        all.append(AssociationEntry(path: path, endpoints: try client.endpoints(path)))
      } catch {
        if error == .resourceNotFound { continue }  // gone since it was listed
        throw .lookup(error)
      }
    }
    return all
  }

  func showAssociations() throws(CommandError) {
    let found = try associations(below: path(), depth: 1)
    guard options.json == .off else {
      var json = JSON(screen, options.json)
      json.beginObject()
      for association in found {
        json.key(association.name)
        json.strings(association.endpoints)
      }
      json.endObject()
      return json.finish()
    }
    for association in found {
      screen.add(association.name, .service)
      screen.newline()
      for endpoint in association.endpoints {
        screen.pad(2)
        screen.add(endpoint)
        screen.newline()
      }
    }
  }

  func dump() throws(CommandError) {
    let objects = try ask(Query(kind: .getSubTree)).objects
    let found = try associations(below: "/", depth: 0)
    guard options.json == .off else {
      var json = JSON(screen, options.json)
      json.beginObject()
      json.key("objects")
      json.objects(objects)
      json.key("associations")
      json.beginObject()
      for association in found {
        json.key(association.path)
        json.strings(association.endpoints)
      }
      json.endObject()
      json.endObject()
      return json.finish()
    }
    show(objects)
    for association in found {
      for endpoint in association.endpoints {
        screen.add(association.path, .path)
        screen.add(" leads to ", .dim)
        screen.add(endpoint)
        screen.newline()
      }
    }
  }
}
