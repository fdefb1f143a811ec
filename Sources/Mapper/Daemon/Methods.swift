// The eight methods of xyz.openbmc_project.ObjectMapper: arguments out of the message, a query, the answer into the
// reply. sd-bus has compared the arguments with the table's signature before one of these is called.

import Bus
import BusReplies
import CLibSystemd
import CSDBus
import CSystem
import Database

extension Daemon {
  /// Puts the mapper's objects on the bus.
  func addObjects() throws(BusError) {
    let me = unsafe Unmanaged.passUnretained(self).toOpaque()
    var methods = unsafe csdbus_mapper_methods(
      get_object: { call, me, error in
        unsafe Daemon.answer(call, me, error, "{sas}") { database, call, reply throws(QueryError) in
          let path = call.string()
          try call.withInterfaces { names throws(QueryError) in
            try database.getObject(path.span, names, &reply)
          }
        }
      },
      get_ancestors: { call, me, error in
        unsafe Daemon.answer(call, me, error, "{sa{sas}}") { database, call, reply throws(QueryError) in
          let path = call.string()
          try call.withInterfaces { names throws(QueryError) in
            try database.getAncestors(path.span, names, &reply)
          }
        }
      },
      get_subtree: { call, me, error in
        unsafe Daemon.answer(call, me, error, "{sa{sas}}") { database, call, reply throws(QueryError) in
          let (path, depth) = (call.string(), call.int32())
          try call.withInterfaces { names throws(QueryError) in
            try database.getSubTree(path.span, depth: depth, names, &reply)
          }
        }
      },
      get_subtree_paths: { call, me, error in
        unsafe Daemon.answer(call, me, error, "s") { database, call, reply throws(QueryError) in
          let (path, depth) = (call.string(), call.int32())
          try call.withInterfaces { names throws(QueryError) in
            try database.getSubTreePaths(path.span, depth: depth, names, &reply)
          }
        }
      },
      get_associated_subtree: { call, me, error in
        unsafe Daemon.answer(call, me, error, "{sa{sas}}") { database, call, reply throws(QueryError) in
          let (association, path, depth) = (call.path(), call.path(), call.int32())
          try call.withInterfaces { names throws(QueryError) in
            try database.getAssociatedSubTree(association.span, path.span, depth: depth, names, &reply)
          }
        }
      },
      get_associated_subtree_paths: { call, me, error in
        unsafe Daemon.answer(call, me, error, "s") { database, call, reply throws(QueryError) in
          let (association, path, depth) = (call.path(), call.path(), call.int32())
          try call.withInterfaces { names throws(QueryError) in
            try database.getAssociatedSubTreePaths(association.span, path.span, depth: depth, names, &reply)
          }
        }
      },
      get_associated_subtree_by_id: { call, me, error in
        unsafe Daemon.answer(call, me, error, "{sa{sas}}") { database, call, reply throws(QueryError) in
          let (id, path) = (call.string(), call.string())
          try call.withInterfaces { subtree throws(QueryError) in
            let association = call.string()
            try call.withInterfaces { endpoint throws(QueryError) in
              try database.getAssociatedSubTreeById(id.span, path.span, subtree, association.span, endpoint, &reply)
            }
          }
        }
      },
      get_associated_subtree_paths_by_id: { call, me, error in
        unsafe Daemon.answer(call, me, error, "s") { database, call, reply throws(QueryError) in
          let (id, path) = (call.string(), call.string())
          try call.withInterfaces { subtree throws(QueryError) in
            let association = call.string()
            try call.withInterfaces { endpoint throws(QueryError) in
              try database.getAssociatedSubTreePathsById(
                id.span, path.span, subtree, association.span, endpoint, &reply)
            }
          }
        }
      })
    let bus = unsafe connection.raw
    try check(
      unsafe Daemon.path.withCString { path in
        unsafe Daemon.name.withCString { interface in
          unsafe sd_bus_add_object_vtable(bus, nil, path, interface, csdbus_mapper_vtable(&methods), me)
        }
      })
    try addAssociationObjects()
    try check(unsafe sd_bus_add_object_manager(bus, nil, "/"))
  }

  /// The daemon that sd-bus was given as user data. It lives as long as the connection is served.
  @inline(__always)
  @unsafe static func behind(_ userdata: UnsafeMutableRawPointer?) -> Daemon {
    unsafe Unmanaged<Daemon>.fromOpaque(userdata!).takeUnretainedValue()
  }

  /// Answers one call: an array of `contents`, filled by the query. What is not published yet goes first.
  @unsafe private static func answer(
    _ call: OpaquePointer?, _ userdata: UnsafeMutableRawPointer?, _ cause: UnsafeMutablePointer<sd_bus_error>?,
    _ contents: StaticString,
    _ query: (MapperDatabase, borrowing Arguments, inout ReplyWriter) throws(QueryError) -> Void
  ) -> Int32 {
    let daemon = unsafe Daemon.behind(userdata)
    daemon.settle()
    var message: OpaquePointer?
    let result = unsafe sd_bus_message_new_method_return(call, &message)
    guard result >= 0, let message = unsafe message else { return result }
    defer { unsafe sd_bus_message_unref(message) }
    var reply = unsafe ReplyWriter(message)
    reply.openArray(contents)
    do throws(QueryError) {
      try query(daemon.database, unsafe Arguments(of: call!), &reply)
    } catch {
      guard case .resourceNotFound = error else {
        return unsafe sd_bus_error_set(
          cause, "org.freedesktop.DBus.Error.Failed", "The database cannot be read.")
      }
      // Copied: a literal becomes a C string for the time of the call only.
      return unsafe sd_bus_error_set(
        cause, "xyz.openbmc_project.Common.Error.ResourceNotFound", "The resource is not found.")
    }
    reply.close()
    return reply.result < 0 ? reply.result : unsafe sd_bus_send(nil, message, nil)
  }
}

/// An sd-bus call that failed, as an error.
func check(_ result: Int32) throws(BusError) {
  if result < 0 { throw BusError(code: -result) }
}
