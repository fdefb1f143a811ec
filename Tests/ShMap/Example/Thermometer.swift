// Makes a pool and writes a reading into it now and then.
import ShMap

func runThermometer(_ name: [UInt8]) throws(PoolError) {
  let pool = try SharedPool(creating: .named(name), user: MemoryLayout<Telemetry>.size)
  for reading in 1...Telemetry.readings {
    try pool.withAccess { access throws(PoolError) in
      let telemetry = access.user(as: Telemetry.self)
      try access.withLock(telemetry.mutex) { access, taken throws(PoolError) in
        // `taken` is .holderDied if somebody died with the mutex; a reading is a single store, so all is well.
        try access.store(reading, at: telemetry.reading)
        try access.broadcast(telemetry.changed)
      }
    }
  }
}
