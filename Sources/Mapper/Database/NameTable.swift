// Names by number: what the mapper needs of Dictionary and Set, compiled once.
//
// The standard library's are compiled anew for each type that they hold, 4 KB each time; a BMC's flash is small.

/// Gives each different byte string the next number: 0, 1, 2 ... A user keeps what belongs to a name in an array beside.
public struct NameTable {
  public private(set) var names: [[UInt8]] = []
  private var hashes: [Int] = []
  /// Open addressing: a number plus one, or 0. Never more than half full, a power of two.
  private var slots: [UInt32] = []

  public init() {}

  /// The number of a name that is there.
  public func number(of name: [UInt8]) -> Int? {
    guard !slots.isEmpty else { return nil }
    let found = slots[slot(of: name.span, NameTable.hash(name.span))]
    return found == 0 ? nil : Int(found) - 1
  }

  /// The number of a name, which is there from now on; `isNew` if it was not.
  public mutating func insert(_ name: [UInt8]) -> (number: Int, isNew: Bool) {
    insert(name.span) { name }
  }

  /// A name's own array, which all who ask share. It is copied only if it is new.
  public mutating func shared(_ name: Span<UInt8>) -> [UInt8] {
    names[insert(name) { ByteString(copying: name).bytes }.number]
  }

  private mutating func insert(_ name: Span<UInt8>, _ array: () -> [UInt8]) -> (number: Int, isNew: Bool) {
    if names.count * 2 >= slots.count { grow() }
    let hash = NameTable.hash(name)
    let slot = slot(of: name, hash)
    if slots[slot] != 0 { return (Int(slots[slot]) - 1, false) }
    names.append(array())
    hashes.append(hash)
    slots[slot] = UInt32(names.count)
    return (names.count - 1, true)
  }

  /// Where a name is, or where it belongs.
  private func slot(of name: Span<UInt8>, _ hash: Int) -> Int {
    var slot = hash & (slots.count - 1)
    while slots[slot] != 0 {
      let number = Int(slots[slot]) - 1
      if hashes[number] == hash {
        let known = names[number]
        if compareBytes(known.span, name) == 0 { return slot }
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    return slot
  }

  private mutating func grow() {
    slots = [UInt32](repeating: 0, count: max(16, slots.count * 2))
    for number in names.indices {
      var slot = hashes[number] & (slots.count - 1)
      while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = UInt32(number + 1)
    }
  }

  /// Seeded, so that nobody on the bus can choose names that meet.
  private static func hash(_ name: Span<UInt8>) -> Int {
    var hasher = Hasher()
    unsafe name.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    return hasher.finalize()
  }
}
