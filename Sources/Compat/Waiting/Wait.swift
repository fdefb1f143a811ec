// Waiting until the mapper knows some objects, or until none is left that shows an interface: driven by the caller's sd-event
// loop, in one of two ways that change over into one another.
//
//   pool    the mapper's pool can be read: a thread sleeps on its generation (PoolWatch.swift). The bus only tells when the
//           mapper itself comes and goes.
//   bus     no pool: the signals of all services are subscribed, and the mapper is asked again after each (Inquiry.swift). Each
//           signal is also a chance that a pool has come.
//
// What the pool says is believed when the daemon has seen, since the wait began, all that was on the bus before; else it is
// confirmed over the bus. So a wait never ends on a state from before it began.

import CLibSystemd
import CSystem
import Database
import MapperClient

/// Belongs to the thread that runs the event loop. Dropping it ends it.
@safe
public final class Wait {
  /// What is waited for.
  public enum Goal {
    /// Every path is known.
    case known([ObjectPath])
    /// No object below the path has the interface.
    case gone(below: ObjectPath, InterfaceName)
  }

  private enum Subscription { case nothing, mapper, everything }

  private let bus: OpaquePointer
  private let event: OpaquePointer
  /// The pool is believed when it is newer than this, in microseconds of CLOCK_MONOTONIC.
  private var begin = shm_now_us()
  private let client: Client
  /// What is still open, one inquiry for each path.
  private var open: [Inquiry] = []
  private var matches: [OpaquePointer?] = unsafe []
  private var subscription = Subscription.nothing
  private var watch: PoolWatch?
  /// The pool has said that all is as wanted, and the mapper is being asked whether that is so.
  private var isConfirming = false
  private var done: ((Int32) -> Void)?

  /// Begins to wait. `done` runs once, from the event loop, with 0 or a negative errno, and may drop the wait. The bus has to
  /// be attached to the loop. Throws a negative errno.
  @unsafe public init(
    for goal: Goal, on bus: OpaquePointer, _ event: OpaquePointer, _ options: Client.Options = Client.Options(),
    done: @escaping (Int32) -> Void
  ) throws(WaitError) {
    unsafe self.bus = sd_bus_ref(bus)
    unsafe self.event = sd_event_ref(event)
    var options = options
    options.mode = .fast
    options.busID = unsafe Wait.busID(of: bus)
    client = Client(options: options)
    self.done = done
    let questions: [Inquiry.Question]
    switch goal {
    case .known(let paths): questions = paths.map { .isKnown($0) }
    case .gone(let root, let interface): questions = [.isGone(root, interface)]
    }
    let me = unsafe Unmanaged.passUnretained(self)
    open = questions.map { question in
      unsafe Inquiry(question, on: bus, event) { unsafe me.takeUnretainedValue().take($0, $1) }
    }
    let result = go()
    if result < 0 {
      stop()
      throw WaitError(code: -result)
    }
  }

  deinit {
    stop()
    unsafe sd_bus_unref(bus)
    unsafe sd_event_unref(event)
  }

  /// The 16 bytes of the bus's id, which the pool has to mirror. An id of zeros, which no bus has, if it cannot be told.
  private static func busID(of bus: OpaquePointer) -> [UInt8] {
    var id = sd_id128_t()
    unsafe sd_bus_get_bus_id(bus, &id)
    return unsafe withUnsafeBytes(of: &id) { unsafe [UInt8]($0) }
  }

  /// Ends the wait without a word.
  public func stop() {
    done = nil
    watch = nil
    dropMatches()
    for inquiry in open { inquiry.stop() }
    open = []
  }

  private func finish(_ result: Int32) {
    let done = self.done
    stop()
    done?(result)
  }

  // MARK: The two ways

  /// Waits on the pool, if there is one that a living mapper of this bus keeps, else on the bus. 0 or a negative errno.
  private func go() -> Int32 {
    if let watch = unsafe PoolWatch(
      open, of: client, event, since: begin,
      wake: { [me = Unmanaged.passUnretained(self)] in
        unsafe me.takeUnretainedValue().poolHasNews()
      })
    {
      self.watch = watch
      return subscribe(.mapper)
    }
    let result = subscribe(.everything)
    return result < 0 ? result : askAll()
  }

