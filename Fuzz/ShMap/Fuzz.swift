// Fuzzes a shared pool: an input is a list of operations on the heap, a vector, a map and a set, each compared with a simple
// model. An input whose first byte is odd damages words of the pool on the way: then anything may fail, but nothing may crash or
// hang. (Words of locks are left alone: one that names a living thread is waited for, and rightly.)

import CSystem
import FuzzDriver
import ShMap

@main
enum Fuzz {
  static func main() {
    var (count, arguments) = unsafe (CommandLine.argc, UnsafeMutablePointer?(CommandLine.unsafeArgv))
    _ = unsafe LLVMFuzzerRunDriver(&count, &arguments) { data, count in
      let input = unsafe Array(UnsafeBufferPointer(start: data, count: count))
      let path = Array("/dev/shm/shmapper-fuzz-\(getpid())".utf8)
      var run = FuzzRun(input, path)
      do throws(PoolError) { try run.run() } catch {
        if !run.damages { fatalError("\(error)") }
      }
      return 0
    }
  }
}

struct FuzzRun {
  private let input: [UInt8]
  private let path: [UInt8]
  private var at = 1
  let damages: Bool
  private var blocks: [(block: Offset<UInt8>, count: Int, mark: UInt8)] = []
  private var list: [UInt32] = []
  private var entries: [[UInt8]: UInt32] = [:]
  private var members: [[UInt8]: Bool] = [:]

  init(_ input: [UInt8], _ path: [UInt8]) {
    self.input = input
    self.path = path
    damages = (input.first ?? 0) & 1 == 1
  }

  private mutating func byte() -> Int {
    guard at < input.count else { return 0 }
    at += 1
    return Int(input[at - 1])
  }

  private func expect(_ condition: Bool, _ what: StaticString) {
    if !condition, !damages { fatalError("\(what)") }
  }

  mutating func run() throws(PoolError) {
    // Damage may have made an earlier input's file one that is to be kept.
    unsafe withPath { unsafe _ = unlink($0) }
    let pool = try SharedPool(creating: .file(path), reserve: 128 << 10)
    var access = try pool.access()
    let vector = try Vector<UInt32>(in: &access)
    let map = try Map<Bytes, UInt32>(in: &access)
    let set = try ShMap.Set<UInt16>(in: &access)
    while at < input.count {
      do throws(PoolError) {
        switch byte() % 8 {
        case 0: try allocate(&access)
        case 1: try release(&access)
        case 2: try reallocate(&access)
        case 3, 4: try use(vector, &access)
        case 5: try use(map, &access)
        case 6: try use(set, &access)
        default: if damages { damage() } else { expect(try access.checkHeap().isSound, "the heap is not sound") }
        }
      } catch {
        guard damages else { throw error }
      }
    }
    while !blocks.isEmpty { try release(&access) }
    try vector.destroy(in: &access)
    try map.destroy(in: &access)
    try set.destroy(in: &access)
    let report = try access.checkHeap()
    expect(report.isSound && report.usedBlocks == 0, "blocks are left")
  }

