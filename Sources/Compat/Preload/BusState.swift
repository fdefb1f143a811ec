// What the library knows of one connection: its client of the pool, the replies that wait to be processed, and the descriptor
// on which others wait for them.
//
// A connection belongs to one thread at a time, as sd-bus demands; so does its state. It goes with the connection and does not
// keep it alive: it hangs on a floating filter.

import BusReplies
import CLibSystemd
import CPreload
import CSystem
import Database
import MapperClient

@safe final class BusState: @unchecked Sendable {
  private(set) var client: Client?
  /// The answer that is being put into a reply.
  var answer = WireAnswer()
  /// The sender of replies: the mapper's unique name, as the pool has it, with a zero byte behind.
  private var mapperName = ByteString("xyz.openbmc_project.ObjectMapper").bytes + [0]
  private let bus: OpaquePointer
  private var filter: OpaquePointer?
  private var wakeup = Wakeup()
  private var namedPool: UInt64 = 0
  /// Asynchronous calls to the mapper that went over D-Bus and are not answered yet. What is called after them is answered
  /// after them.
  var callsUnderway = 0

  /// A reply that sd-bus has in its queue, and who waits for it.
  @safe private struct Waiting {
    let reply: OpaquePointer
    let callback: sd_bus_message_handler_t
    let userdata: UnsafeMutableRawPointer?
    func isReply(_ message: OpaquePointer) -> Bool { unsafe reply == message }
  }
  private var waiting: [Waiting] = []

  // What has been heard.
  /// The last reply to an asynchronous call that has been noted, by the cookie of the call.
  private var lastReply: UInt64 = 0
  private var lastIteration: UInt64 = 0
  /// While sd_bus_process runs: whether all that was heard has been noted, or was our own.
  private var isNoted = true

  init?(_ bus: OpaquePointer) {
    unsafe self.bus = bus
    guard watch() else { return nil }
  }

  deinit { answer.free() }

  private static func behind(_ me: UnsafeMutableRawPointer?) -> BusState {
    unsafe Unmanaged<BusState>.fromOpaque(me!).takeUnretainedValue()
  }

  @unsafe func isOf(_ bus: OpaquePointer) -> Bool { unsafe self.bus == bus }

  /// Puts the library's filter before all others. Floating, it lives as long as the connection and does not keep it alive.
  @discardableResult
  func watch() -> Bool {
    var slot: OpaquePointer?
    let me = unsafe Unmanaged.passUnretained(self).toOpaque()
    guard
      unsafe preload_real_add_filter(
        bus, &slot, { message, me, error in unsafe BusState.behind(me).filter(message!, error) }, me) >= 0
    else { return false }
    unsafe _ = sd_bus_slot_set_destroy_callback(slot) { me in BusStates.forget(unsafe BusState.behind(me)) }
    unsafe _ = sd_bus_slot_set_floating(slot, 1)
    unsafe _ = sd_bus_slot_unref(slot)
    if let old = unsafe filter {
      // Back from the connection's hands into ours, and ended.
      unsafe _ = sd_bus_slot_set_destroy_callback(old, nil)
      unsafe _ = sd_bus_slot_ref(old)
      unsafe _ = sd_bus_slot_set_floating(old, 0)
      unsafe _ = sd_bus_slot_unref(old)
    }
    unsafe filter = slot
    return true
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
    let new = Client(options: options)
    // What was sent on the connection before is known to nobody here.
    new.noteSent()
    client = new
    return new
  }

  /// Reads the mapper's unique name, anew for each new mapper.
  func learnMapperName() {
    guard let client else { return }
    let pool = client.poolNumber
    if pool != namedPool, let name = client.mapperUniqueName {
      mapperName = name.bytes + [0]
      namedPool = pool
    }
  }

  /// From the mapper, to this connection. False without memory.
  @unsafe func address(_ reply: OpaquePointer) -> Bool {
    var mine: UnsafePointer<CChar>?
    return unsafe mapperName.withUnsafeBytes { name in
      unsafe sd_bus_message_set_sender(reply, name.baseAddress!.assumingMemoryBound(to: CChar.self)) >= 0
        && sd_bus_get_unique_name(bus, &mine) >= 0 && sd_bus_message_set_destination(reply, mine) >= 0
    }
  }

  // MARK: Replies to asynchronous calls

  /// Puts a reply into sd-bus's queue, from which its callback is run in its turn.
  func enqueue(
    _ reply: OpaquePointer, _ callback: @escaping sd_bus_message_handler_t, _ userdata: UnsafeMutableRawPointer?
  ) -> Bool {
    guard unsafe sd_bus_enqueue_for_read(bus, reply) >= 0 else { return false }
    unsafe waiting.append(Waiting(reply: reply, callback: callback, userdata: userdata))
    wakeup.wake()
    return true
  }

  private func filter(_ message: OpaquePointer, _ error: UnsafeMutablePointer<sd_bus_error>?) -> Int32 {
    guard let index = waiting.firstIndex(where: { unsafe $0.isReply(message) }) else {
      isNoted = true
      BusStates.noteHeard()
      return 0
    }
    let call = waiting.remove(at: index)
    if waiting.isEmpty { wakeup.sleep() }
    // The library's own answers tell nothing that the pool does not.
    isNoted = true
    unsafe _ = sd_bus_message_get_reply_cookie(message, &lastReply)
    let result = unsafe call.callback(message, call.userdata, error)
    return result == 0 ? 1 : result
  }

  // MARK: What was heard

  /// A lookup that is made while a message is being handled must not be older than that message. What passes the filter has been
  /// noted there; a reply to an asynchronous call does not pass it.
  func hearCurrentMessage() {
    var cookie: UInt64 = 0
    if let current = unsafe sd_bus_get_current_message(bus) {
      guard unsafe sd_bus_message_get_reply_cookie(current, &cookie) >= 0, cookie != lastReply else { return }
      lastReply = cookie
    } else {
      // sd-event processes the connection without passing by here. When other calls may have been answered in this round of
      // its loop, they have been.
      guard unsafe BusStates.hasOtherCalls, let event = unsafe sd_bus_get_event(bus) else { return }
      guard unsafe sd_event_get_iteration(event, &cookie) >= 0, cookie != lastIteration else { return }
      lastIteration = cookie
    }
    isNoted = true
    BusStates.noteHeard()
  }

  func beginProcessing() { isNoted = false }

  func endProcessing() {
    if !isNoted { BusStates.noteHeard() }
    if wakeup.isWriting { unsafe _ = wakeup.events(preload_real_get_events(bus), socket: preload_real_get_fd(bus)) }
  }

  // MARK: The descriptor

  func descriptor(_ real: Int32) -> Int32 { wakeup.descriptor(for: real, isPending: !waiting.isEmpty) }

  func events(_ real: Int32) -> Int32 { wakeup.events(real, socket: unsafe preload_real_get_fd(bus)) }
}
