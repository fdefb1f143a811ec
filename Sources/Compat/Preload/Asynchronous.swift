// Calls whose answer comes later, by a callback. It runs out of the connection's own processing, never before the call returns, and
// the answers come in the order of the calls.
//
// A call with a slot is not answered here: whoever holds the slot can cancel the call, ask for its userdata and change it, and
// all of that is libsystemd's. (sdbusplus and boost.asio make their calls without a slot.)

import CLibSystemd
import CPreload
import CSystem
import MapperClient

@c(preload_call_async)
public func preload_call_async(
  _ bus: OpaquePointer?, _ hasSlot: Bool, _ message: OpaquePointer?, _ callback: sd_bus_message_handler_t?,
  _ userdata: UnsafeMutableRawPointer?, _ timeout: UInt64
) -> Int32 {
  guard let message = unsafe message, Setting.isOn, let bus = unsafe connection(bus, message) else {
    return PRELOAD_PASS
  }
  guard let call = unsafe MapperCall(message) else {
    unsafe BusStates.hasOtherCalls = true
    return PRELOAD_PASS
  }
  guard !hasSlot, let callback = unsafe callback, call.expectsReply else {
    Statistics.count(.slot)
    return PRELOAD_PASS
  }
  guard let method = call.method, let state = unsafe state(of: bus, for: call) else {
    return unsafe pass(call, bus, callback, userdata, timeout)
  }
  guard state.callsUnderway == 0 else {
    Statistics.count(.behind)
    return unsafe pass(call, bus, callback, userdata, timeout)
  }
  guard call.seal() else { return unsafe pass(call, bus, callback, userdata, timeout) }
  let builder = unsafe ReplyBuilder(to: call.message, of: method, from: state)
  let reply: OpaquePointer?
  switch call.ask(state) {
  case .unavailable:
    Statistics.count(.behind)
    return unsafe pass(call, bus, callback, userdata, timeout)
  case .notFound: unsafe reply = builder.notFound()
  case .found: unsafe reply = builder.answer()
  }
  guard let reply = unsafe reply else {
    Statistics.count(.behind)
    return unsafe pass(call, bus, callback, userdata, timeout)
  }
  defer { unsafe _ = sd_bus_message_unref(reply) }
  guard unsafe state.enqueue(reply, callback, userdata) else {
    // The queue is full, or the connection is about to end.
    Statistics.count(.behind)
    return unsafe pass(call, bus, callback, userdata, timeout)
  }
  Statistics.count(.asynchronous)
  return 1
}

/// A call that went over D-Bus, until its callback has run or nobody can run it any more.
@safe private final class Underway {
  private let state: BusState
  private let callback: sd_bus_message_handler_t
  private let userdata: UnsafeMutableRawPointer?
  private let start = shm_now_us()
  private let sent: UInt64
  private var isOver = false

  init(_ state: BusState, _ callback: @escaping sd_bus_message_handler_t, _ userdata: UnsafeMutableRawPointer?) {
    self.state = state
    unsafe self.callback = callback
    unsafe self.userdata = userdata
    sent = state.client?.sentSoFar ?? 0
    state.callsUnderway += 1
  }

  deinit { end() }

  private func end() {
    if !isOver { state.callsUnderway -= 1 }
    isOver = true
  }

  /// The mapper's reply, an error from elsewhere, or a time-out.
  func answer(_ message: OpaquePointer, _ error: UnsafeMutablePointer<sd_bus_error>?) -> Int32 {
    end()
    let failure = unsafe sd_bus_message_get_error(message)
    let isFailure = unsafe sd_bus_message_is_method_error(message, nil) > 0
    if unsafe !isFailure || sd_bus_error_get_errno(failure) == EIO {
      state.client?.noteAnswered(callMadeAt: start, after: sent)
    }
    return unsafe callback(message, userdata, error)
  }
}

/// Makes the call over D-Bus.
private func pass(
  _ call: borrowing MapperCall, _ bus: OpaquePointer, _ callback: @escaping sd_bus_message_handler_t,
  _ userdata: UnsafeMutableRawPointer?, _ timeout: UInt64
) -> Int32 {
  var copy: OpaquePointer?
  if call.isSealedHere {
    unsafe copy = unsafe call.unsealedCopy(bus)
    guard unsafe copy != nil else { return -ENOMEM }
  }
  defer { unsafe _ = sd_bus_message_unref(copy) }
  guard let state = unsafe BusStates.state(of: bus) else {
    return unsafe preload_real_call_async(bus, nil, copy ?? call.message, callback, userdata, timeout)
  }
  let underway = unsafe Underway(state, callback, userdata)
  let me = unsafe Unmanaged.passRetained(underway).toOpaque()
  var slot: OpaquePointer?
  let result = unsafe preload_real_call_async(
    bus, &slot, copy ?? call.message,
    { message, me, error in
      unsafe Unmanaged<Underway>.fromOpaque(me!).takeUnretainedValue().answer(message!, error)
    }, me, timeout)
  guard result >= 0, let slot = unsafe slot else {
    unsafe Unmanaged<Underway>.fromOpaque(me).release()
    return result
  }
  unsafe _ = sd_bus_slot_set_destroy_callback(slot) { me in unsafe Unmanaged<Underway>.fromOpaque(me!).release() }
  unsafe _ = sd_bus_slot_set_floating(slot, 1)
  unsafe _ = sd_bus_slot_unref(slot)
  return result
}
