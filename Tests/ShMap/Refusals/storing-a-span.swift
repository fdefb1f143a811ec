// refused: lifetime
import ShMap

func f(_ pool: borrowing SharedPool, _ at: Offset<Int32>) throws(PoolError) {
  var kept: Span<Int32>?
  try pool.withAccess { access throws(PoolError) in kept = try access.span(at, count: 4) }
  _ = kept
}
