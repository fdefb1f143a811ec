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
  /// What the environment says, read once; nil: off, as it also is with a libsystemd that lacks something. A privileged process
  /// ignores the environment.
  static let mode: Client.Mode? = {
    guard preload_has_systemd() else { return nil }
    guard let value = unsafe shm_secure_getenv(StaticString("SHMAPPER_PRELOAD").cString) else { return .exact }
    let word = unsafe ByteString(cString: value)
    if word == "off" { return nil }
    return word == "fast" ? .fast : .exact
  }()

  static var isOn: Bool { !preload_is_forked() && mode != nil }
}

/// A glance at the destination, for calls that are not written yet.
@c(preload_is_mapper)
public func preload_is_mapper(_ destination: UnsafePointer<CChar>?) -> Bool {
  guard let destination = unsafe destination else { return false }
  return unsafe strcmp(destination, "xyz.openbmc_project.ObjectMapper") == 0
}

/// The connection that a call is made on: one of the small numbers that stand for default connections, or none, mean that of the
/// message.
func connection(_ bus: OpaquePointer?, _ message: OpaquePointer) -> OpaquePointer? {
  if let bus = unsafe bus, unsafe isConnection(bus) { return unsafe bus }
  return unsafe sd_bus_message_get_bus(message)
}

/// What is known of the bus, when a call on it could be answered here at all.
func state(of bus: OpaquePointer, for call: borrowing MapperCall) -> BusState? {
  guard call.isRight else {
    Statistics.count(.wrongCall)
    return nil
  }
  guard unsafe sd_bus_is_ready(bus) > 0 else {
    Statistics.count(.notReady)
    return nil
  }
  guard let state = unsafe BusStates.state(of: bus), let client = state.readyClient() else {
    Statistics.count(.noPool)
    return nil
  }
  unsafe BusStates.hearOther(than: bus)
  state.hearCurrentMessage()
  // Also looks for a pool when there is none, or a better one.
  let mayAsk = client.mayAskPool
  guard let isAlive = client.isDaemonAlive else {
    Statistics.count(.noPool)
    return nil
  }
  // Nobody stands behind the pool: the bus may start a mapper.
  guard mayAsk, isAlive else {
    Statistics.count(.behind)
    return nil
  }
  state.learnMapperName()
  return state
}

// MARK: Synchronous calls

@c(preload_call)
public func preload_call(
  _ bus: OpaquePointer?, _ message: OpaquePointer?, _ timeout: UInt64, _ error: UnsafeMutablePointer<sd_bus_error>?,
  _ reply: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  guard let message = unsafe message, Setting.isOn, let bus = unsafe connection(bus, message) else {
    return PRELOAD_PASS
  }
  guard let call = unsafe MapperCall(message) else {
    // Its reply may tell of something new: whatever is asked next must not be older.
    let result = unsafe preload_real_call(bus, message, timeout, error, reply)
    BusStates.noteHeard()
    return result
  }
  guard unsafe sd_bus_error_is_set(error) <= 0, let state = unsafe state(of: bus, for: call), let method = call.method
  else { return unsafe pass(call, bus, timeout, error, reply) }
  guard unsafe hasSentAll(bus), call.seal() else {
    Statistics.count(.behind)
    return unsafe pass(call, bus, timeout, error, reply)
  }
  let builder = unsafe ReplyBuilder(to: call.message, of: method, from: state)
  switch call.ask(state) {
  case .unavailable:
    Statistics.count(.behind)
    return unsafe pass(call, bus, timeout, error, reply)
  case .notFound: return unsafe deliver(builder.notFound(), error, reply)
  case .found:
    guard let answer = unsafe builder.answer() else {
      Statistics.count(.behind)
      return unsafe pass(call, bus, timeout, error, reply)
    }
    return unsafe deliver(answer, error, reply)
  }
}

