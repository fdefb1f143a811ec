// Scans run side by side, pipelined: several calls are out at once, and the next is made when one is answered. Within
// a service calls go out in the order in which they arise; among services in turn.
//
// A system bus allows a connection 128 unanswered calls (dbus-daemon, max_replies_per_connection) and refuses the next.
// So the number in flight is bounded, for each service too, lest one that never answers keeps the others waiting; a
// call that is refused all the same is made again a moment later. A call that times out is made again when all others
// are done. Nothing is lost.

import Bus
import CSystem
import Database
import IntrospectionData

/// Runs the scans of all services. One thread only.
final class Scanner {
  private enum Bound {
    /// Calls in flight, over all services: half of what a system bus allows, the rest is for calls that timed out
    /// here and that the bus still counts.
    static let inFlight = 64
    static let inFlightOfService = 8
    /// sd-bus's own default.
    static let timeout: UInt64 = 25_000_000
    /// How often one call is made before its object is left out.
    static let attempts = 4
    /// Time-outs in a row after which a service is not asked any more.
    static let timeoutsInRow = inFlightOfService + 3
    /// The pause after the bus has refused a call.
    static let pause: UInt64 = 50_000
  }

  private let connection: Connection
  private let log: Log
  private var reader = IntrospectionReader()
  /// Takes what a scan learns when its objects have been published already.
  private let learned: (Scan, ScanStep) -> Void
  /// All of a scan that can be had at once is there: it is to be published. `isComplete`: and nothing is to come.
  private let finished: (Scan, _ isComplete: Bool) -> Void

  private var running: [Scan] = []
  private var ready = Queue<Scan>()
  private var inFlight = 0
  private var pausedUntil: UInt64 = 0

  init(
    _ connection: Connection, _ log: Log, learned: @escaping (Scan, ScanStep) -> Void,
    finished: @escaping (Scan, Bool) -> Void
  ) {
    self.connection = connection
    self.log = log
    self.learned = learned
    self.finished = finished
  }

  var isIdle: Bool { running.isEmpty }
  var count: Int { running.count }

  /// When `resume` is to be called, in microseconds of CLOCK_MONOTONIC.
  var deadline: UInt64 { pausedUntil == 0 ? .max : pausedUntil }

  /// Begins a scan, in place of one of the same name that may be running.
  func start(_ service: ServiceName, owner: ByteString) {
    cancel(service)
    let scan = Scan(of: service, owner: owner)
    running.append(scan)
    enqueue(scan)
    makeCalls()
  }

  /// Drops a scan: what its calls still bring is not looked at.
  func cancel(_ service: ServiceName) {
    guard let place = place(of: service) else { return }
    running.remove(at: place).isCancelled = true
  }

  /// The scan that is running of a service.
  func scan(of service: ServiceName) -> Scan? { place(of: service).map { running[$0] } }

  private func place(of service: ServiceName) -> Int? { running.firstIndex { $0.service == service } }

  /// Goes on after a pause, if it is over.
  func resume(at now: UInt64) {
    guard pausedUntil != 0, now >= pausedUntil else { return }
    pausedUntil = 0
    makeCalls()
  }

  /// Lets go of what only makes the next scan faster, unless one is running.
  func rest() {
    guard isIdle else { return }
    reader = IntrospectionReader()
    ready = Queue()
  }

  // MARK: Calls

  private func enqueue(_ scan: Scan) {
    guard !scan.isQueued, !scan.isCancelled, !scan.calls.isEmpty, scan.inFlight < Scanner.window(of: scan) else {
      return
    }
    scan.isQueued = true
    ready.append(scan)
  }

  /// A service that does not answer is asked one thing at a time, until it does.
  private static func window(of scan: Scan) -> Int { scan.timeouts == 0 ? Bound.inFlightOfService : 1 }

  private func makeCalls() {
    while inFlight < Bound.inFlight, pausedUntil == 0, let scan = ready.next() {
      scan.isQueued = false
      guard !scan.isCancelled, let call = scan.calls.next() else { continue }
      make(call, for: scan)
      enqueue(scan)
    }
  }

