// shmap.h: the pool and its heap.

import CShMap
import CSystem
import ShMap

/// Who borrows waits this long for a pool to appear, in microseconds.
private let patience: UInt64 = 1_000_000

@c @implementation
public func shmap_init(
  _ name: UnsafePointer<CChar>?, _ flags: UInt32, _ length: Int,
  _ prepare: (@convention(c) (UnsafeMutablePointer<shmap>?, UnsafeMutableRawPointer?) -> Int32)?,
  _ destroy: (@convention(c) (UnsafeMutablePointer<shmap>?, UnsafeMutableRawPointer?) -> Int32)?
) -> UnsafeMutablePointer<shmap>? {
  let owns = flags & UInt32(SHMAP_FLAG_OWN) != 0
  let isWrong = unsafe flags & ~UInt32(SHMAP_FLAG_OWN) != 0 || length < 0 || !owns && (length != 0 || prepare != nil)
  guard let name = unsafe name, !isWrong else {
    shm_set_errno(EINVAL)
    return nil
  }
  var bytes: [UInt8] = []
  var slashes = 0
  for index in unsafe 0..<strlen(name) {
    let byte = unsafe UInt8(bitPattern: name[index])
    if byte == UInt8(ascii: "/") { slashes += 1 }
    bytes.append(byte)
  }
  let isPath = slashes > 1 || slashes == 1 && bytes.first != UInt8(ascii: "/")
  let place: Place = isPath ? .file(bytes) : .named(bytes)
  do throws(PoolError) {
    let attachment: Attachment
    if owns {
      attachment = try SharedPool(creating: place, user: length) { access throws(PoolError) in
        guard let prepare = unsafe prepare else { return }
        let handle = unsafe access.session.handle
        let failed = unsafe prepare(handle, pointer(access.session.user))
        guard failed == 0 else { throw .system(failed < 0 ? -failed : failed) }
      }.attachment
    } else {
      attachment = try SharedPool(attaching: place, patience: patience).attachment
    }
    let handle = unsafe attachment.handle
    if let destroy = unsafe destroy { unsafe handle.pointee.destroy = unsafeBitCast(destroy, to: Shared.self) }
    _ = unsafe Unmanaged.passRetained(attachment)
    return unsafe handle
  } catch {
    shm_set_errno(errno(error))
    return nil
  }
}

extension Attachment {
  /// The C handle. It lives as long as the attachment.
  var handle: Handle { unsafe UnsafeMutableRawPointer(shared).assumingMemoryBound(to: shmap.self) }
}

extension Session {
  fileprivate var handle: Handle { unsafe attachment.handle }
}

@c @implementation
public func shmap_destroy(_ handle: UnsafeMutablePointer<shmap>?) {
  guard let handle = unsafe handle, let opaque = unsafe handle.pointee.attachment else { return }
  let attachment = unsafe Unmanaged<Attachment>.fromOpaque(opaque).takeRetainedValue()
  guard let destroy = unsafe handle.pointee.destroy, attachment.isLast() else { return }
  let callback = unsafe unsafeBitCast(
    destroy, to: (@convention(c) (UnsafeMutablePointer<shmap>?, UnsafeMutableRawPointer?) -> Int32).self)
  guard unsafe shmap_lock(handle) == 0 else { return }
  unsafe _ = callback(handle, shmap_get_user(handle))
  unsafe _ = shmap_unlock(handle)
}

@c @implementation
public func shmap_lock(_ handle: UnsafeMutablePointer<shmap>?) -> Int32 {
  guard let handle = unsafe handle, let opaque = unsafe handle.pointee.attachment else { return -EINVAL }
  return unsafe Unmanaged<Attachment>.fromOpaque(opaque)._withUnsafeGuaranteedRef { attachment in
    do throws(PoolError) { try unsafe attachment.enter(shm_thread_self()) } catch { return -errno(error) }
    return 0
  }
}

@c @implementation
public func shmap_unlock(_ handle: UnsafeMutablePointer<shmap>?) -> Int32 {
  guard let handle = unsafe handle, let opaque = unsafe handle.pointee.attachment else { return -EINVAL }
  return unsafe Unmanaged<Attachment>.fromOpaque(opaque)._withUnsafeGuaranteedRef { attachment in
    do throws(PoolError) { try unsafe attachment.leave(shm_thread_self()) } catch { return -errno(error) }
    return 0
  }
}

@c @implementation
public func shmap_get_user(_ handle: UnsafePointer<shmap>?) -> UnsafeMutableRawPointer? {
  unsafe session(handle).flatMap { unsafe pointer($0.user) }
}

// MARK: Heap

@c @implementation
public func shmap_malloc(_ handle: UnsafeMutablePointer<shmap>?, _ size: Int) -> UnsafeMutableRawPointer? {
  guard size != 0 else { return nil }
  return unsafe result(handle, nil) { session throws(PoolError) in unsafe pointer(try session.allocate(size)) }
}

@c @implementation
public func shmap_free(_ handle: UnsafeMutablePointer<shmap>?, _ block: UnsafeMutableRawPointer?) {
  unsafe result(handle, ()) { session throws(PoolError) in
    guard UInt(bitPattern: block) <= UInt(UInt32.max) else { throw .notAllocated }
    try unsafe session.free(try offset(block))
  }
}

@c @implementation
public func shmap_realloc(
  _ handle: UnsafeMutablePointer<shmap>?, _ block: UnsafeMutableRawPointer?, _ size: Int
) -> UnsafeMutableRawPointer? {
  guard size != 0 else {
    unsafe shmap_free(handle, block)
    return nil
  }
  return unsafe result(handle, nil) { session throws(PoolError) in
    guard UInt(bitPattern: block) <= UInt(UInt32.max) else { throw .notAllocated }
    return unsafe pointer(try session.reallocate(try offset(block), size))
  }
}

@c @implementation
public func shmap_strdup(_ handle: UnsafeMutablePointer<shmap>?, _ string: UnsafePointer<CChar>?)
  -> UnsafeMutablePointer<CChar>?
{
  guard let string = unsafe string else {
    shm_set_errno(EINVAL)
    return nil
  }
  return unsafe result(handle, nil) { session throws(PoolError) in
    let length = unsafe Int(strlen(string)) + 1
    let block = try session.allocate(length)
    unsafe _ = memcpy(try session.address(block, length), string, length)
    return unsafe pointer(block)?.assumingMemoryBound(to: CChar.self)
  }
}

@c @implementation
public func shmap_check(_ handle: UnsafeMutablePointer<shmap>?, _ stat: UnsafeMutablePointer<shmap_stat>?) -> Int32 {
  unsafe status(handle) { session throws(PoolError) in
    let report = try session.checkHeap()
    if let stat = unsafe stat {
      unsafe stat.pointee = shmap_stat(
        pool_bytes: UInt64(try session.usage().size), used_bytes: UInt64(report.usedBytes),
        used_blocks: UInt64(report.usedBlocks), free_blocks: UInt64(report.freeBlocks),
        largest_free_block: UInt64(report.largestFreeBlock))
    }
    guard report.isSound else { throw .damaged }
  }
}
