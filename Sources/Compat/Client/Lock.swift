// A lock for the few words that the threads of one process share. Held for some ten nanoseconds, never across a call of the
// caller's, never while sleeping.

import CSystem

@safe struct Lock: ~Copyable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>

  init() {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe pthread_mutex_init(mutex, nil)
  }

  deinit {
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  @inline(__always)
  func lock() { unsafe _ = pthread_mutex_lock(mutex) }

  @inline(__always)
  func unlock() { unsafe _ = pthread_mutex_unlock(mutex) }
}
