// The writer's hold on the pool: blocks by offset, and which of them it may still change in place.
//
// A block made since the last publication is reachable from no published root: it can be changed and freed at once. An older
// one may be under a reader's eyes: it is copied, and retired. The transaction number in a block tells the two apart.

import CSystem
import ShMap

struct Storage: ~Copyable {
  var pool: Pool
  /// Number of the state that is being built. Blocks that carry it are the writer's own.
  private(set) var transaction: UInt32 = 1

  init(_ pool: consuming Pool) { self.pool = pool }

  /// Memory that a single change may need at most, in one piece. Made sure of before the change begins, so that a full pool
  /// refuses a change as a whole and never half of it.
  static let reserve = 32 << 10

  /// Makes sure that a change which needs up to `bytes` cannot fail half-way.
  mutating func ensureRoom(_ bytes: Int = Storage.reserve) throws(PoolError) {
    let block = try pool.allocate(bytes)
    pool.free(block)
  }

  /// A new block. `ensureRoom` has made sure that there is memory.
  mutating func allocate(_ bytes: Int) -> UInt32 {
    do throws(PoolError) { return try pool.allocate(bytes) } catch {
      fatalError("the pool is full in spite of its reserve")
    }
  }

  /// Gives up a block that readers may still see.
  mutating func retire(_ block: UInt32) { pool.retire(block) }

  /// Gives up a block that carries a transaction number at `mark`.
  mutating func discard(_ block: UInt32, mark: UInt32) {
    if pool[block + mark] == transaction { pool.free(block) } else { pool.retire(block) }
  }

  mutating func publish(root: UInt32) {
    pool.publish(root: root)
    transaction &+= 1
  }

  /// Moves `count` words within the pool.
  mutating func moveWords(_ count: UInt32, from source: UInt32, to target: UInt32) {
    pool.move(Int(count) * 4, from: source, to: target)
  }
}

/// Runs a read of the writer's own pool, which cannot be damaged unless this program is wrong.
@inline(__always)
func sound<Result>(_ body: () throws(PoolError) -> Result) -> Result {
  do throws(PoolError) { return try body() } catch { fatalError("the writer's own pool contradicts itself") }
}
