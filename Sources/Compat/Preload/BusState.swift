// What the library knows of one connection: its client of the pool, the replies that wait to be processed, and the descriptor
// on which others wait for them.
//
// A connection belongs to one thread at a time, as sd-bus demands; so does its state. The list of states is shared and locked;
// no lock is held while anybody else's code runs.

import CLibSystemd
import CPreload
import CSystem
import Database
import MapperClient

@safe final class BusState: @unchecked Sendable {
  private(set) var client: Client?
  /// The sender of replies: the mapper's unique name, as the pool has it.
  private(set) var mapperName = ByteString("xyz.openbmc_project.ObjectMapper")
  private let bus: OpaquePointer
  private var wakeup = Wakeup()
  private var namedPool: UInt64 = 0

  /// A reply that sd-bus has in its queue, and who waits for it.
  @safe private struct Waiting {
    let reply: OpaquePointer
    let callback: sd_bus_message_handler_t
    let userdata: UnsafeMutableRawPointer?
    func isReply(_ message: OpaquePointer) -> Bool { unsafe reply == message }
  }
  private var waiting: [Waiting] = []

  // What has been heard.
  private var lastCurrent: OpaquePointer?
  /// While sd_bus_process runs: whether all that was heard has been noted, or was our own.
  private var isNoted = true

  fileprivate init?(_ bus: OpaquePointer) {
    unsafe self.bus = bus
    // A floating filter lives as long as the connection and does not keep it alive.
    var slot: OpaquePointer?
    let me = unsafe Unmanaged.passUnretained(self).toOpaque()
    guard
      unsafe sd_bus_add_filter(
        bus, &slot, { message, me, error in unsafe BusState.behind(me).filter(message!, error) }, me) >= 0
    else { return nil }
    unsafe _ = sd_bus_slot_set_destroy_callback(slot) { me in BusStates.forget(unsafe BusState.behind(me)) }
    unsafe _ = sd_bus_slot_set_floating(slot, 1)
  }

  /// The client of the pool of this connection's bus; nil while the connection is not established.
  func readyClient() -> Client? {
    if let client { return client }
    var id = sd_id128_t()
    guard unsafe sd_bus_is_ready(bus) > 0, unsafe sd_bus_get_bus_id(bus, &id) >= 0, let mode = Setting.mode else {
      return nil
    }
    var options = Client.Options()
    options.mode = mode
    options.busID = unsafe withUnsafeBytes(of: &id) { unsafe [UInt8]($0) }
    client = Client(options: options)
    return client
  }

  private static func behind(_ me: UnsafeMutableRawPointer?) -> BusState {
    unsafe Unmanaged<BusState>.fromOpaque(me!).takeUnretainedValue()
  }

  @unsafe func isOf(_ bus: OpaquePointer) -> Bool { unsafe self.bus == bus }

  // MARK: Replies to asynchronous calls

  /// Puts a reply into sd-bus's queue, from which its callback is run in its turn.
  func enqueue(
    _ reply: OpaquePointer, _ callback: @escaping sd_bus_message_handler_t, _ userdata: UnsafeMutableRawPointer?
  ) -> Int32 {
    let result = unsafe sd_bus_enqueue_for_read(bus, reply)
    guard result >= 0 else { return result }
    unsafe waiting.append(Waiting(reply: reply, callback: callback, userdata: userdata))
    wakeup.wake()
    return 1
  }

  private func filter(_ message: OpaquePointer, _ error: UnsafeMutablePointer<sd_bus_error>?) -> Int32 {
    guard let index = waiting.firstIndex(where: { unsafe $0.isReply(message) }) else {
      client?.note()
      isNoted = true
      return 0
    }
    let call = waiting.remove(at: index)
    if waiting.isEmpty { wakeup.sleep() }
    isNoted = true
    unsafe lastCurrent = message
    let result = unsafe call.callback(message, call.userdata, error)
    return result == 0 ? 1 : result
  }

  // MARK: What was heard

  /// A lookup that is made while a message is being handled must not be older than that message.
  func hearCurrentMessage() {
    let current = unsafe sd_bus_get_current_message(bus)
    guard let current = unsafe current else { return unsafe lastCurrent = nil }
    guard unsafe current != lastCurrent else { return }
    unsafe lastCurrent = current
    client?.note()
    isNoted = true
  }

  func beginProcessing() {
    isNoted = false
    unsafe lastCurrent = nil
  }

  /// A reply to an asynchronous call passes no filter: what it told is noted here.
  func endProcessing() {
    if !isNoted { client?.note() }
    unsafe lastCurrent = nil
  }

  // MARK: The descriptor

  func descriptor(_ real: Int32) -> Int32 { wakeup.descriptor(for: real, events: unsafe preload_real_get_events(bus)) }

  func events(_ real: Int32) -> Int32 { wakeup.events(real, socket: unsafe preload_real_get_fd(bus)) }

  /// Reads the mapper's unique name, anew for each new mapper.
  func learnMapperName() {
    guard let client else { return }
    let pool = client.statistics.pools
    if pool != namedPool, let name = client.mapperUniqueName {
      mapperName = name
      namedPool = pool
    }
  }
}

/// All connections that have been used for a call to the mapper, or whose descriptor was asked for.
enum BusStates {
  nonisolated(unsafe) private static var states: [BusState] = []

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
    preload_lock()
    defer { preload_unlock() }
    unsafe states.removeAll { $0 === state }
  }
}

// MARK: What the exported functions tell

@c(preload_sent)
public func preload_sent(_ bus: OpaquePointer?) {
  if let bus = unsafe bus, Setting.isOn { unsafe BusStates.known(bus)?.client?.noteSent() }
}

@c(preload_processing)
public func preload_processing(_ bus: OpaquePointer?) {
  if let bus = unsafe bus { unsafe BusStates.known(bus)?.beginProcessing() }
}

@c(preload_processed)
public func preload_processed(_ bus: OpaquePointer?) {
  if let bus = unsafe bus { unsafe BusStates.known(bus)?.endProcessing() }
}

@c(preload_get_fd)
public func preload_get_fd(_ bus: OpaquePointer?) -> Int32 {
  let real = unsafe preload_real_get_fd(bus)
  guard real >= 0, let bus = unsafe bus, Setting.isOn,
    let state = unsafe BusStates.state(of: bus)
  else { return real }
  return state.descriptor(real)
}

@c(preload_get_events)
public func preload_get_events(_ bus: OpaquePointer?) -> Int32 {
  let real = unsafe preload_real_get_events(bus)
  guard real >= 0, let bus = unsafe bus, let state = unsafe BusStates.known(bus) else { return real }
  return state.events(real)
}
