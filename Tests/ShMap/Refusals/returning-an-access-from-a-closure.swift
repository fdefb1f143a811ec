// refused: Escapable
import ShMap

func f(_ pool: borrowing SharedPool, _ at: Offset<Int32>) throws(PoolError) {
  let access = try pool.withAccess { access throws(PoolError) -> Access in access }
  _ = access
}
