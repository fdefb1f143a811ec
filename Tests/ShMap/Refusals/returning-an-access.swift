// refused: lifetime
import ShMap

func f(_ place: Place) throws(PoolError) -> Access {
  let pool = try SharedPool(attaching: place)
  return try pool.access()
}
