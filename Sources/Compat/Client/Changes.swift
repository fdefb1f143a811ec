// The pool's generation, and waiting for the next one.

import CSystem
import Database
import ShMap

/// How a wait ended.
public enum Waited: Equatable, Sendable {
  /// Something was published, or another pool took this one's place.
  case changed
  case timedOut
  /// There is no pool to wait on.
  case noPool
}

extension Client {
  /// A number that grows with each published state, also when another mapper takes over. 0: there is no pool. It means
  /// something within this client only. No system call in general.
  public var generation: UInt64 {
    follow()
    guard let pool = currentPool() else { return 0 }
    return generation(of: pool)
  }

  private func generation(of pool: Attachment) -> UInt64 {
    while true {
      let state = try? pool.reader.withSnapshot { snapshot throws(PoolError) in snapshot.generation }
      guard case .success(let published) = state else {
        // Published faster than one word is read, or outgrown: the low word alone tells that something changes.
        return pool.number << 48 | UInt64(pool.reader.generationWord)
      }
      return pool.number << 48 | published & 0xffff_ffff_ffff
    }
  }

  /// Sleeps until the generation is no longer `seen`; `timeout` is in microseconds, nil: for ever. Wakes within a fraction of
  /// a millisecond of the change. Any number of threads may wait.
  public func waitForChange(since seen: UInt64, timeout: UInt64? = nil) -> Waited {
    let deadline = timeout.map { shm_now_us() &+ $0 }
    while true {
      follow()
      guard let pool = currentPool() else { return .noPool }
      let word = pool.reader.generationWord
      if generation(of: pool) != seen, pool.number << 48 | UInt64(word) != seen { return .changed }
      var slice = pool.reader.isRetired ? Client.shortestSleep : Client.longestSleep
      if let deadline {
        let now = shm_now_us()
        guard now < deadline else { return .timedOut }
        slice = min(slice, deadline - now)
      }
      // Whoever retires this pool wakes us. Should that fail, the next slice finds out.
      pool.reader.waitForChange(
        from: word,
        timeout: timespec(tv_sec: time_t(slice / 1_000_000), tv_nsec: Int(slice % 1_000_000) * 1000))
    }
  }

  /// How long a waiter sleeps before it looks whether its pool still has its name, in microseconds.
  private static var longestSleep: UInt64 { 1_000_000 }
  /// The same when the pool says that it has not.
  private static var shortestSleep: UInt64 { 5_000 }

  #if !hasFeature(Embedded)
    /// The generations, one after the other as they are published; those that come faster than they are taken are left out.
    /// Ends when there is no pool. A thread of its own waits as long as somebody listens.
    public var changes: AsyncStream<UInt64> {
      AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
        let isOver = Flag()
        continuation.onTermination = { _ in isOver.set() }
        let waiter = Waiter { [self] in
          var seen = generation
          while !isOver.isSet {
            switch waitForChange(since: seen, timeout: 100_000) {
            case .changed:
              seen = generation
              continuation.yield(seen)
            case .timedOut: break
            case .noPool:
              continuation.finish()
              return
            }
          }
        }
        unsafe waiter.start()
      }
    }
  #endif
}

#if !hasFeature(Embedded)
  /// Set by one thread, seen by another.
  private final class Flag: @unchecked Sendable {
    private let lock = Lock()
    private var value = false

    func set() {
      lock.lock()
      value = true
      lock.unlock()
    }

    var isSet: Bool {
      lock.lock()
      defer { lock.unlock() }
      return value
    }
  }

  /// A thread that runs a closure.
  private final class Waiter {
    private let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }

    @unsafe func start() {
      var thread = pthread_t()
      let me = unsafe Unmanaged.passRetained(self).toOpaque()
      let result = unsafe pthread_create(
        &thread, nil,
        { me in
          unsafe Unmanaged<Waiter>.fromOpaque(me!).takeRetainedValue().run()
          return nil
        }, me)
      if result == 0 {
        pthread_detach(thread)
      } else {
        unsafe Unmanaged<Waiter>.fromOpaque(me).release()
      }
    }
  }
#endif