/// A call that is not written yet, on a connection that is known: in the normal case it need not be. PRELOAD_PASS: write it.
@c(preload_call_method)
public func preload_call_method(
  _ bus: OpaquePointer?, _ path: UnsafePointer<CChar>?, _ interface: UnsafePointer<CChar>?,
  _ member: UnsafePointer<CChar>?, _ signature: UnsafePointer<CChar>?,
  _ arguments: UnsafePointer<preload_arguments>?, _ error: UnsafeMutablePointer<sd_bus_error>?,
  _ reply: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  guard Setting.isOn, let bus = unsafe bus, unsafe isConnection(bus), let path = unsafe path,
    let interface = unsafe interface, let member = unsafe member, let signature = unsafe signature,
    let arguments = unsafe arguments, unsafe sd_bus_error_is_set(error) <= 0,
    let method = unsafe MapperMethod(path: path, interface: interface, member: member, signature: signature),
    unsafe sd_bus_is_ready(bus) > 0, let state = unsafe BusStates.known(bus), let client = state.client
  else { return PRELOAD_PASS }
  unsafe BusStates.hearOther(than: bus)
  state.hearCurrentMessage()
  guard client.isDaemonAlive == true, unsafe hasSentAll(bus) else { return PRELOAD_PASS }
  let answer = unsafe method.ask(path, arguments.pointee) { question in client.askPool(question, &state.answer) }
  if case .unavailable = answer { return PRELOAD_PASS }
  state.learnMapperName()
  // What the reply is a reply to: nobody sees more of it than its number.
  var call: OpaquePointer?
  defer { unsafe _ = sd_bus_message_unref(call) }
  guard unsafe sd_bus_message_new(bus, &call, UInt8(SD_BUS_MESSAGE_METHOD_CALL)) >= 0, let call = unsafe call,
    unsafe sd_bus_message_seal(call, MapperCall.cookies.next(), 0) >= 0
  else { return PRELOAD_PASS }
  let builder = unsafe ReplyBuilder(to: call, of: method, from: state)
  if case .notFound = answer { return unsafe deliver(builder.notFound(), error, reply) }
  guard let made = unsafe builder.answer() else { return PRELOAD_PASS }
  return unsafe deliver(made, error, reply)
}

/// Whether nothing waits to be written to the socket: a call over D-Bus would take it along.
private func hasSentAll(_ bus: OpaquePointer) -> Bool {
  var count: UInt64 = 0
  return unsafe sd_bus_get_n_queued_write(bus, &count) >= 0 && count == 0
}

/// Makes the call over D-Bus and learns from its success; from its failure, when the mapper is dead, that its last state is
/// all there is.
private func pass(
  _ call: borrowing MapperCall, _ bus: OpaquePointer, _ timeout: UInt64, _ error: UnsafeMutablePointer<sd_bus_error>?,
  _ reply: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  var copy: OpaquePointer?
  if call.isSealedHere {
    unsafe copy = unsafe call.unsealedCopy(bus)
    guard unsafe copy != nil else { return -ENOMEM }
  }
  defer { unsafe _ = sd_bus_message_unref(copy) }
  let state = unsafe BusStates.known(bus)
  let start = shm_now_us()
  let sent = state?.client?.sentSoFar ?? 0
  let result = unsafe preload_real_call(bus, copy ?? call.message, timeout, error, reply)
  guard let state, let client = state.client else { return result }
  if result >= 0 || result == -EIO {
    client.noteAnswered(callMadeAt: start, after: sent)
    return result
  }
  guard isSilence(result), call.isRight, client.isDaemonAlive == false, call.rewind() else { return result }
  state.learnMapperName()
  guard let method = call.method else { return result }
  let builder = unsafe ReplyBuilder(to: call.message, of: method, from: state)
  let last: OpaquePointer?
  switch call.askLastState(state) {
  case .unavailable: return result
  case .notFound: unsafe last = builder.notFound()
  case .found: unsafe last = builder.answer()
  }
  guard unsafe last != nil else { return result }
  unsafe sd_bus_error_free(error)
  return unsafe deliver(last, error, reply)
}

/// Whether a call has failed since nobody answered.
private func isSilence(_ result: Int32) -> Bool {
  switch -result {
  // ServiceUnknown, NameHasNoOwner, NoReply and time-outs.
  case EHOSTUNREACH, ENXIO, ETIMEDOUT: return true
  default: return false
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
    unsafe _ = sd_bus_message_unref(message)
    return -result
  }
  if let reply = unsafe reply { unsafe reply.pointee = message } else { unsafe _ = sd_bus_message_unref(message) }
  return 1
}
