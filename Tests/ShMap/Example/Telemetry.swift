// What the two processes of the example share.
import ShMap

struct Telemetry: BitwiseCopyable {
  var mutex = Mutex()  // 40 bytes
  var changed = Condition()  // 8 bytes
  var reading: Int32 = 0

  static let mutexAt: UInt32 = 0
  static let changedAt: UInt32 = 40
  static let readingAt: UInt32 = 48
  static let readings: Int32 = 200
}

extension Offset where Pointee == Telemetry {
  var mutex: Offset<Mutex> { Offset<Mutex>(raw + Telemetry.mutexAt) }
  var changed: Offset<Condition> { Offset<Condition>(raw + Telemetry.changedAt) }
  var reading: Offset<Int32> { Offset<Int32>(raw + Telemetry.readingAt) }
}
