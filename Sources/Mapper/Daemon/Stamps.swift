// Up to which moment the published state is complete: the promise by which clients may answer from the pool in place of the
// daemon (docs/consistency.md).
//
// The daemon cannot see what the broker still holds for it. So it asks the broker something and notes the time before: the
// broker's one thread puts the reply behind all that it has routed to the daemon until then. When the reply arrives, all of
// that has been handled; once it is published, the pool is complete up to the time that was noted.

import CSystem

/// When the next question is due: at once after a publication, some time after it for those who have heard of it later, and
/// now and then. Times are in microseconds of CLOCK_MONOTONIC.
struct Stamps {
  /// After a publication, counted from it. A client that heard of a change asks within this time, or soon after.
  private static let after: [UInt64] = [0, 10_000, 100_000]
  /// When nothing happens.
  private static let heartbeat: UInt64 = 1_000_000
  /// At the least between two questions.
  private static let pause: UInt64 = 2_000

  private var published: UInt64 = 0
  /// How many of `after` have been asked.
  private var step = Stamps.after.count
  private var lastAsked: UInt64 = 0
  private(set) var isInFlight = false

  /// When the next question is to be asked; none while one is in flight.
  var deadline: UInt64 {
    guard !isInFlight else { return .max }
    guard step < Stamps.after.count else { return lastAsked + Stamps.heartbeat }
    return max(published + Stamps.after[step], lastAsked + Stamps.pause)
  }

  mutating func notePublication(at now: UInt64) {
    published = now
    step = 0
  }

  mutating func noteQuestion(at now: UInt64) {
    lastAsked = now
    isInFlight = true
    while step < Stamps.after.count, published + Stamps.after[step] <= now { step += 1 }
  }

  mutating func noteReply() { isInFlight = false }
}
