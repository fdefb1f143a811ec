// What one path of a service answers: its introspection document and its associations.

import BenchSupport

struct Node {
  static let objectManager = "org.freedesktop.DBus.ObjectManager"

  /// Introspection XML as sd-bus writes it, NUL-terminated.
  let document: [CChar]
  let associations: [[String]]

  /// The nodes of all objects of a service, and of every path above them.
  static func all(of objects: [String: Tree.Object]) -> [String: Node] {
    var children: [String: Set<String>] = ["/": []]
    for object in objects.keys {
      var path = object
      while path != "/" {
        let parent = Tree.parent(of: path)
        let name = path[path.index(path.startIndex, offsetBy: parent == "/" ? 1 : parent.count + 1)...]
        children[path, default: []].formUnion([])
        if !children[parent, default: []].insert(String(name)).inserted { break }
        path = parent
      }
    }
    return Dictionary(
      uniqueKeysWithValues: children.map { path, names in
        (path, Node(object: objects[path], children: names.sorted()))
      })
  }

  private init(object: Tree.Object?, children: [String]) {
    associations = object?.assoc ?? []
    var interfaces = object?.ifaces ?? []
    if !associations.isEmpty, !interfaces.contains(Tree.definitions) { interfaces.append(Tree.definitions) }

    var text = Node.head
    for interface in interfaces {
      text += " <interface name=\"\(interface)\">\n"
      switch interface {
      case Tree.definitions: text += Node.property("Associations", "a(sss)")
      case Node.objectManager: text += Node.managerMembers
      default: text += Node.property("Value", "v")
      }
      text += " </interface>\n"
    }
    for child in children { text += " <node name=\"\(child)\"/>\n" }
    text += "</node>\n"
    document = Array(text.utf8CString)
  }

  /// A variant with the value of the property Associations.
  func appendAssociations(to message: Message) {
    message.container("v", "a(sss)") {
      message.container("a", "(sss)") {
        for triple in associations {
          message.container("r", "sss") { for part in triple { message.append(part) } }
        }
      }
    }
  }

  private static func property(_ name: String, _ type: String) -> String {
    """
      <property name="\(name)" type="\(type)" access="readwrite">
       <annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="true"/>
      </property>

    """
  }

  private static let managerMembers = """
      <method name="GetManagedObjects">
       <arg type="a{oa{sa{sv}}}" name="object_paths_interfaces_and_properties" direction="out"/>
      </method>
      <signal name="InterfacesAdded">
       <arg type="o" name="object_path"/>
       <arg type="a{sa{sv}}" name="interfaces_and_properties"/>
      </signal>
      <signal name="InterfacesRemoved">
       <arg type="o" name="object_path"/>
       <arg type="as" name="interfaces"/>
      </signal>

    """

  private static let head = """
    <!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
    "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
    <node>
     <interface name="org.freedesktop.DBus.Peer">
      <method name="Ping"/>
      <method name="GetMachineId">
       <arg type="s" name="machine_uuid" direction="out"/>
      </method>
     </interface>
     <interface name="org.freedesktop.DBus.Introspectable">
      <method name="Introspect">
       <arg name="xml_data" type="s" direction="out"/>
      </method>
     </interface>
     <interface name="org.freedesktop.DBus.Properties">
      <method name="Get">
       <arg name="interface_name" direction="in" type="s"/>
       <arg name="property_name" direction="in" type="s"/>
       <arg name="value" direction="out" type="v"/>
      </method>
      <method name="GetAll">
       <arg name="interface_name" direction="in" type="s"/>
       <arg name="props" direction="out" type="a{sv}"/>
      </method>
      <method name="Set">
       <arg name="interface_name" direction="in" type="s"/>
       <arg name="property_name" direction="in" type="s"/>
       <arg name="value" direction="in" type="v"/>
      </method>
      <signal name="PropertiesChanged">
       <arg type="s" name="interface_name"/>
       <arg type="a{sv}" name="changed_properties"/>
       <arg type="as" name="invalidated_properties"/>
      </signal>
     </interface>

    """
}
