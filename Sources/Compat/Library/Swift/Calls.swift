// The calls of shmapper.h: C strings in, one question to the client, each piece of the answer to the caller's function.

import CShmapper
import CSystem
import Database
import MapperClient

/// Hands each piece of an answer to a C function, until that says otherwise.
@safe private struct Forwarder: ClientVisitor {
  let visit: shmapper_visit_t
  let userdata: UnsafeMutableRawPointer?
  /// What the function said at last.
  var result: Int32 = 0

  mutating func restart() { result = unsafe visit(userdata, SHMAPPER_BEGIN, "", 0) }

  mutating func beginObject(_ path: borrowing Text) { forward(SHMAPPER_OBJECT, path) }
  mutating func endObject() {}
  mutating func beginService(_ name: borrowing Text) { forward(SHMAPPER_SERVICE, name) }
  mutating func interface(_ name: borrowing Text) { forward(SHMAPPER_INTERFACE, name) }
  mutating func endService() {}
  mutating func path(_ path: borrowing Text) { forward(SHMAPPER_PATH, path) }

  @inline(__always)
  private mutating func forward(_ kind: shmapper_kind, _ text: borrowing Text) {
    guard result == 0 else { return }
    let count = text.bytes.count
    let (visit, userdata) = unsafe (visit, userdata)
    result = unsafe text.withCString { unsafe visit(userdata, kind, $0, count) }
  }
}

/// A C string's bytes, for the time of the call.
@unsafe @_lifetime(immortal)
private func bytes(_ string: UnsafePointer<CChar>) -> Span<UInt8> {
  let start = unsafe UnsafeRawPointer(string).assumingMemoryBound(to: UInt8.self)
  return unsafe _overrideLifetime(Span(_unsafeStart: start, count: strlen(string)), copying: ())
}

/// The names of a caller; nil when one of them is missing.
@unsafe private func interfaceNames(_ strings: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int) -> InterfaceNames? {
  guard count > 0 else { return InterfaceNames.none }
  guard let strings = unsafe strings else { return nil }
  for index in 0..<count where unsafe strings[index] == nil { return nil }
  return unsafe InterfaceNames(strings, count: count)
}

@inline(never)
private func ask(
  _ mapper: OpaquePointer?, _ question: borrowing Question, _ visit: shmapper_visit_t?,
  _ userdata: UnsafeMutableRawPointer?
) -> Int32 {
  guard let client = unsafe client(mapper), let visit = unsafe visit else { return -EINVAL }
  var forwarder = unsafe Forwarder(visit: visit, userdata: userdata)
  forwarder.restart()
  do throws(LookupError) { try client.ask(question, &forwarder) } catch { return error.negativeErrno }
  return forwarder.result
}

@c @implementation
public func shmapper_get_object(
  _ mapper: OpaquePointer?, _ path: UnsafePointer<CChar>?, _ interfaces: UnsafePointer<UnsafePointer<CChar>?>?,
  _ count: Int, _ visit: shmapper_visit_t?, _ userdata: UnsafeMutableRawPointer?
) -> Int32 {
  guard let path = unsafe path, let names = unsafe interfaceNames(interfaces, count) else { return -EINVAL }
  return unsafe ask(mapper, .getObject(bytes(path), names), visit, userdata)
}

@c @implementation
public func shmapper_get_ancestors(
  _ mapper: OpaquePointer?, _ path: UnsafePointer<CChar>?, _ interfaces: UnsafePointer<UnsafePointer<CChar>?>?,
  _ count: Int, _ visit: shmapper_visit_t?, _ userdata: UnsafeMutableRawPointer?
) -> Int32 {
  guard let path = unsafe path, let names = unsafe interfaceNames(interfaces, count) else { return -EINVAL }
  return unsafe ask(mapper, .getAncestors(bytes(path), names), visit, userdata)
}

@c @implementation
public func shmapper_get_subtree(
  _ mapper: OpaquePointer?, _ root: UnsafePointer<CChar>?, _ depth: Int32,
  _ interfaces: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int, _ visit: shmapper_visit_t?,
  _ userdata: UnsafeMutableRawPointer?
) -> Int32 {
  guard let root = unsafe root, let names = unsafe interfaceNames(interfaces, count) else { return -EINVAL }
  return unsafe ask(mapper, .getSubTree(bytes(root), depth: depth, names), visit, userdata)
}

