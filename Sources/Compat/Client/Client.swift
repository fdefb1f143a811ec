// The mapper's calls, answered in the caller's own process out of the mapper's shared memory, and over D-Bus where that cannot
// be: the same answers either way.
//
//     let client = Client()                              // or Client(bus: myConnection)
//     let services = try client.getObject(path)          // copied out: Answers.swift
//     try client.ask(.getSubTreePaths(root), &visitor)   // visited in place
//
// What it promises:
// - An answer is the mapper's state at one moment, whole. In the exact mode it is never older than what D-Bus would have
//   answered: docs/consistency.md has the rule and the proof.
// - No system call for a lookup in normal life, and nothing is written that other processes see. A mapper that dies, is
//   replaced, or was never there is noticed; the client goes on with the new one by itself.
// - Thread-safe, except for what concerns the caller's bus: see `init`. Not to be used in a child after fork(2).
//
// The order of things in a lookup: Follow.swift decides whether the pool may answer, this file asks it, BusSide.swift asks
// D-Bus, and if nobody answers there, the last whole state of the pool does.

import CLibSystemd
import CSystem
import Database
import ShMap

@safe public final class Client: @unchecked Sendable {
  public enum Mode: UInt8, Sendable {
    /// Never an older answer than over D-Bus.
    case exact
    /// Whatever the pool shows, which may be the mapper's own delay behind the bus: a millisecond or two in general.
    case fast
  }

  /// Where answers may come from.
  public enum Source: UInt8, Sendable {
    case auto
    /// Only the pool, whatever its age, of whatever bus.
    case pool
    /// Only D-Bus.
    case bus
  }

  public struct Options: Sendable {
    public var mode = Mode.exact
    public var source = Source.auto
    /// The pool's file; nil: what SHMAPPER_POOL says unless the process is privileged, else /run/shmapper/pool.
    public var poolPath: ByteString?
    /// The address of the bus; nil: the system bus, which DBUS_SYSTEM_BUS_ADDRESS may name.
    public var address: ByteString?
    /// The 16 bytes of the id of the bus that the pool has to mirror, when the caller knows it; nil: asked for.
    public var busID: [UInt8]?
    /// How long a call over D-Bus may take, in microseconds. 0: sd-bus's own, 25 s.
    public var timeout: UInt64 = 0
    /// Whether a damaged pool is worth a line on standard error.
    public var isQuiet = false
    public init() {}
  }

  /// How lookups were answered since the start.
  public struct Counts: Equatable, Sendable {
    public var inProcess: UInt64 = 0
    public var overBus: UInt64 = 0
    /// Out of the last whole state, since nobody answered on D-Bus.
    public var fromLastState: UInt64 = 0
    /// How often a state was recycled while it was read, so that it was read again.
    public var restarts: UInt64 = 0
    /// Pools that were opened.
    public var pools: UInt64 = 0
  }

  public let options: Options
  let poolPath: ByteString
  let connection: OwnConnection

  // The caller's bus: nil without.
  private let callersBus: OpaquePointer?
  private let callersThread: pthread_t
  private var filter: OpaquePointer?
  var hasCallersBus: Bool { unsafe callersBus != nil }

  // Behind `lock`.
  let lock = Lock()
  var attachment: Attachment?
  var counts = Counts()
  /// Follow.swift.
  var following = Following()
  /// When this process last heard of something that the mapper may not know yet; microseconds of CLOCK_MONOTONIC.
  private var heard: UInt64
  /// What was routed to the mapper before this moment is published: the mapper has answered a call that was made then.
  private var answered: UInt64 = 0
  /// How often the caller said that it has sent something, and how much of that the mapper has seen for certain.
  var sent: UInt64 = 0
  private var sentAndSeen: UInt64 = 0

