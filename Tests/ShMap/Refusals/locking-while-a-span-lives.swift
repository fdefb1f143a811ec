// refused: overlapping accesses
import ShMap

func f(_ pool: borrowing SharedPool, _ at: Offset<Int32>, _ lock: Offset<Mutex>) throws(PoolError) -> Int32 {
  var access = try pool.access()
  let span = try access.span(at, count: 4)
  try access.withLock(lock) { _, _ in }
  return span[0]
}
