// Attaches to the thermometer's pool and shows each reading that it gets to see.
import ShMap

func runDisplay(_ name: [UInt8], show: (Int32) -> Void) throws(PoolError) {
  let pool = try SharedPool(attaching: .named(name), patience: 1_000_000)
  var last: Int32 = 0
  while last < Telemetry.readings {
    try pool.withAccess { access throws(PoolError) in
      let telemetry = access.user(as: Telemetry.self)
      try access.withLock(telemetry.mutex) { access, _ throws(PoolError) in
        while try access.load(telemetry.reading) == last {
          _ = try access.wait(for: telemetry.changed, releasing: telemetry.mutex)
        }
        last = try access.load(telemetry.reading)
      }
    }
    show(last)
  }
}
