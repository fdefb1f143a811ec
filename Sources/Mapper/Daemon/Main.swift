// The program: options, connection, name, pool, service. Whatever keeps it from serving is said in one line.

import Bus
import CSystem
import Database
import ShMap

/// The C program's `main`: Embedded Swift has no other way to the arguments.
@c(shmapperd_main)
@unsafe func shmapperdMain(
  _ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> Int32 {
  switch unsafe Options.read(count: count, arguments: arguments) {
  case .exit(let status): return status
  case .run(let options): return serve(options)
  }
}

private func serve(_ options: Options) -> Int32 {
  let log = Log(level: options.logLevel)
  do throws(Failure) {
    return try run(options, log)
  } catch {
    log.write(.error, error.text)
    return 1
  }
}

/// Why the daemon cannot serve.
private struct Failure: Error {
  let text: LogText
}

private func run(_ options: Options, _ log: Log) throws(Failure) -> Int32 {
  // A long answer takes a megabyte for a moment.
  shm_keep_heap_small()
  let connection: Connection
  do throws(BusError) {
    connection = try Connection()
  } catch {
    throw Failure(text: "Cannot connect to the system bus: \(text: error.text)")
  }
  EventLoop.blockSignals()
  do throws(BusError) {
    try connection.requestName(Daemon.name)
  } catch {
    if error.code == EEXIST {
      throw Failure(text: "The name \(Daemon.name) is taken: another mapper is running on this bus")
    }
    throw Failure(text: "Cannot take the name \(Daemon.name): \(text: error.text)")
  }
  // Only now: the pool belongs to whoever has the name.
  let database: MapperDatabase
  do throws(PoolError) {
    database = try MapperDatabase(poolPath: options.poolPath, mode: options.poolMode, busID: connection.busID)
  } catch {
    throw Failure(text: "Cannot use the pool \(options.poolPath): \(text: error.reason)")
  }
  do throws(BusError) {
    return try Daemon(connection, database, log).run()
  } catch {
    throw Failure(text: "Cannot serve on the bus: \(text: error.text)")
  }
}
