// All connections that have been used for a call to the mapper, or whose descriptor was asked for, and what the exported
// functions tell of them.
//
// The list is shared by all threads and locked. No lock is held while anybody else's code runs.

import CLibSystemd
import CPreload
import CSystem
import MapperClient

enum BusStates {
  nonisolated(unsafe) private static var states: [BusState] = []
  /// Asynchronous calls to others than the mapper have been made in this process. Never false again.
  nonisolated(unsafe) static var hasOtherCalls = false

  /// The state of a connection that is known.
  @unsafe static func known(_ bus: OpaquePointer) -> BusState? {
    preload_lock()
    defer { preload_unlock() }
    for state in unsafe states where unsafe state.isOf(bus) { return state }
    return nil
  }

  /// The state of a connection, made if need be; nil when it cannot be.
  @unsafe static func state(of bus: OpaquePointer) -> BusState? {
    if let state = unsafe known(bus) { return state }
    guard let state = unsafe BusState(bus) else { return nil }
    preload_lock()
    defer { preload_unlock() }
    unsafe states.append(state)
    return state
  }

  /// The connection has gone.
  static func forget(_ state: BusState) {
    var gone: BusState?
    preload_lock()
    if let index = unsafe states.firstIndex(where: { $0 === state }) { gone = unsafe states.remove(at: index) }
    preload_unlock()
    _ = consume gone
  }

  /// Something was heard on one connection: what is asked on any must not be older, as the bus has one order for all.
  static func noteHeard() {
    preload_lock()
    defer { preload_unlock() }
    for state in unsafe states { state.client?.note() }
  }

  /// The same for what is being handled on another connection of this thread.
  static func hearOther(than bus: OpaquePointer) {
    guard let other = unsafe preload_in_process(), unsafe other != bus else { return }
    if let state = unsafe known(other) { state.hearCurrentMessage() } else { noteHeard() }
  }
}

/// Whether this is a connection and not one of the small numbers that stand for a thread's default connections.
@unsafe func isConnection(_ bus: OpaquePointer) -> Bool { UInt(bitPattern: bus) > 15 }

@c(preload_sent)
public func preload_sent(_ bus: OpaquePointer?) {
  if let bus = unsafe bus, Setting.isOn { unsafe BusStates.known(bus)?.client?.noteSent() }
}

@c(preload_heard)
public func preload_heard() {
  if Setting.isOn { BusStates.noteHeard() }
}

@c(preload_calls_other)
public func preload_calls_other() { unsafe BusStates.hasOtherCalls = true }

@c(preload_filter_added)
public func preload_filter_added(_ bus: OpaquePointer?) {
  if let bus = unsafe bus, Setting.isOn { unsafe BusStates.known(bus)?.watch() }
}

@c(preload_processing)
public func preload_processing(_ bus: OpaquePointer?) {
  if let bus = unsafe bus, Setting.isOn { unsafe BusStates.known(bus)?.beginProcessing() }
}

@c(preload_processed)
public func preload_processed(_ bus: OpaquePointer?) {
  guard let bus = unsafe bus, Setting.isOn else { return }
  if let state = unsafe BusStates.known(bus) { state.endProcessing() } else { BusStates.noteHeard() }
}

@c(preload_get_fd)
public func preload_get_fd(_ bus: OpaquePointer?) -> Int32 {
  let real = unsafe preload_real_get_fd(bus)
  guard real >= 0, let bus = unsafe bus, unsafe isConnection(bus), Setting.isOn,
    let state = unsafe BusStates.state(of: bus)
  else { return real }
  return state.descriptor(real)
}

@c(preload_get_events)
public func preload_get_events(_ bus: OpaquePointer?) -> Int32 {
  let real = unsafe preload_real_get_events(bus)
  guard real >= 0, let bus = unsafe bus, Setting.isOn, let state = unsafe BusStates.known(bus) else { return real }
  return state.events(real)
}
