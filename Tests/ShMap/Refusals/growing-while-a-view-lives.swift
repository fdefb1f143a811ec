// refused: overlapping accesses
import ShMap

func f(_ pool: inout Pool) throws(PoolError) -> UInt32 {
  let view = pool.view
  _ = try pool.allocate(100)
  return try view.word(4096)
}
