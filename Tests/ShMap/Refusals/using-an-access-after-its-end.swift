// refused: used after consume
import ShMap

func end(_ access: consuming Access) {}
func f(_ pool: borrowing SharedPool, _ at: Offset<Int32>) throws(PoolError) -> Int32 {
  let access = try pool.access()
  end(access)
  return try access.load(at)
}
