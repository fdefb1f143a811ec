// Vectors in a pool, without their element type: what `Vector` and the C library share.
//
//     vector   0  kind      a mark, so that another block is not taken for a vector
//              4  active    which of the two states is valid: 0 or 1
//              8  stride    bytes of an element
//             16  states[2] block, capacity, count, hole: 16 bytes each
//
// A vector whose user dies in the middle of a change stays a vector: what belongs together (block, capacity, count) is written
// into the state that is not valid, and one store makes it valid. Inserting and removing in the middle move the elements one
// by one past a hole, and the hole's place is stored after each: elements before the hole are where they were, the others one
// further, and whoever comes next reads over the hole and closes it before changing anything.
//
// Vectors have no lock of their own: readers exclude writers by a lock of the application's.

import CSystem

package struct VectorEngine {
  package let at: UInt32

  static let kind: UInt32 = 0x7665_6374  // "vect"
  static let kindAt: UInt32 = 0
  static let activeAt: UInt32 = 4
  static let strideAt: UInt32 = 8
  static let statesAt: UInt32 = 16
  static let stateBytes: UInt32 = 16
  static let bytes = 48
  static let noHole: UInt32 = ~0

  package init(_ at: UInt32) { self.at = at }

  struct State {
    var block: UInt32
    var capacity: UInt32
    var count: UInt32
    var hole: UInt32
  }

  package static func create(_ session: inout Session, stride: Int, capacity: Int) throws(PoolError) -> VectorEngine {
    guard capacity >= 0, capacity < Heap.largestRequest / max(stride, 1) else { throw .full }
    let at = try session.allocate(bytes)
    var block: UInt32 = 0
    if capacity > 0 {
      do throws(PoolError) { block = try session.allocate(capacity &* stride) } catch {
        try session.free(at)
        throw error
      }
    }
    let vector = VectorEngine(at)
    try session.memory.store(0, at: at &+ activeAt)
    try session.memory.store(UInt32(stride), at: at &+ strideAt)
    try vector.write(State(block: block, capacity: UInt32(capacity), count: 0, hole: noHole), 0, session.memory)
    try session.memory.store(kind, at: at &+ kindAt)
    return vector
  }

  package func destroy(_ session: inout Session) throws(PoolError) {
    let block = try state(session.memory).block
    try session.memory.store(0, at: at &+ VectorEngine.kindAt)
    try session.free(block)
    try session.free(at)
  }

  // MARK: Reading

  @inline(never)
  func state(_ memory: Memory) throws(PoolError) -> State {
    guard at & 7 == 0, try memory.load(at &+ VectorEngine.kindAt) == VectorEngine.kind else { throw .damaged }
    let from =
      at &+ VectorEngine.statesAt &+ (try memory.load(at &+ VectorEngine.activeAt) & 1) &* VectorEngine.stateBytes
    let state = State(
      block: try memory.load(from), capacity: try memory.load(from &+ 4), count: try memory.load(from &+ 8),
      hole: try memory.load(from &+ 12))
    guard state.count <= state.capacity, state.capacity < UInt32(Heap.largestRequest) else { throw .damaged }
    return state
  }

  package func count(_ session: Session) throws(PoolError) -> Int { Int(try state(session.memory).count) }

  /// Where element `index` is. Throws `outOfRange`.
  func element(_ index: Int, _ memory: Memory, _ stride: Int) throws(PoolError) -> UnsafeMutableRawPointer {
    let state = try state(memory)
    guard index >= 0, index < Int(state.count) else { throw .outOfRange }
    return unsafe try slot(UInt32(index) < state.hole ? index : index &+ 1, state, memory, stride)
  }

  @inline(never)
  private func slot(_ index: Int, _ state: State, _ memory: Memory, _ stride: Int) throws(PoolError)
    -> UnsafeMutableRawPointer
  {
    guard index < Int(state.capacity), try memory.load(at &+ VectorEngine.strideAt) == UInt32(stride),
      state.capacity <= UInt32(Heap.largestRequest / max(stride, 1))
    else { throw .damaged }
    return unsafe try memory.pointer(state.block, bytes: Int(state.capacity) &* stride) + index &* stride
  }

  package func get<Element: BitwiseCopyable>(
    _ index: Int, as type: Element.Type, _ session: Session
  ) throws(PoolError) -> Element {
    unsafe try element(index, session.memory, MemoryLayout<Element>.stride).load(as: Element.self)
  }

  // MARK: Changing

  package func set<Element: BitwiseCopyable>(
    _ index: Int, _ element: Element, _ session: Session
  ) throws(PoolError) {
    let state = try mend(session.memory, MemoryLayout<Element>.stride)
    guard index >= 0, index < Int(state.count) else { throw .outOfRange }
    unsafe try slot(index, state, session.memory, MemoryLayout<Element>.stride).storeBytes(
      of: element, as: Element.self)
  }

  /// Inserts before element `index`, which may be the end.
  package func insert<Element: BitwiseCopyable>(
    _ element: Element, at index: Int, _ session: inout Session
  ) throws(PoolError) {
    let stride = MemoryLayout<Element>.stride
    var state = try mend(session.memory, stride)
    guard index >= 0, index <= Int(state.count) else { throw .outOfRange }
    if state.count == state.capacity { state = try reserve(Int(state.count) &+ 1, state, &session, stride) }
    let memory = session.memory
    if index < Int(state.count) {
      try setHole(state.count, memory)
      try moveHole(from: Int(state.count), down: index, state, memory, stride)
    }
    unsafe try slot(index, state, memory, stride).storeBytes(of: element, as: Element.self)
    state.count &+= 1
    state.hole = VectorEngine.noHole
    try replace(state, memory)
  }

  package func remove(at index: Int, _ session: Session, stride: Int) throws(PoolError) {
    let memory = session.memory
    var state = try mend(memory, stride)
    guard index >= 0, index < Int(state.count) else { throw .outOfRange }
    state.count &-= 1
    if index < Int(state.count) { state.hole = UInt32(index) }
    try replace(state, memory)
    if index < Int(state.count) { _ = try mend(memory, stride) }
  }

  package func reserve(_ capacity: Int, _ session: inout Session, stride: Int) throws(PoolError) {
    let state = try mend(session.memory, stride)
    if capacity > Int(state.capacity) { _ = try reserve(capacity, state, &session, stride) }
  }

  private func reserve(
    _ wanted: Int, _ old: State, _ session: inout Session, _ stride: Int
  ) throws(PoolError) -> State {
    let capacity = max(wanted, Int(old.capacity) &* 2, 8)
    guard capacity < Heap.largestRequest / max(stride, 1) else { throw .full }
    // Elements that cannot be there must not ask for a gigabyte.
    let (held, overflow) = Int(old.capacity).multipliedReportingOverflow(by: stride)
    guard !overflow, old.capacity == 0 || lies(old.block, held, within: session.memory.size) else { throw .damaged }
    var state = old
    state.block = try session.allocate(capacity &* stride)
    state.capacity = UInt32(capacity)
    let memory = session.memory
    if old.count > 0 {
      let bytes = Int(old.count) &* stride
      let from = unsafe try memory.pointer(old.block, bytes: bytes)
      unsafe try memory.pointer(state.block, bytes: bytes).copyMemory(from: from, byteCount: bytes)
    }
    try replace(state, memory)
    try session.free(old.block)
    return state
  }

  // MARK: States and holes

  private func write(_ state: State, _ which: UInt32, _ memory: Memory) throws(PoolError) {
    let to = at &+ VectorEngine.statesAt &+ which &* VectorEngine.stateBytes
    try memory.store(state.block, at: to)
    try memory.store(state.capacity, at: to &+ 4)
    try memory.store(state.count, at: to &+ 8)
    try memory.store(state.hole, at: to &+ 12)
  }

  /// Makes a state valid in one store.
  @inline(never)
  private func replace(_ state: State, _ memory: Memory) throws(PoolError) {
    let other = 1 &- (try memory.load(at &+ VectorEngine.activeAt) & 1)
    try write(state, other, memory)
    try memory.store(other, at: at &+ VectorEngine.activeAt)
  }

  private func setHole(_ hole: UInt32, _ memory: Memory) throws(PoolError) {
    let active = try memory.load(at &+ VectorEngine.activeAt) & 1
    try memory.store(hole, at: at &+ VectorEngine.statesAt &+ active &* VectorEngine.stateBytes &+ 12)
  }

  private func moveHole(
    from hole: Int, down index: Int, _ state: State, _ memory: Memory, _ stride: Int
  ) throws(PoolError) {
    var hole = hole
    while hole > index {
      try copy(hole &- 1, to: hole, state, memory, stride)
      hole &-= 1
      try setHole(UInt32(hole), memory)
    }
  }

  @inline(never)
  private func copy(_ from: Int, to: Int, _ state: State, _ memory: Memory, _ stride: Int) throws(PoolError) {
    let source = unsafe try slot(from, state, memory, stride)
    unsafe try slot(to, state, memory, stride).copyMemory(from: source, byteCount: stride)
  }

  /// The state with its hole closed.
  @inline(never)
  private func mend(_ memory: Memory, _ stride: Int) throws(PoolError) -> State {
    var state = try state(memory)
    guard state.hole != VectorEngine.noHole else { return state }
    guard state.hole <= state.count, state.count < state.capacity else { throw .damaged }
    for hole in state.hole..<state.count {
      try copy(Int(hole) &+ 1, to: Int(hole), state, memory, stride)
      try setHole(hole &+ 1, memory)
    }
    state.hole = VectorEngine.noHole
    try replace(state, memory)
    return state
  }
}
