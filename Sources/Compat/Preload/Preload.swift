// The preload library: calls that an unmodified program makes to the mapper through libsystemd are answered out of the mapper's
// shared memory. The exported functions are in CPreload; they come here with each call and go on to libsystemd with PRELOAD_PASS.
//
// What it promises:
// - The answer is the one that D-Bus would have given, in the same shape: a sealed reply with sender, cookie and signature,
//   the same errno, the same sd_bus_error. Never an older one (docs/consistency.md), unless SHMAPPER_PRELOAD=fast allows it.
// - All that is not a call to the mapper, or cannot be answered at this moment, goes where it always went.
// - No lock is held while the caller's code runs.
//
//     SHMAPPER_PRELOAD=off|fast|exact     exact when it is not set
//     SHMAPPER_PRELOAD_STATS=1            at exit, one line on standard error: how many calls were answered here, and why
//                                         others were not

import CLibSystemd
import CPreload
import CSystem
import Database
import MapperClient

enum Setting {
  /// What the environment says, read once. A privileged process ignores it.
  static let mode: Client.Mode? = {
    guard let value = unsafe shm_secure_getenv("SHMAPPER_PRELOAD") else { return .exact }
    let word = unsafe ByteString(cString: value)
    if word == "off" { return nil }
    return word == "fast" ? .fast : .exact
  }()

  static var isOn: Bool { mode != nil && !preload_is_forked() }
}

/// A glance at the destination, for calls that are not written yet.
@c(preload_is_mapper)
public func preload_is_mapper(_ destination: UnsafePointer<CChar>?) -> Bool {
  guard let destination = unsafe destination else { return false }
  return unsafe strcmp(destination, "xyz.openbmc_project.ObjectMapper") == 0
}

// MARK: Calls

@c(preload_call)
public func preload_call(
  _ bus: OpaquePointer?, _ message: OpaquePointer?, _ timeout: UInt64, _ error: UnsafeMutablePointer<sd_bus_error>?,
  _ reply: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  guard let message = unsafe message, let bus = unsafe bus ?? sd_bus_message_get_bus(message), Setting.isOn else {
    return PRELOAD_PASS
  }
  guard let call = unsafe MapperCall(message) else {
    // Its reply may tell of something new: whatever is asked next must not be older.
    guard let client = unsafe BusStates.known(bus)?.client else { return PRELOAD_PASS }
    let result = unsafe preload_real_call(bus, message, timeout, error, reply)
    client.note()
    return result
  }
  guard let state = unsafe state(of: bus, for: call), let client = state.client else { return PRELOAD_PASS }
  state.hearCurrentMessage()
  guard client.mayAskPool else { return unsafe ask(call, bus, timeout, error, reply, state, client) }
  guard call.seal() else { return PRELOAD_PASS }
  let builder = ReplyBuilder(to: call, from: state)
  switch call.ask(client) {
  case .unavailable:
    guard let copy = unsafe call.unsealedCopy(bus) else { return -ENOMEM }
    defer { unsafe sd_bus_message_unref(copy) }
    return unsafe ask(call, copy: copy, bus, timeout, error, reply, state, client)
  case .notFound: return unsafe deliver(builder.notFound(), error, reply)
  case .found(let answer): return unsafe deliver(builder.reply(with: answer), error, reply)
  }
}

