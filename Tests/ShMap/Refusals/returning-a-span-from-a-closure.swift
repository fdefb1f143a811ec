// refused: Escapable
import ShMap

func f(_ pool: borrowing SharedPool, _ at: Offset<Int32>) throws(PoolError) {
  let span = try pool.withAccess { access throws(PoolError) -> Span<Int32> in try access.span(at, count: 4) }
  _ = span
}
