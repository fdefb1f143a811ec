// refused: lifetime
import ShMap

func f(_ path: [UInt8]) throws(PoolError) -> ReadView {
  let pool = try Pool(creating: path, mode: 0o600, contents: 1, identity: [UInt8](repeating: 0, count: 16))
  return pool.view
}