  /// Attaches to the pool, or will when there is one: never fails.
  ///
  /// - bus: the caller's connection, if it has one. Every message that arrives there counts as knowledge that an answer must
  ///   not lag behind, and lookups from this thread that need D-Bus are made on it, in order with what the caller has sent.
  ///   To be called on the thread that runs the connection; the last reference to the client has to go on that thread too,
  ///   and before the connection is closed. Without a bus, `note()` says when something was heard.
  @unsafe public init(bus: OpaquePointer?, options: Options = Options()) {
    self.options = options
    poolPath = options.poolPath ?? Client.defaultPoolPath()
    connection = OwnConnection(address: options.address)
    unsafe callersBus = bus.map { unsafe sd_bus_ref($0) }
    callersThread = pthread_self()
    heard = shm_now_us()
    following.identity = options.busID
    if let bus = unsafe bus {
      following.identity = try? unsafe busID(of: bus)
      let me = unsafe Unmanaged.passUnretained(self).toOpaque()
      unsafe sd_bus_add_filter(
        bus, &filter,
        { _, me, _ in
          unsafe Unmanaged<Client>.fromOpaque(me!).takeUnretainedValue().note()
          return 0
        }, me)
    }
    follow()
  }

  public convenience init(options: Options = Options()) { unsafe self.init(bus: nil, options: options) }

  deinit {
    unsafe sd_bus_slot_unref(filter)
    unsafe sd_bus_unref(callersBus)
  }

  private static func defaultPoolPath() -> ByteString {
    if let path = unsafe shm_secure_getenv("SHMAPPER_POOL"), unsafe path.pointee != 0 {
      return unsafe ByteString(cString: path)
    }
    return "/run/shmapper/pool"
  }

  // MARK: What the caller knows

  /// The caller has heard of something by a way that the client does not see: a reply to a call, another connection, a pipe.
  /// Answers from now on are not older than this moment.
  public func note() {
    let now = shm_now_us()
    lock.lock()
    heard = now
    lock.unlock()
  }

  /// The caller has sent something on its bus that the mapper follows: a signal, the request of a name. The next lookup of the
  /// bus's thread is made over that bus, so that the mapper has seen it.
  public func noteSent() {
    let now = shm_now_us()
    lock.lock()
    sent += 1
    heard = now
    lock.unlock()
  }

  // MARK: Asking

  /// Asks one question and shows the answer to the visitor. The visitor may be restarted and only has one whole answer when
  /// this returns without an error. Nothing is allocated for GetObject that is answered in-process.
  public func ask<V: ClientVisitor>(_ question: borrowing Question, _ visitor: inout V) throws(LookupError) {
    guard question.isSendable else { throw .invalidArgument }
    if let pool = acquire(), let isFound = read(question, in: pool, &visitor) {
      guard isFound else { throw .resourceNotFound }
      return
    }
    try askElsewhere(question, &visitor)
  }

  /// The pool, if it may answer at this moment.
  func acquire() -> Attachment? {
    lock.lock()
    defer { lock.unlock() }
    guard let pool = attachment, following.mayRead(pool) else { return nil }
    if options.mode == .exact, options.source == .auto {
      // The stamp is read before the state is: so the state is at least as new. None: the mapper promises nothing yet.
      let stamp = pool.reader.stamp
      guard stamp != 0, sent == sentAndSeen, max(stamp, answered) > heard else { return nil }
    }
    counts.inProcess &+= 1
    return pool
  }

  /// Reads until the state that was read is known to have been whole. nil: this pool cannot answer.
  func read<V: ClientVisitor>(
    _ question: borrowing Question, in pool: Attachment, _ visitor: inout V
  ) -> Bool? {
    do throws(PoolError) { return try pool.read(question, &visitor) } catch {
      return readAgain(question, in: pool, &visitor, after: error)
    }
  }

  /// A visitor that is slower than the mapper publishes gets its answer over D-Bus after some tries: that is a copy.
  @inline(never)
  private func readAgain<V: ClientVisitor>(
    _ question: borrowing Question, in pool: Attachment, _ visitor: inout V, after first: PoolError
  ) -> Bool? {
    var error = first
    var triesLeft = options.source == .pool ? 1000 : 10
    while error == .stale, triesLeft > 0, !pool.reader.isOutgrown {
      lock.lock()
      counts.restarts &+= 1
      lock.unlock()
      visitor.restart()
      do throws(PoolError) { return try pool.read(question, &visitor) } catch let again { error = again }
      triesLeft -= 1
    }
    visitor.restart()
    if error == .damaged { giveUp(pool) }
    return nil
  }

