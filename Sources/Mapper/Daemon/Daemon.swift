// The mapper on the bus: takes messages, changes the database, publishes, tells.
//
// The order is the promise: a change is applied to the database, then the database is published, and only then do the
// signals and replies go out that tell of it (`settle`). So whoever hears of a change over D-Bus and looks into the
// shared memory finds it there.

import Bus
import CSystem
import Database
import ShMap

/// One per process, one thread.
final class Daemon {
  static let name = ServiceName("xyz.openbmc_project.ObjectMapper")
  static let path = ObjectPath("/xyz/openbmc_project/object_mapper")

  /// How many messages may be handled before their effect is published.
  private static let longestBatch = 256

  let connection: Connection
  let database: MapperDatabase
  let log: Log
  let ownName: ByteString
  var names = Names()
  /// Association objects of many endpoints whose property update is still to be sent.
  var updates = DelayedUpdates()
  private var stamps = Stamps()
  private var rest = Rest()
  private(set) var scanner: Scanner! = nil
  private var loop: EventLoop! = nil
  /// Services whose scan is complete, to be told after the next publication.
  private var scanned: [ServiceName] = []
  private var isStatusDue = true

  init(_ connection: Connection, _ database: MapperDatabase, _ log: Log) {
    self.connection = connection
    self.database = database
    self.log = log
    ownName = connection.uniqueName
    scanner = Scanner(
      connection, log, learned: { [self] in learned($0, $1) },
      finished: { [self] in finished($0, isComplete: $1) })
  }

  /// Serves until SIGTERM or SIGINT; returns the exit status.
  func run() throws(BusError) -> Int32 {
    try addObjects()
    try subscribe()
    try findServices()
    loop = try EventLoop(
      connection, deadline: { [self] in min(scanner.deadline, updates.deadline, stamps.deadline, rest.deadline) },
      dispatch: { [self] in drain() })
    scanned.append(Daemon.name)
    drain()
    notifyServiceManager(ByteString("READY=1"))
    let status = loop.run()
    notifyServiceManager(ByteString("STOPPING=1"))
    end()
    return status
  }

  /// Lets go of all that refers back to the daemon, so that the database is closed before the process ends.
  private func end() {
    connection.close()
    scanner = nil
    loop = nil
  }

  // MARK: The queue

  /// Handles all that has arrived.
  private func drain() {
    var batch = 0
    while true {
      let isEmpty: Bool
      do throws(BusError) {
        isEmpty = try !connection.process()
      } catch {
        log.write(.error, "The connection to the bus is lost: \(text: error.text)")
        return loop.exit(1)
      }
      if isEmpty { break }
      batch += 1
      if batch % Daemon.longestBatch == 0 { settle() }
    }
    settle()
    let now = shm_now_us()
    scanner.resume(at: now)
    sendUpdates(dueAt: now)
    askBroker(at: now)
    tellStatus(at: now)
    rest.begin(at: now) { scanner.rest() }
  }

  /// Publishes what has changed, then tells the bus.
  func settle() {
    publish()
    for event in database.takeEvents() { send(event) }
    for service in scanned { sendIntrospectionComplete(service) }
    scanned.removeAll(keepingCapacity: true)
    for fault in database.takeFaults() { write(fault) }
  }

  private func publish() {
    guard database.hasUnpublishedChanges else { return }
    do throws(PoolError) {
      try database.publish()
      stamps.notePublication(at: shm_now_us())
    } catch {
      // Callers over D-Bus are served all the same, and no other way; the next change tries again.
      database.stampNothing()
      log.fault(.poolTrouble, "The pool cannot be published: \(text: error.reason)")
    }
  }

  /// Asks the broker, when it is time, and states with its reply how far the pool is complete: see Stamps.swift.
  private func askBroker(at now: UInt64) {
    guard now >= stamps.deadline else { return }
    stamps.noteQuestion(at: now)
    do throws(BusError) {
      let question = try connection.newCall(
        to: ByteString("org.freedesktop.DBus"), ObjectPath("/org/freedesktop/DBus"), "org.freedesktop.DBus", "GetId")
      try connection.call(question, timeout: 0) { [self] reply in
        stamps.noteReply()
        settle()
        if !reply.isError, !database.hasUnpublishedChanges { database.stamp(completeUpTo: now) }
      }
    } catch {
      stamps.noteReply()
      log.fault(.failedCall, "Cannot ask the bus: \(text: error.text)")
    }
  }

  private func sendIntrospectionComplete(_ service: ServiceName) {
    emit { () throws(BusError) in
      let signal = try connection.newSignal(
        from: Daemon.path, "xyz.openbmc_project.ObjectMapper.Private", "IntrospectionComplete")
      try signal.append(service)
      return signal
    }
  }

  /// Sends a signal, or says why not.
  func emit(_ make: () throws(BusError) -> Message) {
    do throws(BusError) {
      try connection.send(make())
    } catch {
      log.fault(.failedCall, "Cannot send a signal: \(text: error.text)")
    }
  }

  private func write(_ fault: Fault) {
    switch fault {
    case .emptyEndpoint(let path):
      log.fault(.invalidAssociation, "An association of \(path) has no endpoint: skipped")
    case .invalidAssociation(let path):
      log.fault(.invalidAssociation, "\(path) is no valid path for an association: skipped")
    case .poolFull:
      log.fault(.poolTrouble, "The pool cannot grow: a change is left out")
    }
  }

  // MARK: Scans

  func startScan(of service: ServiceName, owner: ByteString) {
    database.setOwner(of: service, to: owner)
    scanner.start(service, owner: owner)
    isStatusDue = true
  }

  /// A scan has all that can be had at once, or, later, really all.
  private func finished(_ scan: Scan, isComplete: Bool) {
    if !scan.isPublished { scan.publish(to: database) }
    if isComplete {
      scanned.append(scan.service)
      isStatusDue = true
    }
  }

  /// An object has answered after the rest of its service was published.
  private func learned(_ scan: Scan, _ step: ScanStep) {
    switch step {
    case .object(let path, let interfaces):
      if !interfaces.isEmpty { database.addInterfaces(interfaces, to: path, of: scan.service, associations: nil) }
    case .associations(let path, let associations):
      database.changeAssociations(associations, of: path, by: scan.service)
    }
  }

  /// Tells the service manager what goes on, when that has changed.
  private func tellStatus(at now: UInt64) {
    guard isStatusDue, scanner.isIdle else { return }
    isStatusDue = false
    let known = database.statistics
    let status: LogText =
      "STATUS=\(known.objects) objects of \(known.services) services, \(known.associations) associations"
    notifyServiceManager(status.byteString)
    rest.noteWork(at: now)
  }
}
