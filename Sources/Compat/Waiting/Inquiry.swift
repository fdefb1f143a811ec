// One question to the mapper over the bus, asked as often as is needed: never twice at once, and once more after a signal that
// came while the answer was on its way.

import CLibSystemd
import CSystem
import Database

/// Belongs to the thread that runs the event loop. Ends without a word when it is dropped.
@safe
final class Inquiry {
  enum Question {
    /// Whether the mapper knows the path: GetObject.
    case isKnown(ObjectPath)
    /// Whether no object below the path has the interface: GetSubTreePaths.
    case isGone(ObjectPath, InterfaceName)
  }

  enum Answer {
    case yes, no
    /// The mapper cannot be asked: a positive errno.
    case failed(Int32)
  }

  let question: Question
  private let bus: OpaquePointer
  private let event: OpaquePointer
  private var take: ((Inquiry, Answer) -> Void)?
  private var slot: OpaquePointer?
  private var timer: OpaquePointer?
  private var tries = 0
  private var isOutdated = false

  /// The bus has to be attached to the loop; both outlive the inquiry. `take` runs once for each answer.
  @unsafe init(
    _ question: Question, on bus: OpaquePointer, _ event: OpaquePointer, take: @escaping (Inquiry, Answer) -> Void
  ) {
    self.question = question
    unsafe self.bus = bus
    unsafe self.event = event
    self.take = take
  }

  deinit { stop() }

  /// Ends the inquiry: `take` is not called any more.
  func stop() {
    unsafe slot = sd_bus_slot_unref(slot)
    unsafe timer = sd_event_source_disable_unref(timer)
    take = nil
  }

  /// Asks, or, if an answer is on its way, asks again after that. 0 or a negative errno.
  func ask() -> Int32 {
    if unsafe slot != nil || timer != nil {
      isOutdated = true
      return 0
    }
    tries = 0
    return call()
  }

  private func call() -> Int32 {
    isOutdated = false
    var message: OpaquePointer?
    defer { unsafe sd_bus_message_unref(message) }
    let result = unsafe makeCall(&message)
    guard result >= 0 else { return result }
    return unsafe sd_bus_call_async(
      bus, &slot, message,
      { reply, me, _ in
        unsafe Unmanaged<Inquiry>.fromOpaque(me!).takeUnretainedValue().receive(reply!)
        return 0
      }, Unmanaged.passUnretained(self).toOpaque(), 0)
  }

  private func makeCall(_ message: inout OpaquePointer?) -> Int32 {
    let name = MapperNames.service
    let member: StaticString
    switch question {
    case .isKnown: member = MapperNames.getObject
    case .isGone: member = MapperNames.getSubTreePaths
    }
    var result = unsafe sd_bus_message_new_method_call(
      bus, &message, name.cString, MapperNames.path.cString, name.cString, member.cString)
    guard result >= 0, let call = unsafe message else { return result }
    func append<Kind>(_ text: Name<Kind>) {
      guard result >= 0 else { return }
      result = unsafe text.withCString { unsafe sd_bus_message_append_basic(call, CChar(UInt8(ascii: "s")), $0) }
    }
    func appendList(_ body: () -> Void) {
      guard result >= 0 else { return }
      result = unsafe sd_bus_message_open_container(call, CChar(UInt8(ascii: "a")), Signature.string.cString)
      body()
      if result >= 0 { result = unsafe sd_bus_message_close_container(call) }
    }
    switch question {
    case .isKnown(let path):
      append(path)
      appendList {}
    case .isGone(let root, let interface):
      append(root)
      var depth: Int32 = 0
      if result >= 0 { result = unsafe sd_bus_message_append_basic(call, CChar(UInt8(ascii: "i")), &depth) }
      appendList { append(interface) }
    }
    return result
  }

  private func receive(_ reply: OpaquePointer) {
    unsafe slot = sd_bus_slot_unref(slot)
    let code = unsafe sd_bus_message_get_errno(reply)
    if Busy.isBusy(code), tries < Busy.repetitions, repeatLater() { return }
    let answer: Answer
    if unsafe sd_bus_message_is_method_error(reply, MapperNames.notFound.cString) > 0 || code == ENOENT {
      // Below a path that is not known, nothing is left.
      if case .isKnown = question { answer = .no } else { answer = .yes }
    } else if code != 0 {
      answer = .failed(code)
    } else {
      answer = unsafe read(reply)
    }
    if case .no = answer, isOutdated {
      let result = call()
      guard result < 0 else { return }
      take?(self, .failed(-result))
    } else {
      take?(self, answer)
    }
  }

  private func read(_ reply: OpaquePointer) -> Answer {
    guard case .isGone = question else { return .yes }
    let entered = unsafe sd_bus_message_enter_container(reply, CChar(UInt8(ascii: "a")), Signature.string.cString)
    guard entered > 0 else { return .failed(entered < 0 ? -entered : EBADMSG) }
    return unsafe sd_bus_message_at_end(reply, 0) > 0 ? .yes : .no
  }

  private func repeatLater() -> Bool {
    let due = shm_now_us() + UInt64(Busy.delay(after: tries)) * 1_000_000
    let result = unsafe sd_event_add_time(
      event, &timer, CLOCK_MONOTONIC, due, 1000,
      { _, _, me in
        unsafe Unmanaged<Inquiry>.fromOpaque(me!).takeUnretainedValue().isDue()
        return 0
      }, Unmanaged.passUnretained(self).toOpaque())
    tries += 1
    return result >= 0
  }

  private func isDue() {
    unsafe timer = sd_event_source_disable_unref(timer)
    let result = call()
    if result < 0 { take?(self, .failed(-result)) }
  }
}
