// Compiles: views, spans and locks used as they are meant.
import ShMap

func use(_ pool: borrowing SharedPool, _ lock: Offset<Mutex>) throws(PoolError) -> Int32 {
  try pool.withAccess { access throws(PoolError) in
    let numbers = try access.allocate(Int32.self, count: 4)
    do {
      var span = try access.mutableSpan(numbers, count: 4)
      for index in 0..<4 { span[index] = Int32(index) }
    }
    try access.withLock(lock) { access, taken throws(PoolError) in
      if taken == .holderDied { try access.store(0, at: numbers) }
    }
    var sum: Int32 = 0
    do {
      let span = try access.span(numbers, count: 4)
      for index in span.indices { sum += span[index] }
    }
    try access.free(numbers)
    return sum
  }
}

func useGuard(_ pool: borrowing SharedPool, _ number: Offset<Int32>) throws(PoolError) -> Int32 {
  var access = try pool.access()
  try access.store(7, at: number)
  return try access.load(number)
}

func publish(_ pool: inout Pool) throws(PoolError) {
  let block = try pool.allocate(16)
  pool[block + 8] = 1
  pool.publish(root: block)
  let word = try pool.view.word(block + 8)
  _ = word
}
