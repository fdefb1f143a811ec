// What libmapper remembers of a caller's connection between two calls: a client that knows what the caller has heard there, so
// that GetObject can be answered out of the pool, and never with an older answer than over D-Bus.
//
// The pool answers only
// - on the thread that made the first call, while no message that has arrived is waiting to be seen,
// - after the mapper has answered on this connection once, and has caught up with all that was heard since (Client),
// - if the connection owns no name: else it may have sent signals that the mapper follows, and nobody tells us what it sent,
// - and if it cannot be about to own one: while no call is waiting for its reply, and none is being answered, there is none that
//   has asked for a name, but by a message that was written by hand to want no reply.
//
// It is bound to the connection by a filter that sd-bus drops with it, and holds no reference to it.

import BusReplies
import CLibSystemd
import CSystem
import Database
import MapperClient
import ShMap

@safe final class KnownBus {
  private let bus: OpaquePointer
  private let thread = pthread_self()
  private let client: Client
  /// nil: not known yet.
  private var ownsNames: Bool?

  /// One for each connection that is open; behind shm_list_lock.
  nonisolated(unsafe) private static var all: [KnownBus] = []

  /// What is known of a connection; nil when it cannot be followed.
  static func of(_ bus: OpaquePointer) -> KnownBus? {
    shm_list_lock()
    defer { shm_list_unlock() }
    for known in unsafe all where unsafe known.bus == bus { return known }
    guard let known = unsafe KnownBus(bus) else { return nil }
    unsafe all.append(known)
    return known
  }

  private init?(_ bus: OpaquePointer) {
    var id = sd_id128_t()
    guard unsafe sd_bus_get_bus_id(bus, &id) >= 0 else { return nil }
    var options = Client.Options()
    options.busID = unsafe withUnsafeBytes(of: &id) { unsafe [UInt8]($0) }
    unsafe self.bus = bus
    client = Client(options: options)
    var slot: OpaquePointer?
    let me = unsafe Unmanaged.passUnretained(self).toOpaque()
    let result = unsafe sd_bus_add_filter(
      bus, &slot,
      { message, me, _ in
        unsafe Unmanaged<KnownBus>.fromOpaque(me!).takeUnretainedValue().hear(message!)
        return 0
      }, me)
    guard result >= 0 else { return nil }
    // From here on the connection decides how long this lives.
    unsafe sd_bus_slot_set_destroy_callback(slot) { me in unsafe KnownBus.forget(me!) }
    unsafe sd_bus_slot_set_floating(slot, 1)
    unsafe sd_bus_slot_unref(slot)
  }

  private static func forget(_ me: UnsafeMutableRawPointer) {
    shm_list_lock()
    unsafe all.removeAll { unsafe Unmanaged.passUnretained($0).toOpaque() == me }
    shm_list_unlock()
  }

  private func hear(_ message: OpaquePointer) {
    client.note()
    let (interface, member): (StaticString, StaticString) = ("org.freedesktop.DBus", "NameAcquired")
    if unsafe sd_bus_message_is_signal(message, interface.cString, member.cString) > 0 { ownsNames = nil }
  }

  // MARK: Answers

  /// The pool's answer: 0 and a reply, -EIO, or nil when the mapper has to be asked.
  @unsafe func answer(_ path: ObjectPath, _ reply: UnsafeMutablePointer<OpaquePointer?>) -> Int32? {
    guard ownsNames == false, pthread_equal(thread, pthread_self()) != 0, unsafe sd_bus_is_open(bus) > 0, isQuiet,
      client.mayAskPool
    else { return nil }
    return unsafe read(path, reply)
  }

  /// Whether the connection is doing nothing: no message waits to be seen, none to be sent, no call for its reply, and no reply
  /// is being handled.
  private var isQuiet: Bool {
    var (unsent, timeout, longest): (UInt64, UInt64, UInt64) = (0, 0, 0)
    guard unsafe sd_bus_get_n_queued_write(bus, &unsent) >= 0, unsent == 0,
      // 0 only if sd-bus has nothing to wait for but the socket. A call that may take for ever it does not count.
      unsafe sd_bus_get_timeout(bus, &timeout) == 0,
      unsafe sd_bus_get_method_call_timeout(bus, &longest) >= 0, longest != UInt64.max
    else { return false }
    guard let current = unsafe sd_bus_get_current_message(bus) else { return true }
    return unsafe sd_bus_message_get_reply_cookie(current, &timeout) < 0
  }

  /// What is left of a mapper that is dead, in the same form.
  @unsafe func lastAnswer(_ path: ObjectPath, _ reply: UnsafeMutablePointer<OpaquePointer?>) -> Int32? {
    _ = client.generation
    guard client.isDaemonAlive == false else { return nil }
    return unsafe read(path, reply)
  }

  /// The mapper has answered a call that was made at that moment, in microseconds of CLOCK_MONOTONIC.
  func noteAnswer(since start: UInt64) {
    client.noteAnswered(callMadeAt: start, after: 0)
    guard ownsNames == nil else { return }
    // The mapper has seen, and published, every name that was ours before that call.
    _ = client.generation
    var unique: UnsafePointer<CChar>?
    guard unsafe sd_bus_get_unique_name(bus, &unique) >= 0, let unique = unsafe unique else { return }
    ownsNames = unsafe client.isOwner(ByteString(cString: unique))
  }

  /// Reads one whole state of the pool into a reply; nil when that cannot be done.
  private func read(_ path: ObjectPath, _ reply: UnsafeMutablePointer<OpaquePointer?>) -> Int32? {
    for _ in 0..<50 {
      guard let message = unsafe newReply(to: path) else { return nil }
      var writer = unsafe ReplyWriter(message)
      writer.openArray(Signature.services)
      // Nothing but this one question: a switch over all of them would bring all of their code along.
      let isFound: Bool?? = client.withReader { reader in
        let read = try? reader.withSnapshot { snapshot throws(PoolError) in
          try Lookup(snapshot).getObject(path.bytes.span, .none, &writer)
        }
        return try? read?.get()
      }
      writer.close()
      if isFound == true, writer.result >= 0, unsafe seal(message) {
        unsafe reply.pointee = message
        return 1
      }
      unsafe sd_bus_message_unref(message)
      if isFound == false { return -EIO }
    }
    return nil
  }

  /// A reply to GetObject, still empty.
  private func newReply(to path: ObjectPath) -> OpaquePointer? {
    var call: OpaquePointer?
    defer { unsafe sd_bus_message_unref(call) }
    guard unsafe ObjectReply.makeCall(bus, path, &call) >= 0, unsafe sd_bus_message_seal(call, cookie, 0) >= 0 else {
      return nil
    }
    var message: OpaquePointer?
    return unsafe sd_bus_message_new_method_return(call, &message) >= 0 ? message : nil
  }

  /// Makes it what it would be if it had come over the bus.
  private func seal(_ message: OpaquePointer) -> Bool {
    let sender = client.mapperUniqueName ?? ByteString(MapperNames.service)
    return unsafe sender.withCString({ unsafe sd_bus_message_set_sender(message, $0) }) >= 0
      && sd_bus_message_seal(message, cookie, 0) >= 0 && sd_bus_message_rewind(message, 1) >= 0
  }

  /// No call of this connection has it: sd-bus counts from 1.
  private var cookie: UInt64 { UInt64(UInt32.max) }
}
