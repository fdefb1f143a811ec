// refused: lifetime
import ShMap

func f(_ pool: borrowing SharedPool, _ at: Offset<Int32>) throws(PoolError) -> Int32 {
  let span: Span<Int32>
  do {
    let access = try pool.access()
    span = try access.span(at, count: 4)
  }
  return span[0]
}
