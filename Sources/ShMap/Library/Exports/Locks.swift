// shmap.h: the locks that applications put into a pool.

import CShMap
import CSystem
import ShMap

@c @implementation
public func shmap_mutex_init(_ handle: UnsafeMutablePointer<shmap>?, _ mutex: UnsafeMutablePointer<shmap_mutex>?)
  -> Int32
{
  unsafe clear(handle, mutex, MemoryLayout<shmap_mutex>.size)
}

@c @implementation
public func shmap_mutex_lock(_ handle: UnsafeMutablePointer<shmap>?, _ mutex: UnsafeMutablePointer<shmap_mutex>?)
  -> Int32
{
  if unsafe shm_mutex_take(attachment(handle), UInt(bitPattern: mutex)) { return 0 }
  return unsafe lock(handle, mutex)
}

@c @implementation
public func shmap_mutex_unlock(_ handle: UnsafeMutablePointer<shmap>?, _ mutex: UnsafeMutablePointer<shmap_mutex>?)
  -> Int32
{
  if unsafe shm_mutex_give(attachment(handle), UInt(bitPattern: mutex)) == 0 { return 0 }
  return unsafe unlock(handle, mutex)
}

@c @implementation
public func shmap_mutex_destroy(_ handle: UnsafeMutablePointer<shmap>?, _ mutex: UnsafeMutablePointer<shmap_mutex>?)
  -> Int32
{
  unsafe destroyLock(handle, mutex)
}

@c @implementation
public func shmap_cond_init(_ handle: UnsafeMutablePointer<shmap>?, _ condition: UnsafeMutablePointer<shmap_cond>?)
  -> Int32
{
  unsafe clear(handle, condition, MemoryLayout<shmap_cond>.size)
}

@c @implementation
public func shmap_cond_signal(_ handle: UnsafeMutablePointer<shmap>?, _ condition: UnsafeMutablePointer<shmap_cond>?)
  -> Int32
{
  unsafe status(handle) { session throws(PoolError) in try unsafe session.signal(try offset(condition)) }
}

@c @implementation
public func shmap_cond_broadcast(
  _ handle: UnsafeMutablePointer<shmap>?, _ condition: UnsafeMutablePointer<shmap_cond>?
) -> Int32 {
  unsafe status(handle) { session throws(PoolError) in try unsafe session.broadcast(try offset(condition)) }
}

@c @implementation
public func shmap_cond_wait(
  _ handle: UnsafeMutablePointer<shmap>?, _ condition: UnsafeMutablePointer<shmap_cond>?,
  _ mutex: UnsafeMutablePointer<shmap_mutex>?
) -> Int32 {
  unsafe taking(handle) { session throws(PoolError) in try unsafe session.wait(try offset(condition), try offset(mutex))
  }
}

@c @implementation
public func shmap_cond_destroy(_ handle: UnsafeMutablePointer<shmap>?, _ condition: UnsafeMutablePointer<shmap_cond>?)
  -> Int32
{
  unsafe status(handle) { session throws(PoolError) in try unsafe session.broadcast(try offset(condition)) }
}

@c @implementation
public func shmap_rwlock_init(_ handle: UnsafeMutablePointer<shmap>?, _ lock: UnsafeMutablePointer<shmap_rwlock>?)
  -> Int32
{
  unsafe clear(handle, lock, MemoryLayout<shmap_rwlock>.size)
}

@c @implementation
public func shmap_rwlock_rdlock(_ handle: UnsafeMutablePointer<shmap>?, _ lock: UnsafeMutablePointer<shmap_rwlock>?)
  -> Int32
{
  unsafe taking(handle) { session throws(PoolError) in try unsafe session.lockShared(try offset(lock)) }
}

@c @implementation
public func shmap_rwlock_wrlock(_ handle: UnsafeMutablePointer<shmap>?, _ lock: UnsafeMutablePointer<shmap_rwlock>?)
  -> Int32
{
  unsafe taking(handle) { session throws(PoolError) in try unsafe session.lockExclusive(try offset(lock)) }
}

@c @implementation
public func shmap_rwlock_unlock(_ handle: UnsafeMutablePointer<shmap>?, _ lock: UnsafeMutablePointer<shmap_rwlock>?)
  -> Int32
{
  unsafe status(handle) { session throws(PoolError) in try unsafe session.unlockShared(try offset(lock)) }
}

@c @implementation
public func shmap_rwlock_destroy(_ handle: UnsafeMutablePointer<shmap>?, _ lock: UnsafeMutablePointer<shmap_rwlock>?)
  -> Int32
{
  unsafe destroyLock(handle, lock)
}

/// What a pool's handle is to CSystem, which takes and gives a free mutex by itself.
@inline(__always)
private func attachment(_ handle: Handle?) -> UnsafePointer<shm_attachment>? {
  unsafe UnsafeRawPointer(handle)?.assumingMemoryBound(to: shm_attachment.self)
}

// The long ways are functions of their own, so that the short ones need no stack.

@inline(never)
private func lock(_ handle: Handle?, _ mutex: UnsafeRawPointer?) -> Int32 {
  unsafe taking(handle) { session throws(PoolError) in try unsafe session.lockMutex(try offset(mutex)) }
}

@inline(never)
private func unlock(_ handle: Handle?, _ mutex: UnsafeRawPointer?) -> Int32 {
  unsafe status(handle) { session throws(PoolError) in try unsafe session.unlockMutex(try offset(mutex)) }
}

private func clear(_ handle: Handle?, _ lock: UnsafeMutableRawPointer?, _ bytes: Int) -> Int32 {
  unsafe status(handle) { session throws(PoolError) in
    unsafe _ = memset(try session.address(try offset(lock), bytes), 0, bytes)
  }
}

private func destroyLock(_ handle: Handle?, _ lock: UnsafeMutableRawPointer?) -> Int32 {
  unsafe status(handle) { session throws(PoolError) in
    guard try unsafe !session.isLocked(try offset(lock)) else { throw .inUse }
  }
}
