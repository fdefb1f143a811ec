// map.h.

import CShMap
import CSystem
import ShMap

@c @implementation
public func shmap_map_init(_ handle: UnsafeMutablePointer<shmap>?) -> OpaquePointer? {
  unsafe result(handle, nil) { session throws(PoolError) in
    unsafe OpaquePointer(bitPattern: UInt(try TableEngine.create(&session, Table.map).at))
  }
}

@c @implementation
public func shmap_map_destroy(_ handle: UnsafeMutablePointer<shmap>?, _ map: OpaquePointer?) -> Int32 {
  unsafe status(handle) { session throws(PoolError) in try unsafe Table(map: map).engine.destroy(&session, Table.map) }
}

@c @implementation
public func shmap_map_size(_ handle: UnsafeMutablePointer<shmap>?, _ map: OpaquePointer?) -> Int {
  unsafe result(handle, 0) { session throws(PoolError) in try unsafe Table(map: map).engine.count(session) }
}

@c @implementation
public func shmap_map_add(
  _ handle: UnsafeMutablePointer<shmap>?, _ map: OpaquePointer?, _ key: UnsafeMutableRawPointer?, _ length: Int,
  _ value: UnsafeMutableRawPointer?
) -> Int32 {
  unsafe status(handle) { session throws(PoolError) in
    try unsafe Table(map: map).add(key, length, UInt64(UInt(bitPattern: value)), &session)
  }
}

@c @implementation
public func shmap_map_remove(
  _ handle: UnsafeMutablePointer<shmap>?, _ map: OpaquePointer?, _ key: UnsafeRawPointer?, _ length: Int
) -> Int32 {
  unsafe status(handle) { session throws(PoolError) in try unsafe Table(map: map).remove(key, length, &session) }
}

@c @implementation
public func shmap_map_get(
  _ handle: UnsafeMutablePointer<shmap>?, _ map: OpaquePointer?, _ key: UnsafeRawPointer?, _ length: Int
) -> UnsafeMutableRawPointer? {
  unsafe value(lookUp(handle, map, isMap: true, key, length))
}

@c @implementation
public func shmap_map_entry(
  _ handle: UnsafeMutablePointer<shmap>?, _ map: OpaquePointer?, _ key: UnsafeRawPointer?, _ length: Int
) -> shmap_map_entry {
  let entry = unsafe lookUp(handle, map, isMap: true, key, length)
  return unsafe CShMap.shmap_map_entry(key: pointer(entry.key), len: Int(clamping: entry.length), value: value(entry))
}

@c @implementation
public func shmap_map_contains(
  _ handle: UnsafeMutablePointer<shmap>?, _ map: OpaquePointer?, _ key: UnsafeRawPointer?, _ length: Int
) -> Bool { unsafe lookUp(handle, map, isMap: true, key, length).key != 0 }

@c @implementation
public func shmap_map_iter_init(
  _ handle: UnsafeMutablePointer<shmap>?, _ map: OpaquePointer?, _ iterator: UnsafeMutablePointer<shmap_map_iter>?
) {
  unsafe iterator?.pointee = shmap_map_iter(map: map, next: 0)
}

@c @implementation
public func shmap_map_iter_destroy(
  _ handle: UnsafeMutablePointer<shmap>?, _ iterator: UnsafeMutablePointer<shmap_map_iter>?
) {
  unsafe iterator?.pointee = shmap_map_iter()
}

@c @implementation
public func shmap_map_iter_has_next(
  _ handle: UnsafeMutablePointer<shmap>?, _ iterator: UnsafeMutablePointer<shmap_map_iter>?
) -> Bool {
  guard let iterator = unsafe iterator else { return false }
  return unsafe advance(handle, iterator.pointee.map, isMap: true, &iterator.pointee.next, moves: false).key != 0
}

@c @implementation
public func shmap_map_iter_next(
  _ handle: UnsafeMutablePointer<shmap>?, _ iterator: UnsafeMutablePointer<shmap_map_iter>?
) -> shmap_map_iter_entry {
  guard let iterator = unsafe iterator else { return unsafe shmap_map_iter_entry() }
  let entry = unsafe advance(handle, iterator.pointee.map, isMap: true, &iterator.pointee.next, moves: true)
  return unsafe shmap_map_iter_entry(key: pointer(entry.key), len: Int(clamping: entry.length), value: value(entry))
}

private func value(_ entry: Table.Entry) -> Shared? {
  unsafe Shared(bitPattern: UInt(truncatingIfNeeded: entry.value))
}
