// The six functions of mapper.h, as their C prototypes say. Handles are Swift objects that the caller holds one reference to.

import CLibSystemd
import CMapper
import CSystem
import Database
import Waiting

@c(mapper_wait_async) @implementation
public func mapper_wait_async(
  _ bus: OpaquePointer!, _ event: OpaquePointer!,
  _ objects: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>!,
  _ callback: (@convention(c) (Int32, UnsafeMutableRawPointer?) -> Void)!, _ userdata: UnsafeMutableRawPointer!,
  _ wait: UnsafeMutablePointer<OpaquePointer?>!
) -> Int32 {
  guard let bus = unsafe bus, let event = unsafe event, let objects = unsafe objects, let wait = unsafe wait else {
    return -EINVAL
  }
  var paths: [ObjectPath] = []
  while let path = unsafe objects[paths.count] { unsafe paths.append(ObjectPath(cString: path)) }
  unsafe wait.pointee = nil
  guard !paths.isEmpty else { return 0 }
  return unsafe begin(.known(paths), bus, event, callback, userdata, wait)
}

@c(mapper_subtree_async) @implementation
public func mapper_subtree_async(
  _ bus: OpaquePointer!, _ event: OpaquePointer!, _ namespace: UnsafeMutablePointer<CChar>!,
  _ interface: UnsafeMutablePointer<CChar>!,
  _ callback: (@convention(c) (Int32, UnsafeMutableRawPointer?) -> Void)!, _ userdata: UnsafeMutableRawPointer!,
  _ subtree: UnsafeMutablePointer<OpaquePointer?>!, _ operation: Int32
) -> Int32 {
  guard let bus = unsafe bus, let event = unsafe event, let namespace = unsafe namespace,
    let interface = unsafe interface,
    let subtree = unsafe subtree, operation == Int32(MAPPER_OP_REMOVE.rawValue)
  else { return -EINVAL }
  let goal = unsafe Wait.Goal.gone(below: ObjectPath(cString: namespace), InterfaceName(cString: interface))
  return unsafe begin(goal, bus, event, callback, userdata, subtree)
}

private func begin(
  _ goal: Wait.Goal, _ bus: OpaquePointer, _ event: OpaquePointer,
  _ callback: (@convention(c) (Int32, UnsafeMutableRawPointer?) -> Void)?, _ userdata: UnsafeMutableRawPointer?,
  _ handle: UnsafeMutablePointer<OpaquePointer?>
) -> Int32 {
  do throws(WaitError) {
    let wait = try unsafe Wait(for: goal, on: bus, event) { unsafe callback?($0, userdata) }
    unsafe handle.pointee = OpaquePointer(Unmanaged.passRetained(wait).toOpaque())
    return 0
  } catch {
    return -error.code
  }
}

@c(mapper_wait_async_free) @implementation
public func mapper_wait_async_free(_ wait: OpaquePointer!) { unsafe end(wait) }

@c(mapper_subtree_async_free) @implementation
public func mapper_subtree_async_free(_ subtree: OpaquePointer!) { unsafe end(subtree) }

/// Ends a wait at once, even if it is just calling back, and lets go of it.
private func end(_ handle: OpaquePointer?) {
  guard let handle = unsafe handle else { return }
  let wait = unsafe Unmanaged<Wait>.fromOpaque(UnsafeRawPointer(handle))
  unsafe wait.takeUnretainedValue().stop()
  unsafe wait.release()
}

@c(mapper_get_object) @implementation
public func mapper_get_object(
  _ bus: OpaquePointer!, _ path: UnsafePointer<CChar>!, _ reply: UnsafeMutablePointer<OpaquePointer?>!
) -> Int32 {
  guard let bus = unsafe bus, let path = unsafe path, let reply = unsafe reply else { return -EINVAL }
  return unsafe ObjectReply.get(bus, ObjectPath(cString: path), reply)
}

@c(mapper_get_service) @implementation
public func mapper_get_service(
  _ bus: OpaquePointer!, _ path: UnsafePointer<CChar>!,
  _ service: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>!
) -> Int32 {
  guard let bus = unsafe bus, let path = unsafe path, let service = unsafe service else { return -EINVAL }
  var reply: OpaquePointer?
  let result = unsafe ObjectReply.get(bus, ObjectPath(cString: path), &reply)
  guard result >= 0, let reply = unsafe reply else { return result }
  defer { unsafe sd_bus_message_unref(reply) }
  return unsafe ObjectReply.firstService(reply, service)
}
