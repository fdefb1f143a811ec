// times-swift: how long lookups take through the Swift client, in the process that makes them. Built in both modes, so that what
// is shipped (Embedded) is measured as well as what an ordinary Swift program gets. `bench` starts it beside a running mapper:
//
//     times-swift SENSOR        environment: DBUS_SYSTEM_BUS_ADDRESS, SHMAPPER_POOL
//
// Prints one line for each sample, `WHAT ANSWERS NANOSECONDS`, and at last `over-bus CALLS`. Processor time of the thread, which
// on an idle machine is the time that passes: nothing here waits.

import CSystem
import Database

@c(times_swift_main)
public func program(_ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
  guard count == 2, let sensor = unsafe arguments[1] else { return 2 }
  return unsafe Times(sensor: ObjectPath(cString: sensor)).run() ? 0 : 1
}
