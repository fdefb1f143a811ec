// vec.h. Elements are kept as 64-bit words, for whatever pointer-sized value a caller of either word size puts in.

import CShMap
import CSystem
import ShMap

private func vector(_ vector: OpaquePointer?) throws(PoolError) -> VectorEngine {
  VectorEngine(try unsafe offset(vector))
}

private func element(_ word: UInt64) -> Shared? { unsafe Shared(bitPattern: UInt(truncatingIfNeeded: word)) }

private func word(_ element: Shared?) -> UInt64 { UInt64(UInt(bitPattern: element)) }

@c @implementation
public func shmap_vec_init(_ handle: UnsafeMutablePointer<shmap>?, _ capacity: Int) -> OpaquePointer? {
  unsafe result(handle, nil) { session throws(PoolError) in
    unsafe OpaquePointer(bitPattern: UInt(try VectorEngine.create(&session, stride: 8, capacity: capacity).at))
  }
}

@c @implementation
public func shmap_vec_destroy(_ handle: UnsafeMutablePointer<shmap>?, _ vec: OpaquePointer?) {
  guard unsafe vec != nil else { return }
  unsafe result(handle, ()) { session throws(PoolError) in try unsafe vector(vec).destroy(&session) }
}

@c @implementation
public func shmap_vec_is_empty(_ handle: UnsafeMutablePointer<shmap>?, _ vec: OpaquePointer?) -> Bool {
  unsafe shmap_vec_size(handle, vec) == 0
}

@c @implementation
public func shmap_vec_size(_ handle: UnsafeMutablePointer<shmap>?, _ vec: OpaquePointer?) -> Int {
  unsafe result(handle, 0) { session throws(PoolError) in try unsafe vector(vec).count(session) }
}

@c @implementation
public func shmap_vec_get(
  _ handle: UnsafeMutablePointer<shmap>?, _ vec: OpaquePointer?, _ index: Int
) -> UnsafeMutableRawPointer? {
  unsafe result(handle, nil) { session throws(PoolError) in
    unsafe element(try vector(vec).get(index, as: UInt64.self, session))
  }
}

@c @implementation
public func shmap_vec_insert(
  _ handle: UnsafeMutablePointer<shmap>?, _ vec: OpaquePointer?, _ object: UnsafeMutableRawPointer?, _ index: Int
) -> Int32 {
  unsafe status(handle) { session throws(PoolError) in try unsafe vector(vec).insert(word(object), at: index, &session)
  }
}

@c @implementation
public func shmap_vec_remove(_ handle: UnsafeMutablePointer<shmap>?, _ vec: OpaquePointer?, _ index: Int) -> Int32 {
  unsafe status(handle) { session throws(PoolError) in try unsafe vector(vec).remove(at: index, session, stride: 8) }
}

@c @implementation
public func shmap_vec_push(
  _ handle: UnsafeMutablePointer<shmap>?, _ vec: OpaquePointer?, _ object: UnsafeMutableRawPointer?
) -> Int32 {
  unsafe status(handle) { session throws(PoolError) in
    let vector = try unsafe vector(vec)
    try unsafe vector.insert(word(object), at: try vector.count(session), &session)
  }
}

@c @implementation
public func shmap_vec_pop(_ handle: UnsafeMutablePointer<shmap>?, _ vec: OpaquePointer?) -> UnsafeMutableRawPointer? {
  unsafe result(handle, nil) { session throws(PoolError) in
    let vector = try unsafe vector(vec)
    let count = try vector.count(session)
    guard count > 0 else { return nil }
    let last = try vector.get(count - 1, as: UInt64.self, session)
    try vector.remove(at: count - 1, session, stride: 8)
    return unsafe element(last)
  }
}

@c @implementation
public func shmap_vec_peek(_ handle: UnsafeMutablePointer<shmap>?, _ vec: OpaquePointer?) -> UnsafeMutableRawPointer? {
  unsafe result(handle, nil) { session throws(PoolError) in
    let vector = try unsafe vector(vec)
    let count = try vector.count(session)
    return unsafe count > 0 ? element(try vector.get(count - 1, as: UInt64.self, session)) : nil
  }
}
