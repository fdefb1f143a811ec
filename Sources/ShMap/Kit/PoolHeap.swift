// The heap of a pool with one writer: arena 0 without its lock.

extension Pool {
  /// Gives `bytes` bytes whose contents are undefined, aligned to 8. Grows the pool when needed.
  public mutating func allocate(_ bytes: Int) throws(PoolError) -> UInt32 {
    let size = try Heap.blockSize(bytes)
    while true {
      let memory = memory
      if let block = try Heap(memory, arena: 0).allocate(size) { return block }
      try grow(by: max(Int(size), Heap.firstGrowth, memory.size / 8))
      try Heap(self.memory, arena: 0).addRegion()
    }
  }

  /// Gives a block back. Its neighbours join it when they are free. Traps when it is no block in use, before anything is
  /// changed: the writer alone writes here, so it would be the writer's mistake.
  public mutating func free(_ payload: UInt32) {
    do throws(PoolError) { try Heap(memory, arena: 0).free(payload) } catch {
      fatalError("freed twice, or not from this pool")
    }
  }

  /// Bytes that a block can hold, at least what was asked for.
  public func capacity(of payload: UInt32) -> Int { Int((self[payload - Heap.headerBytes] & ~7) - Heap.headerBytes) }

  /// Bytes in blocks that are in use, their headers included.
  public var usedBytes: Int { Int(self[Layout.arenaTableAt + Heap.usedAt]) }
}
