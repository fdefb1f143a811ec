// The reader: maps the pool read-only, asks without pause, and follows the pool when it grows or when a newer one has taken
// its name. Its address space is small at first, so that growth moves its mapping.

import CSystem
import Database
import ShMap

struct PoolReader {
  private let pool: ByteString
  private var random: Random
  private let board: Board

  init(_ pool: ByteString, _ random: Random, _ board: Board) {
    self.pool = pool
    self.random = random
    self.board = board
  }

  /// Until the board says stop; false when an answer was wrong.
  mutating func run() -> Bool {
    while !board.isStopped {
      do throws(PoolError) {
        var reader = try Reader(
          opening: pool.bytes, contents: MapperDatabase.contents, identity: [UInt8](repeating: 5, count: 16),
          reserve: 128 << 10)
        guard try read(&reader) else { return false }
      } catch {
        // Before the first publication there is no such file; whatever else happens is a fault.
        guard error == .system(ENOENT) else {
          say("churn: the pool cannot be opened")
          return false
        }
        _ = usleep(1000)
      }
    }
    return true
  }

  /// Until this pool is retired; false when an answer was wrong.
  private mutating func read(_ reader: inout Reader) throws(PoolError) -> Bool {
    var answers = 0
    var stale = 0
    while !board.isStopped, !reader.isRetired {
      if reader.isOutgrown { try reader.adopt() }
      do throws(PoolError) {
        let result = try reader.withSnapshot { snapshot throws(PoolError) in
          var seen = Seen()
          try seen.look(Lookup(snapshot), &random)
          return seen
        }
        guard try result.get().isWhole else {
          say("churn: half a state")
          return false
        }
        answers += Seen.questions
      } catch {
        guard error == .stale else {
          say("churn: a whole state seems damaged")
          return false
        }
        stale += 1
      }
      if answers >= 100 || stale >= 100 {
        board.count(answers, stale)
        answers = 0
        stale = 0
      }
    }
    board.count(answers, stale)
    return true
  }
}
