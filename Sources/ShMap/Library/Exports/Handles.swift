// What the C functions have in common: a session from a pool's handle, offsets from pointers, and errors as errno.

import CShMap
import CSystem
import ShMap

/// C's `struct shmap *` and a shared pointer.
typealias Handle = UnsafeMutablePointer<shmap>
typealias Shared = UnsafeMutableRawPointer

/// The calling thread's session in a pool that it has locked.
@inline(never)
func session(_ handle: UnsafePointer<shmap>?) -> Session? {
  guard let handle = unsafe handle, let attachment = unsafe handle.pointee.attachment else { return nil }
  return unsafe Session(Unmanaged<Attachment>.fromOpaque(attachment)._withUnsafeGuaranteedRef { $0 })
}

/// A shared pointer's offset. Throws `damaged` for what cannot be one.
@inline(never)
func offset(_ pointer: UnsafeRawPointer?) throws(PoolError) -> UInt32 {
  let value = UInt(bitPattern: pointer)
  guard value <= UInt(UInt32.max) else { throw .damaged }
  return UInt32(value)
}

@inline(__always)
func offset(_ pointer: OpaquePointer?) throws(PoolError) -> UInt32 {
  try unsafe offset(UnsafeRawPointer(pointer))
}

@inline(__always)
func pointer(_ offset: UInt32) -> Shared? { unsafe Shared(bitPattern: UInt(offset)) }

/// Runs `body` in the pool and gives 0 or -errno.
@inline(__always)
func status(_ handle: UnsafePointer<shmap>?, _ body: (inout Session) throws(PoolError) -> Void) -> Int32 {
  guard var session = unsafe session(handle) else { return -EINVAL }
  do throws(PoolError) {
    try body(&session)
    return 0
  } catch { return -errno(error) }
}

/// The same for locks.
@inline(__always)
func taking(_ handle: UnsafePointer<shmap>?, _ body: (inout Session) throws(PoolError) -> Acquisition) -> Int32 {
  guard var session = unsafe session(handle) else { return -EINVAL }
  do throws(PoolError) { return try body(&session) == .clean ? 0 : -EOWNERDEAD } catch { return -errno(error) }
}

/// Runs `body` in the pool and gives what it gives; `otherwise` and errno when it throws.
@inline(__always)
func result<Result>(
  _ handle: UnsafePointer<shmap>?, _ otherwise: Result, _ body: (inout Session) throws(PoolError) -> Result
) -> Result {
  guard var session = unsafe session(handle) else {
    shm_set_errno(EINVAL)
    return otherwise
  }
  do throws(PoolError) { return try body(&session) } catch {
    shm_set_errno(errno(error))
    return otherwise
  }
}

@inline(never)
func errno(_ error: PoolError) -> Int32 {
  switch error {
  case .system(let code): code
  case .notAPool: EMEDIUMTYPE
  case .wrongVersion: EPROTONOSUPPORT
  case .wrongContents: EPROTOTYPE
  case .tooShort: ENODATA
  case .otherNamespace: EXDEV
  case .damaged: EUCLEAN
  case .untrusted, .notHolder: EPERM
  case .inUse: EBUSY
  case .full: ENOMEM
  case .stale, .tooManyReaders: EAGAIN
  case .deadlock: EDEADLK
  case .notAllocated, .badName, .outOfRange: EINVAL
  }
}
