// refused: BitwiseCopyable
import ShMap

func f(_ pool: borrowing SharedPool, _ at: Offset<Int32>) throws(PoolError) {
  var access = try pool.access()
  _ = try access.allocate([Int].self)
}
