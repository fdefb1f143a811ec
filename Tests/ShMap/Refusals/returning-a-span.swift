// refused: lifetime
import ShMap

func f(_ pool: borrowing SharedPool, _ at: Offset<Int32>) throws(PoolError) -> Span<Int32> {
  let access = try pool.access()
  return try access.span(at, count: 4)
}
