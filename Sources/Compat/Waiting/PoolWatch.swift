// Sleeping on the mapper's pool for an event loop that cannot: a futex is no event source. A thread sleeps on the pool's
// generation, looks at the questions after each change, and pokes an eventfd once all are answered or the pool is no longer
// the one to watch. Then it has ended; whoever wants to go on makes another watch.
//
// A change that answers nothing costs one short wake-up of that thread, and nothing in the loop. The thread reads the pool,
// takes no signals, and ends with the watch.

import CLibSystemd
import CSystem
import Database
import MapperClient
import ShMap

/// Belongs to the thread that runs the event loop.
@safe
final class PoolWatch {
  enum News {
    /// All questions are answered with yes; `isConfirmed` if by states that are newer than the wait.
    case answered(isConfirmed: Bool)
    /// The pool is retired, outgrown or damaged.
    case lost
  }

  private let client: Client
  private let sleeper: Sleeper
  private var source: OpaquePointer?
  private let wake: () -> Void

  /// Why the thread has ended. Only to be asked once the wake-up has come.
  var news: News { sleeper.news }

  /// Whether the pool is kept by a living mapper.
  var isCurrent: Bool { client.withReader { $0.writerIsAlive && !$0.isRetired } ?? false }

  /// Begins to watch; nil when there is no pool of a living mapper of that bus, or no thread. `wake` runs once, from the loop.
  ///
  /// - since: when the wait began, in microseconds of CLOCK_MONOTONIC.
  @unsafe init?(
    _ inquiries: [Inquiry], of client: Client, _ event: OpaquePointer, since begin: UInt64,
    wake: @escaping () -> Void
  ) {
    _ = client.generation  // opens the pool that has the name now
    self.client = client
    self.wake = wake
    sleeper = Sleeper(client, inquiries.map { $0.question }, since: begin)
    guard client.withReader({ $0.writerIsAlive && !$0.isRetired }) == true, unsafe sleeper.start() else { return nil }
    var source: OpaquePointer?
    let result = unsafe sd_event_add_io(
      event, &source, sleeper.descriptor, EPOLLIN.rawValue,
      { _, _, _, me in
        let watch = unsafe Unmanaged<PoolWatch>.fromOpaque(me!).takeUnretainedValue()
        unsafe sd_event_source_set_enabled(watch.source, Int32(SD_EVENT_OFF))
        watch.wake()
        return 0
      }, Unmanaged.passUnretained(self).toOpaque())
    guard result >= 0 else { return nil }
    unsafe self.source = source
  }

  deinit {
    unsafe sd_event_source_disable_unref(source)
    sleeper.stop()
  }
}

/// What the thread owns.
@safe
private final class Sleeper: @unchecked Sendable {
  private let client: Client
  private let questions: [Inquiry.Question]
  private let begin: UInt64
  /// Readable once the thread has ended by itself.
  let descriptor: Int32
  /// Becomes 1 when the thread has to end. A word of its own, as a futex needs one address.
  private let stopWord: UnsafeMutablePointer<UInt32>
  private var thread: pthread_t?
  private(set) var news = PoolWatch.News.lost

  init(_ client: Client, _ questions: [Inquiry.Question], since begin: UInt64) {
    self.client = client
    self.questions = questions
    self.begin = begin
    descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    unsafe stopWord = .allocate(capacity: 1)
    unsafe stopWord.initialize(to: 0)
  }

  deinit {
    if descriptor >= 0 { _ = close(descriptor) }
    unsafe stopWord.deallocate()
  }

  @unsafe func start() -> Bool {
    guard descriptor >= 0 else { return false }
    var thread = pthread_t()
    let result = unsafe shm_thread_start(
      &thread,
      { me in
        unsafe Unmanaged<Sleeper>.fromOpaque(me!).takeUnretainedValue().run()
        return nil
      }, Unmanaged.passUnretained(self).toOpaque())
    guard result == 0 else { return false }
    self.thread = thread
    return true
  }

