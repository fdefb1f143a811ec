// Changes of hash tables, see TableEngine.swift for what holds when one is cut short.

import CSystem

extension TableEngine {
  /// Adds a key that is not in the table yet and lies outside of the pool: `fill` writes key and value into their slot.
  func add(
    _ key: UnsafeRawPointer, _ length: Int, _ session: inout Session, _ shape: Shape,
    _ fill: (UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Void
  ) throws(PoolError) {
    try reserveOne(&session, shape)
    try unsafe place(key, length, session, shape, fill)
  }

  /// The same after `reserveOne`: nothing is allocated, so that the key may lie in the pool.
  package func place(
    _ key: UnsafeRawPointer, _ length: Int, _ session: Session, _ shape: Shape,
    _ fill: (UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Void
  ) throws(PoolError) {
    let memory = session.memory
    let hash = unsafe try hash(key, length, memory)
    guard let slots = try slots(memory, shape) else { throw .damaged }
    var index = hash & slots.mask
    var slot = slots.slot(index, shape)
    var looks: UInt32 = 0
    while try memory.load(slot) > TableEngine.removed {
      guard looks <= slots.mask else { throw .damaged }
      looks &+= 1
      index = (index &+ 1) & slots.mask
      slot = slots.slot(index, shape)
    }
    let wasEmpty = try memory.load(slot) == TableEngine.empty
    unsafe fill(memory.base + Int(slot &+ 4), memory.base + Int(slot &+ shape.valueAt))
    try memory.store(1, at: at &+ TableEngine.changingAt)
    try memory.store(hash, at: slot)
    try memory.store(try memory.load(at &+ TableEngine.countAt) &+ 1, at: at &+ TableEngine.countAt)
    if wasEmpty { try memory.store(try memory.load(slots.block &+ 4) &+ 1, at: slots.block &+ 4) }
    try memory.store(0, at: at &+ TableEngine.changingAt)
  }

  /// Makes room for an entry that is added next: then adding it neither allocates nor moves the pool.
  @inline(never)
  package func reserveOne(_ session: inout Session, _ shape: Shape) throws(PoolError) {
    try mend(session.memory, shape)
    _ = try makeRoom(&session, shape)
  }

  /// Takes away the entry in a slot that `find` or `next` gave.
  package func remove(_ slot: UInt32, _ session: inout Session, _ shape: Shape) throws(PoolError) {
    let memory = session.memory
    try mend(memory, shape)
    guard let slots = try slots(memory, shape) else { throw .damaged }
    let key = shape.ownsKeys ? try memory.load(slot &+ 4) : 0
    // With an empty slot behind it no search has to pass here.
    let next = slots.slot((slot &- slots.block &- TableEngine.firstSlotAt) / shape.stride &+ 1, shape)
    let isLast = try memory.load(next) == TableEngine.empty
    try memory.store(1, at: at &+ TableEngine.changingAt)
    try memory.store(isLast ? TableEngine.empty : TableEngine.removed, at: slot)
    try memory.store(try memory.load(at &+ TableEngine.countAt) &- 1, at: at &+ TableEngine.countAt)
    if isLast { try memory.store(try memory.load(slots.block &+ 4) &- 1, at: slots.block &+ 4) }
    try memory.store(0, at: at &+ TableEngine.changingAt)
    try session.free(key)
  }

  /// Counts anew if somebody died in the middle of a change.
  @inline(never)
  private func mend(_ memory: Memory, _ shape: Shape) throws(PoolError) {
    guard try memory.load(at &+ TableEngine.changingAt) != 0 else { return }
    var count: UInt32 = 0
    var used: UInt32 = 0
    if let slots = try slots(memory, shape) {
      for index in 0...slots.mask {
        let hash = try memory.load(slots.slot(index, shape))
        if hash != TableEngine.empty { used &+= 1 }
        if hash > TableEngine.removed { count &+= 1 }
      }
      try memory.store(used, at: slots.block &+ 4)
    }
    try memory.store(count, at: at &+ TableEngine.countAt)
    try memory.store(0, at: at &+ TableEngine.changingAt)
  }

  /// Slots with room for one entry more: at most three quarters are ever in use.
  @inline(never)
  private func makeRoom(_ session: inout Session, _ shape: Shape) throws(PoolError) -> Slots {
    let old = try slots(session.memory, shape)
    let count = try session.memory.load(at &+ TableEngine.countAt)
    if let old {
      let used = try session.memory.load(old.block &+ 4)
      if UInt64(used) * 4 + 4 <= UInt64(old.mask + 1) * 3 { return old }
    }
    // A sum that is wrong must not ask for a gigabyte.
    guard count <= old.map({ $0.mask &+ 1 }) ?? 0 else { throw .damaged }
    var number = TableEngine.smallest
    while number < 1 << 28, UInt64(number) < UInt64(count) * 2 + 2 { number *= 2 }
    let (slotBytes, overflow) = Int(number).multipliedReportingOverflow(by: Int(shape.stride))
    guard !overflow, slotBytes <= Heap.largestRequest else { throw .full }
    let bytes = Int(TableEngine.firstSlotAt) &+ slotBytes
    let block = try session.allocate(bytes)
    let memory = session.memory
    let start = unsafe try memory.pointer(block, bytes: bytes)
    unsafe memset(start, 0, bytes)
    try memory.store(number &- 1, at: block)
    let new = Slots(block: block, mask: number &- 1)
    if let old {
      var placed: UInt32 = 0
      for index in 0...old.mask {
        let from = old.slot(index, shape)
        let hash = try memory.load(from)
        guard hash > TableEngine.removed else { continue }
        // More entries than the table says it has would look for a free slot for ever.
        guard placed < count else {
          try session.free(block)
          throw .damaged
        }
        placed &+= 1
        var place = hash & new.mask
        while try memory.load(new.slot(place, shape)) != TableEngine.empty { place = (place &+ 1) & new.mask }
        unsafe (memory.base + Int(new.slot(place, shape)))
          .copyMemory(from: memory.base + Int(from), byteCount: Int(shape.stride))
      }
      try memory.store(count, at: block &+ 4)
    }
    try memory.store(block, at: at &+ TableEngine.slotsAt)
    if let old { try session.free(old.block) }
    return new
  }
}
