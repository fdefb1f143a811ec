// refused: consume
import ShMap

func f(_ pool: borrowing SharedPool, _ at: Offset<Int32>) throws(PoolError) -> Int {
  let access = try pool.access()
  let copy = access
  return access.size + copy.size
}