  /// Ends the thread and waits until it is gone.
  func stop() {
    guard let thread else { return }
    unsafe shm_store32_release(stopWord, 1)
    unsafe Reader.wake(stopWord)
    pthread_join(thread, nil)
    self.thread = nil
  }

  private var isStopped: Bool { unsafe shm_load32_acquire(stopWord) != 0 }

  // MARK: In the thread

  private func run() {
    news = client.withReader { watch($0) } ?? .lost
    if !isStopped { _ = eventfd_write(descriptor, 1) }
  }

  private func watch(_ reader: borrowing Reader) -> PoolWatch.News {
    var isAnswered = [Bool](repeating: false, count: questions.count)
    var pace = Pace()
    while !isStopped {
      // In this order: what changes after the generation was read ends the sleep; what was on the bus before the stamp is
      // in the state that is read after it.
      let seen = reader.generationWord
      guard !reader.isRetired else { return .lost }
      let isNewEnough = reader.stamp > begin
      var isOpen = false
      for index in questions.indices where !isAnswered[index] {
        guard let answer = Sleeper.answer(questions[index], in: reader) else { return .lost }
        isAnswered[index] = answer && isNewEnough
        if !answer { isOpen = true }
      }
      if !isOpen {
        var isConfirmed = true
        for answered in isAnswered where !answered { isConfirmed = false }
        return .answered(isConfirmed: isConfirmed)
      }
      unsafe reader.waitForChange(from: seen, or: stopWord, from: 0)
      pace.keep()
    }
    return .lost
  }

  /// Whether what a question waits for is so; nil when the pool cannot tell.
  private static func answer(_ question: Inquiry.Question, in reader: borrowing Reader) -> Bool? {
    for _ in 0..<100 {
      do throws(PoolError) {
        let found = try reader.withSnapshot { snapshot throws(PoolError) in
          try answer(question, Lookup(snapshot))
        }
        return try found.get()
      } catch {
        guard error == .stale, !reader.isOutgrown else { return nil }
      }
    }
    return nil
  }

  private static func answer(
    _ question: Inquiry.Question, _ lookup: borrowing Lookup
  ) throws(PoolError) -> Bool {
    var counter = Counter()
    switch question {
    case .isKnown(let path):
      return try lookup.getObject(path.bytes.span, .none, &counter)
    case .isGone(let root, let interface):
      let result: Result<Void, PoolError> = unsafe interface.withCString { name in
        var name: UnsafePointer<CChar>? = unsafe name
        return unsafe withUnsafePointer(to: &name) { names in
          do throws(PoolError) {
            let names = unsafe InterfaceNames(names, count: 1)
            return .success(_ = try lookup.getSubTreePaths(root.bytes.span, depth: 0, names, &counter))
          } catch { return .failure(error) }
        }
      }
      try result.get()
      return counter.paths == 0
    }
  }
}

/// Counts the paths of an answer.
private struct Counter: AnswerVisitor {
  var paths = 0
  mutating func beginObject(_ path: borrowing Text) {}
  mutating func endObject() {}
  mutating func beginService(_ name: borrowing Text) {}
  mutating func interface(_ name: borrowing Text) {}
  mutating func endService() {}
  mutating func path(_ path: borrowing Text) { paths += 1 }
}

/// Keeps a hundred waiters from looking after each of a thousand changes a second: the first few changes are looked at at once,
/// in a storm no more than one in 10 ms.
private struct Pace {
  private static let burst: UInt64 = 16
  private static let interval: UInt64 = 10_000
  /// When the bucket is full again, in microseconds of CLOCK_MONOTONIC: each look moves it on by one interval.
  private var full: UInt64 = 0

  mutating func keep() {
    let now = shm_now_us()
    full = max(full, now) + Pace.interval
    if full - now > Pace.burst * Pace.interval { usleep(UInt32(Pace.interval)) }
  }
}
