// refused: overlapping accesses
import ShMap

func f(_ pool: borrowing SharedPool, _ at: Offset<Int32>) throws(PoolError) -> Int32 {
  var access = try pool.access()
  let span = try access.span(at, count: 4)
  _ = try access.allocate(Int32.self)
  return span[0]
}