@c @implementation
public func shmapper_get_subtree_paths(
  _ mapper: OpaquePointer?, _ root: UnsafePointer<CChar>?, _ depth: Int32,
  _ interfaces: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int, _ visit: shmapper_visit_t?,
  _ userdata: UnsafeMutableRawPointer?
) -> Int32 {
  guard let root = unsafe root, let names = unsafe interfaceNames(interfaces, count) else { return -EINVAL }
  return unsafe ask(mapper, .getSubTreePaths(bytes(root), depth: depth, names), visit, userdata)
}

@c @implementation
public func shmapper_get_associated_subtree(
  _ mapper: OpaquePointer?, _ association: UnsafePointer<CChar>?, _ root: UnsafePointer<CChar>?, _ depth: Int32,
  _ interfaces: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int, _ visit: shmapper_visit_t?,
  _ userdata: UnsafeMutableRawPointer?
) -> Int32 {
  guard let association = unsafe association, let root = unsafe root,
    let names = unsafe interfaceNames(interfaces, count)
  else { return -EINVAL }
  return unsafe ask(
    mapper, .getAssociatedSubTree(bytes(association), bytes(root), depth: depth, names), visit, userdata)
}

@c @implementation
public func shmapper_get_associated_subtree_paths(
  _ mapper: OpaquePointer?, _ association: UnsafePointer<CChar>?, _ root: UnsafePointer<CChar>?, _ depth: Int32,
  _ interfaces: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int, _ visit: shmapper_visit_t?,
  _ userdata: UnsafeMutableRawPointer?
) -> Int32 {
  guard let association = unsafe association, let root = unsafe root,
    let names = unsafe interfaceNames(interfaces, count)
  else { return -EINVAL }
  return unsafe ask(
    mapper, .getAssociatedSubTreePaths(bytes(association), bytes(root), depth: depth, names), visit, userdata)
}

@c @implementation
public func shmapper_get_associated_subtree_by_id(
  _ mapper: OpaquePointer?, _ id: UnsafePointer<CChar>?, _ root: UnsafePointer<CChar>?,
  _ interfaces: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int, _ association: UnsafePointer<CChar>?,
  _ endpointInterfaces: UnsafePointer<UnsafePointer<CChar>?>?, _ endpointCount: Int, _ visit: shmapper_visit_t?,
  _ userdata: UnsafeMutableRawPointer?
) -> Int32 {
  guard let id = unsafe id, let root = unsafe root, let association = unsafe association,
    let names = unsafe interfaceNames(interfaces, count),
    let ends = unsafe interfaceNames(endpointInterfaces, endpointCount)
  else { return -EINVAL }
  return unsafe ask(
    mapper, .getAssociatedSubTreeByID(bytes(id), bytes(root), names, bytes(association), ends), visit, userdata)
}

@c @implementation
public func shmapper_get_associated_subtree_paths_by_id(
  _ mapper: OpaquePointer?, _ id: UnsafePointer<CChar>?, _ root: UnsafePointer<CChar>?,
  _ interfaces: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int, _ association: UnsafePointer<CChar>?,
  _ endpointInterfaces: UnsafePointer<UnsafePointer<CChar>?>?, _ endpointCount: Int, _ visit: shmapper_visit_t?,
  _ userdata: UnsafeMutableRawPointer?
) -> Int32 {
  guard let id = unsafe id, let root = unsafe root, let association = unsafe association,
    let names = unsafe interfaceNames(interfaces, count),
    let ends = unsafe interfaceNames(endpointInterfaces, endpointCount)
  else { return -EINVAL }
  return unsafe ask(
    mapper, .getAssociatedSubTreePathsByID(bytes(id), bytes(root), names, bytes(association), ends), visit, userdata)
}

@c @implementation
public func shmapper_get_endpoints(
  _ mapper: OpaquePointer?, _ association: UnsafePointer<CChar>?, _ visit: shmapper_visit_t?,
  _ userdata: UnsafeMutableRawPointer?
) -> Int32 {
  guard let association = unsafe association else { return -EINVAL }
  return unsafe ask(mapper, .endpoints(of: bytes(association)), visit, userdata)
}
