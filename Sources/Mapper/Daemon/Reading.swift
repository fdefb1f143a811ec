// What the mapper reads out of messages: introspection documents and association definitions.

import Bus
import CSystem
import Database
import IntrospectionData

extension Message {
  /// The document in the reply to Introspect; none when it is broken. Another type of reply throws.
  func readIntrospection(_ reader: IntrospectionReader) throws(BusError) -> Introspection? {
    guard let text = try unsafe borrowString() else { throw BusError(code: ENXIO) }
    let length = unsafe strlen(text)
    let bytes = unsafe UnsafeRawBufferPointer(start: text, count: length).bindMemory(to: UInt8.self)
    return unsafe reader.read(bytes.span)
  }

  /// The variant with the property `Associations`: a list of forward, reverse, endpoint.
  func readAssociations() throws(BusError) -> [AssociationDefinition] {
    var definitions: [AssociationDefinition] = []
    try readVariant("a(sss)") { () throws(BusError) in
      try forEachElement(of: "(sss)") { () throws(BusError) in
        try readStructure("sss") { () throws(BusError) in
          definitions.append(
            AssociationDefinition(forward: try readString(), reverse: try readString(), endpoint: try readString()))
        }
      }
    }
    return definitions
  }

  /// Out of a dictionary of properties, `a{sv}`, the associations, if they are in it.
  func readAssociationsProperty() throws(BusError) -> [AssociationDefinition]? {
    var definitions: [AssociationDefinition]?
    try forEachEntry(of: "sv", in: "{sv}") { () throws(BusError) in
      let name: ByteString = try readString()
      if name == associationsProperty {
        definitions = try readAssociations()
      } else {
        try skip("v")
      }
    }
    return definitions
  }
}

private let associationsProperty = ByteString("Associations")