  /// The pool cannot answer, or not now: a newer pool, D-Bus, or what was last known.
  @inline(never)
  private func askElsewhere<V: ClientVisitor>(
    _ question: borrowing Question, _ visitor: inout V
  ) throws(LookupError) {
    if follow(), let pool = acquire(), let isFound = read(question, in: pool, &visitor) {
      guard isFound else { throw .resourceNotFound }
      return
    }
    var cause = ENODATA
    if options.source != .pool {
      do throws(BusFailure) { return try askOverBus(question, &visitor) } catch {
        switch error {
        case .resourceNotFound: throw .resourceNotFound
        case .refused(let code): throw code == EINVAL ? .invalidArgument : .noAnswer(code)
        case .silent(let code): cause = code
        }
      }
      follow()
    }
    guard let pool = lastState() else { throw .noAnswer(cause) }
    guard let isFound = read(question, in: pool, &visitor) else { throw .noAnswer(cause) }
    guard isFound else { throw .resourceNotFound }
  }

  private func lastState() -> Attachment? {
    lock.lock()
    defer { lock.unlock() }
    guard options.source != .bus, let attachment, !following.isDamaged else { return nil }
    counts.fromLastState &+= 1
    return attachment
  }

  private func askOverBus<V: ClientVisitor>(
    _ question: borrowing Question, _ visitor: inout V
  ) throws(BusFailure) {
    lock.lock()
    counts.overBus &+= 1
    let sentBefore = sent
    lock.unlock()
    let start = shm_now_us()
    let isOnCallersBus: Bool
    if let bus = unsafe callersBus, pthread_equal(callersThread, pthread_self()) != 0 {
      isOnCallersBus = true
      do throws(BusFailure) {
        try unsafe BusCall.ask(question, over: bus, timeout: options.timeout, &visitor)
      } catch {
        if case .resourceNotFound = error { noteAnswer(since: start, seen: sentBefore, question.kind) }
        throw error
      }
    } else {
      isOnCallersBus = false
      do throws(BusFailure) {
        try unsafe connection.use { bus throws(BusFailure) in
          try unsafe BusCall.ask(question, over: bus, timeout: options.timeout, &visitor)
        }
      } catch {
        if case .resourceNotFound = error { noteAnswer(since: start, seen: nil, question.kind) }
        throw error
      }
    }
    noteAnswer(since: start, seen: isOnCallersBus ? sentBefore : nil, question.kind)
  }

  /// The mapper has answered a call that was sent after `start`: what had been routed to it by then is published, since it
  /// publishes before it answers. `seen`: so much of what the caller sent on the same connection is among it.
  func noteAnswer(since start: UInt64, seen: UInt64?, _ kind: Question.Kind) {
    // Without a caller's bus nothing is in order with what was sent.
    lock.lock()
    answered = max(answered, start)
    if let seen { sentAndSeen = max(sentAndSeen, seen) } else if !hasCallersBus { sentAndSeen = sent }
    lock.unlock()
  }

  // MARK: About the pool

  public var statistics: Counts {
    lock.lock()
    defer { lock.unlock() }
    return counts
  }

  /// Whether lookups are answered by a mapper that lives. One plain load of shared memory, no system call. nil: no pool.
  public var isDaemonAlive: Bool? { currentPool()?.reader.writerIsAlive }

  /// Calls `body` with the reader of the pool, for whoever wants to look into it; nil when there is no pool.
  public func withReader<Result>(_ body: (borrowing Reader) -> Result) -> Result? {
    guard let pool = currentPool() else { return nil }
    return body(pool.reader)
  }

  func currentPool() -> Attachment? {
    lock.lock()
    defer { lock.unlock() }
    return following.isDamaged ? nil : attachment
  }
}
