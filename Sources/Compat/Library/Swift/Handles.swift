// What the C functions of shmapper.h hand out: a client, an answer. Each is a reference that the caller owns until it gives it
// back.

import CShmapper
import CSystem
import Database
import MapperClient

/// An answer and how far the caller has walked through it.
final class AnswerHandle {
  let answer = PackedAnswer()
  var place = 0
}

@unsafe func client(_ mapper: OpaquePointer?) -> Client? {
  guard let mapper = unsafe mapper else { return nil }
  return unsafe Unmanaged<Client>.fromOpaque(UnsafeRawPointer(mapper)).takeUnretainedValue()
}

@unsafe func handle(_ answer: OpaquePointer?) -> AnswerHandle? {
  guard let answer = unsafe answer else { return nil }
  return unsafe Unmanaged<AnswerHandle>.fromOpaque(UnsafeRawPointer(answer)).takeUnretainedValue()
}

// MARK: - Attaching

@c @implementation
public func shmapper_attach(
  _ bus: OpaquePointer?, _ flags: UInt32, _ ret: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  let known = SHMAPPER_FAST | SHMAPPER_POOL_ONLY | SHMAPPER_BUS_ONLY | SHMAPPER_QUIET
  let exclusive = UInt32(SHMAPPER_POOL_ONLY | SHMAPPER_BUS_ONLY)
  guard let ret = unsafe ret, flags & ~UInt32(known) == 0, flags & exclusive != exclusive else { return -EINVAL }
  var options = Client.Options()
  if flags & UInt32(SHMAPPER_FAST) != 0 { options.mode = .fast }
  if flags & UInt32(SHMAPPER_POOL_ONLY) != 0 { options.source = .pool }
  if flags & UInt32(SHMAPPER_BUS_ONLY) != 0 { options.source = .bus }
  options.isQuiet = flags & UInt32(SHMAPPER_QUIET) != 0
  unsafe ret.pointee = OpaquePointer(Unmanaged.passRetained(Client(bus: bus, options: options)).toOpaque())
  return 0
}

@c @implementation
public func shmapper_detach(_ mapper: OpaquePointer?) -> OpaquePointer? {
  if let mapper = unsafe mapper { unsafe Unmanaged<Client>.fromOpaque(UnsafeRawPointer(mapper)).release() }
  return nil
}

@c @implementation
public func shmapper_note(_ mapper: OpaquePointer?) { unsafe client(mapper)?.note() }

@c @implementation
public func shmapper_note_sent(_ mapper: OpaquePointer?) { unsafe client(mapper)?.noteSent() }

// MARK: - Answers

@c @implementation
public func shmapper_answer_new() -> OpaquePointer? {
  unsafe OpaquePointer(Unmanaged.passRetained(AnswerHandle()).toOpaque())
}

@c @implementation
public func shmapper_answer_free(_ answer: OpaquePointer?) -> OpaquePointer? {
  if let answer = unsafe answer { unsafe Unmanaged<AnswerHandle>.fromOpaque(UnsafeRawPointer(answer)).release() }
  return nil
}

@c @implementation
public func shmapper_collect(
  _ answer: UnsafeMutableRawPointer?, _ kind: shmapper_kind, _ text: UnsafePointer<CChar>?, _ length: Int
) -> Int32 {
  guard let answer = unsafe answer else { return -EINVAL }
  let handle = unsafe Unmanaged<AnswerHandle>.fromOpaque(answer).takeUnretainedValue()
  guard let kind = PackedAnswer.Kind(rawValue: kind.rawValue), let text = unsafe text else {
    handle.answer.removeAll()
    handle.place = 0
    return 0
  }
  let bytes = unsafe UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self)
  unsafe handle.answer.append(kind, Span(_unsafeStart: bytes, count: length))
  return 0
}

@c @implementation
public func shmapper_answer_next(_ answer: OpaquePointer?, _ ret: UnsafeMutablePointer<shmapper_item>?) -> Int32 {
  guard let handle = unsafe handle(answer), let ret = unsafe ret else { return 0 }
  guard let (kind, text, length) = unsafe handle.answer.record(at: &handle.place) else { return 0 }
  unsafe ret.pointee = shmapper_item(kind: shmapper_kind(kind.rawValue), text: text, length: length)
  return 1
}

@c @implementation
public func shmapper_answer_rewind(_ answer: OpaquePointer?) { unsafe handle(answer)?.place = 0 }

// MARK: - Changes

@c @implementation
public func shmapper_generation(_ mapper: OpaquePointer?) -> UInt64 { unsafe client(mapper)?.generation ?? 0 }

@c @implementation
public func shmapper_wait(_ mapper: OpaquePointer?, _ seen: UInt64, _ timeout: UInt64) -> Int32 {
  guard let client = unsafe client(mapper) else { return -EINVAL }
  switch client.waitForChange(since: seen, timeout: timeout == .max ? nil : timeout) {
  case .changed: return 1
  case .timedOut: return 0
  case .noPool: return -ENODATA
  }
}

@c @implementation
public func shmapper_daemon_alive(_ mapper: OpaquePointer?) -> Int32 {
  guard let client = unsafe client(mapper) else { return -EINVAL }
  guard let isAlive = client.isDaemonAlive else { return -ENODATA }
  return isAlive ? 1 : 0
}

@c @implementation
public func shmapper_get_statistics(
  _ mapper: OpaquePointer?, _ ret: UnsafeMutablePointer<shmapper_statistics>?, _ size: Int
) -> Int32 {
  guard let counts = unsafe client(mapper)?.statistics, let ret = unsafe ret else { return -EINVAL }
  var all = shmapper_statistics(
    in_process: counts.inProcess, over_bus: counts.overBus, from_last_state: counts.fromLastState,
    restarts: counts.restarts, pools: counts.pools)
  unsafe _ = memcpy(ret, &all, min(size, MemoryLayout<shmapper_statistics>.size))
  return 0
}