  private func orFinish(_ result: Int32) {
    if result < 0 { finish(result) }
  }

  private func askAll() -> Int32 {
    for inquiry in open {
      let result = inquiry.ask()
      if result < 0 { return result }
    }
    return 0
  }

  // MARK: Signals

  private func subscribe(_ wanted: Subscription) -> Int32 {
    if wanted == subscription { return 0 }
    dropMatches()
    subscription = wanted
    // One after the other, and no list of them: the compiler numbers the constant lists of a function anew in each module that has a
    // copy of it, and the linker may then give one module's copy another's list.
    if wanted == .mapper { return listen(Rules.mapper) }
    var result: Int32
    if case .isGone = open[0].question {
      result = listen(Rules.anyName)
      if result >= 0 { result = listen(Rules.removed) }
    } else {
      result = listen(Rules.mapper)
      if result >= 0 { result = listen(Rules.added) }
    }
    return result < 0 ? result : listen(Rules.scanned)
  }

  private func listen(_ rule: StaticString) -> Int32 {
    var slot: OpaquePointer?
    let result = unsafe sd_bus_add_match(
      bus, &slot, rule.cString,
      { message, me, _ in
        unsafe Unmanaged<Wait>.fromOpaque(me!).takeUnretainedValue().signal(message!)
        return 0
      }, Unmanaged.passUnretained(self).toOpaque())
    if result >= 0 { unsafe matches.append(slot) }
    return result < 0 ? result : 0
  }

  private func dropMatches() {
    for index in unsafe matches.indices { unsafe _ = sd_bus_slot_unref(matches[index]) }
    unsafe matches = []
    subscription = .nothing
  }

  private func signal(_ message: OpaquePointer) {
    // A mapper that went left its last state, and nothing will change until another comes, which makes a pool of its own.
    guard done != nil, unsafe !tellsThatMapperWent(message) else { return }
    // While the pool is watched, only the mapper's own coming is told. It retires the old pool, unless that lost its name.
    if let watch, watch.isCurrent { return }
    watch = nil
    orFinish(go())
  }

  private func tellsThatMapperWent(_ message: OpaquePointer) -> Bool {
    let (interface, member): (StaticString, StaticString) = ("org.freedesktop.DBus", "NameOwnerChanged")
    guard unsafe sd_bus_message_is_signal(message, interface.cString, member.cString) > 0 else { return false }
    var texts: [UnsafePointer<CChar>?] = unsafe [nil, nil, nil]
    for index in 0..<3 {
      guard unsafe sd_bus_message_read_basic(message, CChar(UInt8(ascii: "s")), &texts[index]) > 0 else { return false }
    }
    guard let name = unsafe texts[0], let owner = unsafe texts[2] else { return false }
    return unsafe strcmp(name, MapperNames.service.cString) == 0 && owner.pointee == 0
  }

  // MARK: News

  /// The watch has ended: what is open is answered, or the pool is no longer the one to watch.
  private func poolHasNews() {
    guard let watch, done != nil else { return }
    self.watch = nil
    switch watch.news {
    case .answered(let isConfirmed):
      if isConfirmed { return finish(0) }
      // An answer over the bus is newer than the wait; so is, from then on, the pool: the mapper publishes before it answers.
      isConfirming = true
      orFinish(askAll())
    case .lost: orFinish(go())
    }
  }

  /// An answer over the bus.
  private func take(_ inquiry: Inquiry, _ answer: Inquiry.Answer) {
    switch answer {
    case .no:
      guard isConfirming else { return }
      isConfirming = false
      begin = 0
      orFinish(go())
    case .failed(let code): finish(-code)
    case .yes:
      inquiry.stop()
      open.removeAll { $0 === inquiry }
      if open.isEmpty { finish(0) }
    }
  }
}

/// Why a wait cannot begin: a positive errno.
public struct WaitError: Error {
  public let code: Int32
}