  private func withPath<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    unsafe path.withUnsafeBytes { bytes in
      unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { name in
        for index in 0..<bytes.count { unsafe name[index] = CChar(bitPattern: bytes[index]) }
        unsafe name[bytes.count] = 0
        return unsafe body(name.baseAddress!)
      }
    }
  }

  private func damage(_ place: Int, _ word: UInt32) {
    let isLock = place < 1024 ? place >= 128 && place < 256 : place < 20480 && ((place & 1023) < 44 || place >= 5120)
    guard !isLock else { return }
    let file = unsafe withPath { unsafe shm_open_file($0, O_RDWR, 0) }
    var word = word
    unsafe _ = pwrite(file, &word, 4, off_t(place))
    _ = close(file)
  }

  private mutating func damage() {
    let place = (byte() | byte() << 8 | (byte() & 1) << 16) & ~3
    damage(place, UInt32(byte()) | UInt32(byte()) << 8 | UInt32(byte()) << 16 | UInt32(byte()) << 24)
  }

  private mutating func allocate(_ access: inout Access) throws(PoolError) {
    let count = 1 + byte() * (byte() % 16 == 0 ? 200 : 2)
    let mark = UInt8(byte())
    let block = try access.allocate(UInt8.self, count: count)
    var bytes = try access.mutableSpan(block, count: count)
    for index in 0..<count { bytes[index] = mark }
    blocks.append((block, count, mark))
  }

  private func check(_ one: (block: Offset<UInt8>, count: Int, mark: UInt8), _ access: borrowing Access)
    throws(PoolError)
  {
    let bytes = try access.span(one.block, count: one.count)
    for index in 0..<one.count { expect(bytes[index] == one.mark, "a block was overwritten") }
  }

  private mutating func release(_ access: inout Access) throws(PoolError) {
    guard !blocks.isEmpty else { return }
    let one = blocks.remove(at: byte() % blocks.count)
    try check(one, access)
    if one.count >= 16 {
      do throws(PoolError) {
        try access.free(Offset<UInt8>(one.block.raw + 8))
        expect(false, "freed the middle of a block")
      } catch { expect(error == .notAllocated, "an error of another kind") }
    }
    try access.free(one.block)
    do throws(PoolError) {
      try access.free(one.block)
      expect(false, "freed twice")
    } catch { expect(error == .notAllocated, "an error of another kind") }
  }

  private mutating func reallocate(_ access: inout Access) throws(PoolError) {
    guard !blocks.isEmpty else { return }
    let index = byte() % blocks.count
    let old = blocks.remove(at: index)
    let count = 1 + byte() * 8
    let block = try access.reallocate(old.block, count: count)
    try check((block, min(count, old.count), old.mark), access)
    var bytes = try access.mutableSpan(block, count: count)
    for index in 0..<count { bytes[index] = old.mark }
    blocks.append((block, count, old.mark))
  }

  private mutating func use(_ vector: Vector<UInt32>, _ access: inout Access) throws(PoolError) {
    let what = byte()
    let place = byte()
    switch what % 4 {
    case 0:
      try vector.append(UInt32(place), in: &access)
      list.append(UInt32(place))
    case 1:
      try vector.insert(UInt32(what), at: place % (list.count + 1), in: &access)
      list.insert(UInt32(what), at: place % (list.count + 1))
    case 2:
      guard !list.isEmpty else { return }
      try vector.remove(at: place % list.count, in: &access)
      list.remove(at: place % list.count)
    default:
      let last = try vector.popLast(in: &access)
      expect(last == list.popLast(), "another last element")
    }
    expect(try vector.count(in: access) == list.count, "another count")
    if !list.isEmpty {
      expect(try vector.get(place % list.count, in: access) == list[place % list.count], "another element")
    }
  }

  private mutating func use(_ map: Map<Bytes, UInt32>, _ access: inout Access) throws(PoolError) {
    let what = byte()
    let key = [UInt8](repeating: UInt8(byte()), count: 1 + byte() % 20)
    switch what % 3 {
    case 0:
      try map.set(key.span, to: UInt32(what), in: &access)
      entries[key] = UInt32(what)
    case 1:
      let old = try map.remove(key.span, in: &access)
      expect(old == entries.removeValue(forKey: key), "removed another value")
    default:
      expect(try map.get(key.span, in: access) == entries[key], "another value")
    }
    expect(try map.count(in: access) == entries.count, "another count of entries")
  }

  private mutating func use(_ set: ShMap.Set<UInt16>, _ access: inout Access) throws(PoolError) {
    let what = byte()
    let number = UInt16(byte() | byte() << 8)
    let key = [UInt8(truncatingIfNeeded: number), UInt8(number >> 8)]
    switch what % 3 {
    case 0: expect(try set.insert(number, in: &access) == (members.updateValue(true, forKey: key) == nil), "insert")
    case 1: expect(try set.remove(number, in: &access) == (members.removeValue(forKey: key) != nil), "remove")
    default: expect(try set.contains(number, in: access) == (members[key] != nil), "contains")
    }
    expect(try set.count(in: access) == members.count, "another count of members")
  }
}