/// Makes the call over D-Bus and learns from its success; from its failure, when the mapper is dead, that its last state is
/// all there is.
private func ask(
  _ call: borrowing MapperCall, copy: OpaquePointer? = nil, _ bus: OpaquePointer, _ timeout: UInt64,
  _ error: UnsafeMutablePointer<sd_bus_error>?, _ reply: UnsafeMutablePointer<OpaquePointer?>?, _ state: BusState,
  _ client: Client
) -> Int32 {
  Statistics.count(.behind)
  let start = shm_now_us()
  let result = unsafe preload_real_call(bus, copy ?? call.message, timeout, error, reply)
  let isAnswered = result >= 0 || result == -EIO
  if isAnswered {
    client.noteAnswered(callMadeAt: start)
    return result
  }
  guard client.isDaemonAlive == false, call.rewind() else { return result }
  let builder = ReplyBuilder(to: call, from: state)
  switch call.askLastState(client) {
  case .unavailable: return result
  case .notFound:
    unsafe sd_bus_error_free(error)
    return unsafe deliver(builder.notFound(), error, reply)
  case .found(let answer):
    unsafe sd_bus_error_free(error)
    return unsafe deliver(builder.reply(with: answer), error, reply)
  }
}

/// Hands a sealed reply out as sd_bus_call does: an error reply becomes an errno.
private func deliver(
  _ message: OpaquePointer?, _ error: UnsafeMutablePointer<sd_bus_error>?,
  _ reply: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  guard let message = unsafe message else { return -ENOMEM }
  Statistics.count(.synchronous)
  if let failure = unsafe sd_bus_message_get_error(message), unsafe sd_bus_message_is_method_error(message, nil) > 0 {
    let result = unsafe sd_bus_error_get_errno(failure)
    unsafe _ = sd_bus_error_copy(error, failure)
    unsafe sd_bus_message_unref(message)
    return -result
  }
  if let reply = unsafe reply { unsafe reply.pointee = message } else { unsafe sd_bus_message_unref(message) }
  return 1
}

@c(preload_call_async)
public func preload_call_async(
  _ bus: OpaquePointer?, _ hasSlot: Bool, _ message: OpaquePointer?, _ callback: sd_bus_message_handler_t?,
  _ userdata: UnsafeMutableRawPointer?, _ timeout: UInt64
) -> Int32 {
  guard let message = unsafe message, let bus = unsafe bus ?? sd_bus_message_get_bus(message), Setting.isOn,
    let call = unsafe MapperCall(message)
  else { return PRELOAD_PASS }
  // Whoever holds the slot of a call can cancel it, and expects sd-bus to know of it.
  guard !hasSlot, let callback = unsafe callback else {
    Statistics.count(.slot)
    return PRELOAD_PASS
  }
  guard let state = unsafe state(of: bus, for: call), let client = state.client else { return PRELOAD_PASS }
  state.hearCurrentMessage()
  guard client.mayAskPool else {
    Statistics.count(.behind)
    return PRELOAD_PASS
  }
  guard call.seal() else { return PRELOAD_PASS }
  let builder = ReplyBuilder(to: call, from: state)
  let reply: OpaquePointer?
  switch call.ask(client) {
  case .unavailable:
    Statistics.count(.behind)
    guard let copy = unsafe call.unsealedCopy(bus) else { return -ENOMEM }
    defer { unsafe sd_bus_message_unref(copy) }
    return unsafe preload_real_call_async(bus, nil, copy, callback, userdata, timeout)
  case .notFound: unsafe reply = builder.notFound()
  case .found(let answer): unsafe reply = builder.reply(with: answer)
  }
  guard let reply = unsafe reply else { return -ENOMEM }
  defer { unsafe _ = sd_bus_message_unref(reply) }
  let result = unsafe state.enqueue(reply, callback, userdata)
  if result >= 0 { Statistics.count(.asynchronous) }
  return result
}

/// What is known of the bus, when a call on it could be answered here at all.
private func state(of bus: OpaquePointer, for call: borrowing MapperCall) -> BusState? {
  guard call.isRight else {
    Statistics.count(.wrongCall)
    return nil
  }
  guard unsafe sd_bus_is_ready(bus) > 0 else {
    Statistics.count(.notReady)
    return nil
  }
  guard let state = unsafe BusStates.state(of: bus), let client = state.readyClient(), client.isDaemonAlive != nil
  else {
    Statistics.count(.noPool)
    return nil
  }
  state.learnMapperName()
  return state
}
