// set.h.

import CShMap
import CSystem
import ShMap

@c @implementation
public func shmap_set_init(_ handle: UnsafeMutablePointer<shmap>?) -> OpaquePointer? {
  unsafe result(handle, nil) { session throws(PoolError) in
    unsafe OpaquePointer(bitPattern: UInt(try TableEngine.create(&session, Table.set).at))
  }
}

@c @implementation
public func shmap_set_destroy(_ handle: UnsafeMutablePointer<shmap>?, _ set: OpaquePointer?) -> Int32 {
  unsafe status(handle) { session throws(PoolError) in try unsafe Table(set: set).engine.destroy(&session, Table.set) }
}

@c @implementation
public func shmap_set_size(_ handle: UnsafeMutablePointer<shmap>?, _ set: OpaquePointer?) -> Int {
  unsafe result(handle, 0) { session throws(PoolError) in try unsafe Table(set: set).engine.count(session) }
}

@c @implementation
public func shmap_set_add(
  _ handle: UnsafeMutablePointer<shmap>?, _ set: OpaquePointer?, _ key: UnsafeMutableRawPointer?, _ length: Int
) -> Int32 {
  unsafe status(handle) { session throws(PoolError) in try unsafe Table(set: set).add(key, length, 0, &session) }
}

@c @implementation
public func shmap_set_remove(
  _ handle: UnsafeMutablePointer<shmap>?, _ set: OpaquePointer?, _ key: UnsafeRawPointer?, _ length: Int
) -> Int32 {
  unsafe status(handle) { session throws(PoolError) in try unsafe Table(set: set).remove(key, length, &session) }
}

@c @implementation
public func shmap_set_get(
  _ handle: UnsafeMutablePointer<shmap>?, _ set: OpaquePointer?, _ key: UnsafeRawPointer?, _ length: Int
) -> UnsafeMutableRawPointer? {
  unsafe pointer(lookUp(handle, set, isMap: false, key, length).key)
}

@c @implementation
public func shmap_set_entry(
  _ handle: UnsafeMutablePointer<shmap>?, _ set: OpaquePointer?, _ key: UnsafeRawPointer?, _ length: Int
) -> shmap_set_entry {
  let entry = unsafe lookUp(handle, set, isMap: false, key, length)
  return unsafe CShMap.shmap_set_entry(key: pointer(entry.key), len: Int(clamping: entry.length))
}

@c @implementation
public func shmap_set_contains(
  _ handle: UnsafeMutablePointer<shmap>?, _ set: OpaquePointer?, _ key: UnsafeRawPointer?, _ length: Int
) -> Bool { unsafe lookUp(handle, set, isMap: false, key, length).key != 0 }

@c @implementation
public func shmap_set_iter_init(
  _ handle: UnsafeMutablePointer<shmap>?, _ set: OpaquePointer?, _ iterator: UnsafeMutablePointer<shmap_set_iter>?
) -> Int32 {
  guard let iterator = unsafe iterator, unsafe set != nil else { return -EINVAL }
  unsafe iterator.pointee = shmap_set_iter(set: set, next: 0)
  return 0
}

@c @implementation
public func shmap_set_iter_destroy(
  _ handle: UnsafeMutablePointer<shmap>?, _ iterator: UnsafeMutablePointer<shmap_set_iter>?
) {
  unsafe iterator?.pointee = shmap_set_iter()
}

@c @implementation
public func shmap_set_iter_has_next(
  _ handle: UnsafeMutablePointer<shmap>?, _ iterator: UnsafeMutablePointer<shmap_set_iter>?
) -> Bool {
  guard let iterator = unsafe iterator else { return false }
  return unsafe advance(handle, iterator.pointee.set, isMap: false, &iterator.pointee.next, moves: false).key != 0
}

@c @implementation
public func shmap_set_iter_next(
  _ handle: UnsafeMutablePointer<shmap>?, _ iterator: UnsafeMutablePointer<shmap_set_iter>?
) -> shmap_set_iter_entry {
  guard let iterator = unsafe iterator else { return unsafe shmap_set_iter_entry() }
  let entry = unsafe advance(handle, iterator.pointee.set, isMap: false, &iterator.pointee.next, moves: true)
  return unsafe shmap_set_iter_entry(key: pointer(entry.key), len: Int(clamping: entry.length))
}
