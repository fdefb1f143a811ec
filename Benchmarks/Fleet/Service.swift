// One simulated service: a connection, a name, objects, and a filter that answers every call with something prepared.

import BenchSupport
import CLibSystemd
import Foundation

final class Service {
  let connection: Connection
  private var nodes: [String: Node] = [:]

  init(name: String, objects: [String: Tree.Object], address: String, loop: EventLoop) throws {
    connection = try Connection(address: address)
    nodes = Node.all(of: objects)
    try check(
      sd_bus_add_filter(
        connection.bus, nil,
        { message, userdata, _ in
          Unmanaged<Service>.fromOpaque(userdata!).takeUnretainedValue().answer(message!)
        }, Unmanaged.passUnretained(self).toOpaque()), "filter")
    // The objects answer before the name is there: who sees the name sees them all.
    try connection.own(name)
    try loop.attach(connection)
  }

  /// Replaces the objects; whoever introspects sees the new ones from now on.
  func replace(objects: [String: Tree.Object]) { nodes = Node.all(of: objects) }

  /// Tells everyone about new interfaces on a path, as an ObjectManager at `/` does.
  func emitAdded(_ path: String, _ interfaces: [String]) {
    signal("InterfacesAdded") { message in
      message.append(path: path)
      message.container("a", "{sa{sv}}") {
        for interface in interfaces {
          message.container("e", "sa{sv}") {
            message.append(interface)
            message.container("a", "{sv}") {}
          }
        }
      }
    }
  }

  func emitRemoved(_ path: String, _ interfaces: [String]) {
    signal("InterfacesRemoved") { message in
      message.append(path: path)
      message.append(interfaces)
    }
  }

  private func signal(_ member: String, _ body: (Message) -> Void) {
    var made: OpaquePointer?
    guard sd_bus_message_new_signal(connection.bus, &made, "/", Node.objectManager, member) >= 0 else { return }
    let message = Message(taking: made!)
    body(message)
    sd_bus_send(connection.bus, message.pointer, nil)
  }

  /// sd-bus goes on with the message by itself when this returns 0.
  private func answer(_ call: OpaquePointer) -> Int32 {
    var type: UInt8 = 0
    guard sd_bus_message_get_type(call, &type) >= 0, type == UInt8(SD_BUS_MESSAGE_METHOD_CALL) else { return 0 }
    guard let path = sd_bus_message_get_path(call), let node = nodes[String(cString: path)] else { return 0 }

    var made: OpaquePointer?
    guard sd_bus_message_new_method_return(call, &made) >= 0 else { return 0 }
    let reply = Message(taking: made!)
    if sd_bus_message_is_method_call(call, "org.freedesktop.DBus.Introspectable", "Introspect") > 0 {
      node.document.withUnsafeBufferPointer {
        _ = sd_bus_message_append_basic(reply.pointer, CChar(UInt8(ascii: "s")), $0.baseAddress)
      }
    } else if sd_bus_message_is_method_call(call, "org.freedesktop.DBus.Properties", "Get") > 0 {
      guard !node.associations.isEmpty else { return 0 }
      node.appendAssociations(to: reply)
    } else if sd_bus_message_is_method_call(call, "org.freedesktop.DBus.Properties", "GetAll") > 0 {
      reply.container("a", "{sv}") {
        guard !node.associations.isEmpty else { return }
        reply.container("e", "sv") {
          reply.append("Associations")
          node.appendAssociations(to: reply)
        }
      }
    } else {
      return 0
    }
    return sd_bus_send(connection.bus, reply.pointer, nil) >= 0 ? 1 : 0
  }
}