  private func make(_ call: ScanCall, for scan: Scan) {
    inFlight += 1
    scan.inFlight += 1
    do throws(BusError) {
      let message: Message
      switch call.kind {
      case .introspect:
        message = try connection.newCall(
          to: scan.owner, call.path, "org.freedesktop.DBus.Introspectable", "Introspect")
      case .associations:
        message = try connection.newCall(to: scan.owner, call.path, "org.freedesktop.DBus.Properties", "Get")
        try message.append(associationDefinitions)
        try message.append("Associations")
      }
      try connection.call(message, timeout: Bound.timeout) { [self] reply in
        returned(call, of: scan)
        guard !scan.isCancelled else { return makeCalls() }
        take(reply, to: call, of: scan)
        proceed(scan)
      }
    } catch {
      returned(call, of: scan)
      log.fault(.failedCall, "Cannot ask \(scan.service) for \(call.path): \(text: error.text)")
      proceed(scan)
    }
  }

  private func returned(_ call: ScanCall, of scan: Scan) {
    inFlight -= 1
    scan.inFlight -= 1
  }

  // MARK: Replies

  private func take(_ reply: borrowing Message, to call: ScanCall, of scan: Scan) {
    guard !reply.isError else { return takeError(reply, to: call, of: scan) }
    scan.timeouts = 0
    do throws(BusError) {
      switch call.kind {
      case .introspect:
        guard let document = try reply.readIntrospection(reader) else {
          return log.fault(.brokenDocument, "The introspection of \(call.path) of \(scan.service) is broken: skipped")
        }
        add(scan.learn(document, of: call.path), to: scan)
      case .associations:
        add(scan.learn(try reply.readAssociations(), of: call.path), to: scan)
      }
    } catch {
      log.fault(.failedCall, "The answer of \(call.path) of \(scan.service) has a wrong type: skipped")
    }
  }

  private func add(_ step: ScanStep, to scan: Scan) {
    if scan.isPublished { learned(scan, step) }
  }

  private func takeError(_ reply: borrowing Message, to call: ScanCall, of scan: Scan) {
    if reply.isError("org.freedesktop.DBus.Error.LimitsExceeded") {
      scan.calls.putBack(call)
      pausedUntil = shm_now_us() + Bound.pause
    } else if reply.isError("org.freedesktop.DBus.Error.NoReply") || reply.isError("org.freedesktop.DBus.Error.Timeout")
      || reply.isError("org.freedesktop.DBus.Error.TimedOut")
    {
      takeTimeout(of: call, scan)
    } else if reply.isError("org.freedesktop.DBus.Error.ServiceUnknown")
      || reply.isError("org.freedesktop.DBus.Error.NameHasNoOwner")
    {
      // It has left: NameOwnerChanged is on its way and takes the rest along.
      cancel(scan.service)
    } else {
      scan.timeouts = 0
      log.write(.debug, "\(scan.service) has no answer for \(call.path)")
    }
  }

  private func takeTimeout(of call: ScanCall, _ scan: Scan) {
    scan.timeouts += 1
    var call = call
    call.attempts += 1
    if scan.timeouts >= Bound.timeoutsInRow {
      scan.calls.removeAll()
      scan.unanswered = []
      log.fault(.silentService, "\(scan.service) does not answer: the objects that it has not shown are left out")
    } else if call.attempts < Bound.attempts {
      scan.unanswered.append(call)
    } else {
      log.fault(.silentService, "\(scan.service) does not answer for \(call.path): left out")
    }
  }

  /// After each reply: the next calls, or the end of the scan.
  private func proceed(_ scan: Scan) {
    if !scan.isCancelled, scan.calls.isEmpty, scan.inFlight == 0 {
      let isComplete = scan.unanswered.isEmpty
      if isComplete {
        running.removeAll { $0 === scan }
        if scan.isOversized {
          log.fault(.oversizedTree, "\(scan.service) has too large or too deep a tree: the rest of it is left out")
        }
      } else {
        for call in scan.unanswered { scan.calls.append(call) }
        scan.unanswered = []
      }
      finished(scan, isComplete)
    }
    enqueue(scan)
    makeCalls()
  }
}
