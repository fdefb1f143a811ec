// refused: lifetime
import ShMap

func f(_ reader: borrowing Reader) throws(PoolError) {
  var kept: ReadView?
  _ = try reader.withSnapshot { snapshot in kept = snapshot.view }
  _ = kept
}
