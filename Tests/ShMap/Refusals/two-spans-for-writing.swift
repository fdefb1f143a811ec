// refused: overlapping accesses
import ShMap

func f(_ pool: borrowing SharedPool, _ at: Offset<Int32>) throws(PoolError) {
  var access = try pool.access()
  var first = try access.mutableSpan(at, count: 4)
  var second = try access.mutableSpan(at, count: 4)
  first[0] = 1
  second[0] = 2
}
