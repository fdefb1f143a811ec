// Hash tables in a pool, without the types of key and value: what `Map`, `Set` and the C library share. Open addressing with
// linear probing.
//
//     table    0  kind      a mark, so that another block is not taken for a table
//              4  flags     bit 0: keys are in the slots; bit 1: the table owns the blocks that its keys lead to
//              8  slots     the block of slots that is valid
//             12  count     entries
//             16  changing  1 while a change is under way
//             20  seed
//             24  keyBytes, 28  valueBytes
//
//     slots    0  mask      number of slots - 1, a power of two less one
//              4  used      slots that are not empty, the removed ones included
//              8  slot[]    hash, key, value: 4 bytes, key, padding to 8, value, padding to 8
//
//     key      offset and length of bytes in the pool, or the key's own bytes
//
// A slot's hash is 0 when it never held an entry, 1 when it was removed. An entry appears and disappears by the one store of
// its hash, and a larger table by the store of `slots`: a user that dies leaves the table as before or after its change. Only
// the sums can be wrong then, which `changing` says; the next change counts anew.
//
// Tables have no lock of their own: readers exclude writers by a lock of the application's.

import CSystem

package struct TableEngine {
  package let at: UInt32

  static let mapKind: UInt32 = 0x6d61_7021  // "map!"
  static let setKind: UInt32 = 0x7365_7421  // "set!"
  static let kindAt: UInt32 = 0
  static let flagsAt: UInt32 = 4
  static let slotsAt: UInt32 = 8
  static let countAt: UInt32 = 12
  static let changingAt: UInt32 = 16
  static let seedAt: UInt32 = 20
  static let keyBytesAt: UInt32 = 24
  static let valueBytesAt: UInt32 = 28
  static let bytes = 32

  static let firstSlotAt: UInt32 = 8
  static let empty: UInt32 = 0
  static let removed: UInt32 = 1
  static let smallest: UInt32 = 8

  package init(_ at: UInt32) { self.at = at }

  /// How a table's slots are laid out; the caller knows it from its types, the table confirms it.
  package struct Shape {
    package let isMap: Bool
    package let inlineKeys: Bool
    package let ownsKeys: Bool
    package let keyBytes: UInt32
    package let valueBytes: UInt32

    package init(isMap: Bool, inlineKeys: Bool, ownsKeys: Bool, keyBytes: Int, valueBytes: Int) {
      self.isMap = isMap
      self.inlineKeys = inlineKeys
      self.ownsKeys = ownsKeys
      self.keyBytes = UInt32(keyBytes)
      self.valueBytes = UInt32(valueBytes)
    }

    var kind: UInt32 { isMap ? TableEngine.mapKind : TableEngine.setKind }
    var flags: UInt32 { (inlineKeys ? 1 : 0) | (ownsKeys ? 2 : 0) }
    @inline(__always) package var valueAt: UInt32 { (4 &+ keyBytes &+ 7) & ~7 }
    @inline(__always) package var stride: UInt32 { (valueAt &+ valueBytes &+ 7) & ~7 }
  }

  /// The valid block of slots.
  struct Slots {
    let block: UInt32
    let mask: UInt32
    @inline(__always) func slot(_ index: UInt32, _ shape: Shape) -> UInt32 {
      block &+ TableEngine.firstSlotAt &+ (index & mask) &* shape.stride
    }
  }

  package static func create(_ session: inout Session, _ shape: Shape) throws(PoolError) -> TableEngine {
    let at = try session.allocate(bytes)
    let memory = session.memory
    unsafe memset(try memory.pointer(at, bytes: bytes), 0, bytes)
    try memory.store(shape.flags, at: at &+ flagsAt)
    try memory.store(shape.keyBytes, at: at &+ keyBytesAt)
    try memory.store(shape.valueBytes, at: at &+ valueBytesAt)
    try memory.store(try memory.load(Layout.seedAt), at: at &+ seedAt)
    try memory.store(shape.kind, at: at &+ kindAt)
    return TableEngine(at)
  }

  package func destroy(_ session: inout Session, _ shape: Shape) throws(PoolError) {
    let slots = try slots(session.memory, shape)
    try session.memory.store(0, at: at &+ TableEngine.kindAt)
    if let slots {
      if shape.ownsKeys {
        for index in 0...slots.mask {
          let slot = slots.slot(index, shape)
          if try session.memory.load(slot) > TableEngine.removed {
            try session.free(try session.memory.load(slot &+ 4))
          }
        }
      }
      try session.free(slots.block)
    }
    try session.free(at)
  }

  // MARK: Reading

  /// Nil while the table never had an entry.
  func slots(_ memory: Memory, _ shape: Shape) throws(PoolError) -> Slots? {
    guard at & 7 == 0, try memory.loadHere(at &+ TableEngine.kindAt) == shape.kind,
      try memory.loadHere(at &+ TableEngine.keyBytesAt) == shape.keyBytes,
      try memory.loadHere(at &+ TableEngine.valueBytesAt) == shape.valueBytes
    else { throw .damaged }
    let block = try memory.loadHere(at &+ TableEngine.slotsAt)
    guard block != 0 else { return nil }
    let mask = try memory.loadHere(block)
    guard mask & (mask &+ 1) == 0, mask < 1 << 28, block & 7 == 0, block >= Layout.headerBytes,
      UInt64(block) + 8 + UInt64(mask + 1) * UInt64(shape.stride) <= UInt64(memory.size)
    else { throw .damaged }
    return Slots(block: block, mask: mask)
  }

  package func count(_ session: Session) throws(PoolError) -> Int {
    Int(clamping: try session.memory.load(at &+ TableEngine.countAt))
  }

  func hash(_ key: UnsafeRawPointer, _ length: Int, _ memory: Memory) throws(PoolError) -> UInt32 {
    let hash = unsafe ByteHash.hash(key, length, seed: try memory.load(at &+ TableEngine.seedAt))
    return hash > TableEngine.removed ? hash : hash | 2
  }

  /// The slot that holds a key; nil when none does.
  package func find(
    _ key: UnsafeRawPointer, _ length: Int, _ session: Session, _ shape: Shape
  ) throws(PoolError) -> UInt32? {
    let memory = session.memory
    guard let slots = try slots(memory, shape) else { return nil }
    let hash = unsafe try hash(key, length, memory)
    var index = hash & slots.mask
    for _ in 0...slots.mask {
      let slot = slots.slot(index, shape)
      let found = unsafe shm_load32_acquire(memory.base + Int(slot))
      if found == TableEngine.empty { return nil }
      if found == hash, unsafe try holds(slot, key, length, memory, shape) { return slot }
      index = (index &+ 1) & slots.mask
    }
    return nil
  }

  @inline(__always)
  private func holds(
    _ slot: UInt32, _ key: UnsafeRawPointer, _ length: Int, _ memory: Memory, _ shape: Shape
  ) throws(PoolError) -> Bool {
    if shape.inlineKeys { return unsafe memcmp(memory.base + Int(slot &+ 4), key, length) == 0 }
    let at = unsafe shm_load32(memory.base + Int(slot &+ 4))
    guard unsafe shm_load32(memory.base + Int(slot &+ 8)) == UInt32(truncatingIfNeeded: length) else { return false }
    guard lies(at, length, within: memory.size) else { throw .damaged }
    return unsafe memcmp(memory.base + Int(at), key, length) == 0
  }

  /// The next slot with an entry, from slot number `from` on, and the number to go on with.
  package func next(
    from: UInt32, _ session: Session, _ shape: Shape
  ) throws(PoolError) -> (slot: UInt32, next: UInt32)? {
    guard let slots = try slots(session.memory, shape) else { return nil }
    var index = from
    while index <= slots.mask {
      let slot = slots.slot(index, shape)
      index &+= 1
      if try session.memory.load(slot) > TableEngine.removed { return (slot, index) }
    }
    return nil
  }
}
