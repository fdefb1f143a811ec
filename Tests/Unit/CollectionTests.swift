// Vectors, maps and sets by themselves: what they hold compared with a model of them, what they refuse, and what is left when
// whoever changed them died in the middle.

import CSystem
import Testing

@testable import ShMap

/// Runs `body` in a new pool, which has to be empty and sound afterwards.
private func inPool(_ body: (inout Access) throws(PoolError) -> Void) throws {
  try withPool(reserve: 128 << 10) { pool, _ in
    let report = try pool.withAccess { access throws(PoolError) in
      try body(&access)
      return try access.checkHeap()
    }
    #expect(report.isSound)
    #expect(report.usedBlocks == 0)
  }
}

private func refused(_ error: PoolError, _ body: () throws(PoolError) -> Void) {
  do throws(PoolError) {
    try body()
    Issue.record("not refused")
  } catch let given { if given != error { Issue.record("\(given), not \(error)") } }
}

private func elements<Element>(
  of vector: Vector<Element>, _ access: borrowing Access
) throws(PoolError) -> [Element] {
  var all: [Element] = []
  try vector.forEach(in: access) { all.append($0) }
  return all
}

@Suite struct VectorTests {
  @Test(arguments: [1, 2, 3]) func aVectorHoldsWhatAnArrayWould(seed: UInt64) throws {
    try inPool { access throws(PoolError) in
      let vector = try Vector<UInt32>(in: &access, capacity: seed == 2 ? 100 : 0)
      var model: [UInt32] = []
      var random = SplitMix(seed)
      for step in 0..<2000 {
        let index = Int(random.next() % UInt64(model.count + 1))
        switch random.next() % (step < 1000 ? 5 : 8) {
        case 0, 1:
          try vector.append(UInt32(step), in: &access)
          model.append(UInt32(step))
        case 2, 3:
          try vector.insert(UInt32(step), at: index, in: &access)
          model.insert(UInt32(step), at: index)
        case 4:
          guard index < model.count else { continue }
          try vector.set(index, to: UInt32(step), in: &access)
          model[index] = UInt32(step)
        case 5:
          if try vector.popLast(in: &access) != model.popLast() { Issue.record("another last element") }
        default:
          guard index < model.count else { continue }
          try vector.remove(at: index, in: &access)
          model.remove(at: index)
        }
        if step % 100 == 0, try elements(of: vector, access) != model { Issue.record("they differ at \(step)") }
      }
      if try elements(of: vector, access) != model { Issue.record("they differ") }
      if try vector.count(in: access) != model.count { Issue.record("another count") }
      try vector.destroy(in: &access)
    }
  }

  @Test func anIndexBeyondTheElementsIsRefused() throws {
    try inPool { access throws(PoolError) in
      let vector = try Vector<UInt16>(in: &access)
      for index in [-1, 0, Int.max, Int.min] {
        refused(.outOfRange) { () throws(PoolError) in _ = try vector.get(index, in: access) }
      }
      try vector.append(7, in: &access)
      for index in [-1, 1, 1 << 40, Int.max, Int.min] {
        refused(.outOfRange) { () throws(PoolError) in _ = try vector.get(index, in: access) }
        refused(.outOfRange) { () throws(PoolError) in try vector.set(index, to: 1, in: &access) }
        refused(.outOfRange) { () throws(PoolError) in try vector.remove(at: index, in: &access) }
        if index != 1 { refused(.outOfRange) { () throws(PoolError) in try vector.insert(1, at: index, in: &access) } }
      }
      if try elements(of: vector, access) != [7] { Issue.record("changed") }
      try vector.destroy(in: &access)
      refused(.full) { () throws(PoolError) in _ = try Vector<UInt64>(in: &access, capacity: 1 << 28) }
      refused(.full) { () throws(PoolError) in _ = try Vector<UInt64>(in: &access, capacity: -1) }
    }
  }

  @Test func whatIsNoVectorOrOneOfOtherElementsIsRefused() throws {
    try inPool { access throws(PoolError) in
      let vector = try Vector<UInt16>(in: &access)
      try vector.append(7, in: &access)
      refused(.damaged) { () throws(PoolError) in _ = try Vector<UInt64>(at: vector.offset).get(0, in: access) }
      let map = try Map<UInt32, UInt32>(in: &access)
      for at in [map.offset, 0, 4, 7, vector.offset + 8, ~0, ~7] {
        refused(.damaged) { () throws(PoolError) in _ = try Vector<UInt16>(at: at).count(in: access) }
      }
      try map.destroy(in: &access)
      try vector.destroy(in: &access)
      refused(.damaged) { () throws(PoolError) in try vector.append(8, in: &access) }
    }
  }

  /// Moving elements aside goes one by one past a hole: wherever that ends, the next sees the vector as it was, and mends it.
  @Test func anInsertionThatWasCutShortLeavesTheVectorAsItWas() throws {
    let before: [UInt32] = [10, 11, 12, 13, 14]
    for hole in 0...before.count {
      try inPool { access throws(PoolError) in
        let vector = try Vector<UInt32>(in: &access)
        for element in before { try vector.append(element, in: &access) }
        let memory = access.session.memory
        let active = try memory.load(vector.offset + VectorEngine.activeAt)
        let state = vector.offset + VectorEngine.statesAt + active * VectorEngine.stateBytes
        let block = try memory.load(state)
        for index in stride(from: before.count, to: hole, by: -1) {
          try memory.store(before[index - 1], at: block + 4 * UInt32(index))
        }
        if hole < before.count { try memory.store(0xdead, at: block + 4 * UInt32(hole)) }
        try memory.store(UInt32(hole), at: state + 12)
        if try elements(of: vector, access) != before { Issue.record("hole \(hole) is seen") }
        try vector.append(15, in: &access)
        if try elements(of: vector, access) != before + [15] { Issue.record("hole \(hole) is not mended") }
        try vector.destroy(in: &access)
      }
    }
  }
}

@Suite struct MapTests {
  @Test(arguments: [1, 2, 3]) func aMapHoldsWhatADictionaryWould(seed: UInt64) throws {
    try inPool { access throws(PoolError) in
      let map = try Map<Bytes, UInt32>(in: &access)
      let numbers = try Map<UInt16, UInt64>(in: &access)
      var model: [[UInt8]: UInt32] = [:]
      var numberModel: [UInt16: UInt64] = [:]
      var random = SplitMix(seed)
      for step in 0..<6000 {
        let number = random.next() % 700
        let key = Array("/key/\(number)".utf8) + [UInt8](repeating: 0, count: Int(number % 40))
        if random.next() % 5 < (step < 3000 ? 3 : 2) {
          try map.set(key.span, to: UInt32(step), in: &access)
          model[key] = UInt32(step)
          try numbers.set(UInt16(number), to: UInt64(step), in: &access)
          numberModel[UInt16(number)] = UInt64(step)
        } else {
          if try map.remove(key.span, in: &access) != model.removeValue(forKey: key) { Issue.record("another value") }
          if try numbers.remove(UInt16(number), in: &access) != numberModel.removeValue(forKey: UInt16(number)) {
            Issue.record("another number")
          }
        }
        let other = Array("/key/\(random.next() % 700)".utf8)
        if try map.get(other.span, in: access) != model[other] { Issue.record("another value of \(other)") }
      }
      var found: [[UInt8]: UInt32] = [:]
      try map.forEach(in: access) { key, value in
        let copy = key.indices.map { key[$0] }
        if found.updateValue(value, forKey: copy) != nil { Issue.record("a key twice") }
      }
      if found != model { Issue.record("they differ") }
      if try map.count(in: access) != model.count { Issue.record("another count") }
      var foundNumbers: [UInt16: UInt64] = [:]
      try numbers.forEach(in: access) { foundNumbers[$0] = $1 }
      if foundNumbers != numberModel { Issue.record("the numbers differ") }
      try map.destroy(in: &access)
      try numbers.destroy(in: &access)
    }
  }

  @Test func aKeyOfNoBytesIsRefused() throws {
    try inPool { access throws(PoolError) in
      let none: [UInt8] = []
      let map = try Map<Bytes, UInt32>(in: &access)
      refused(.outOfRange) { () throws(PoolError) in try map.set(none.span, to: 1, in: &access) }
      if try map.get(none.span, in: access) != nil { Issue.record("found") }
      try map.destroy(in: &access)
      let set = try ShMap.Set<Bytes>(in: &access)
      refused(.outOfRange) { () throws(PoolError) in try set.insert(none.span, in: &access) }
      try set.destroy(in: &access)
    }
  }

  @Test func whatIsNoMapOrOneOfOtherTypesIsRefused() throws {
    try inPool { access throws(PoolError) in
      let map = try Map<UInt32, UInt32>(in: &access)
      try map.set(1, to: 2, in: &access)
      refused(.damaged) { () throws(PoolError) in _ = try Map<UInt32, UInt64>(at: map.offset).get(1, in: access) }
      refused(.damaged) { () throws(PoolError) in _ = try Map<UInt64, UInt32>(at: map.offset).get(1, in: access) }
      refused(.damaged) { () throws(PoolError) in _ = try ShMap.Set<UInt32>(at: map.offset).contains(1, in: access) }
      for at in [0, 4, 7, map.offset + 8, ~0, ~7] as [UInt32] {
        refused(.damaged) { () throws(PoolError) in _ = try Map<UInt32, UInt32>(at: at).get(1, in: access) }
      }
      try map.destroy(in: &access)
      refused(.damaged) { () throws(PoolError) in try map.set(1, to: 2, in: &access) }
    }
  }

  @Test func sumsThatADeathLeftWrongAreCountedAnewByTheNextChange() throws {
    try inPool { access throws(PoolError) in
      let map = try Map<UInt32, UInt32>(in: &access)
      for key in UInt32(0)..<5 { try map.set(key, to: key, in: &access) }
      // As between the store of a sixth entry's hash and that of the sum.
      try access.session.memory.store(1, at: map.offset + TableEngine.changingAt)
      try access.session.memory.store(4, at: map.offset + TableEngine.countAt)
      try map.set(77, to: 77, in: &access)
      if try map.count(in: access) != 6 { Issue.record("counted wrongly") }
      try map.destroy(in: &access)
    }
  }

  @Test func moreEntriesThanATableCountsAreAnErrorAndNoEndlessSearch() throws {
    try inPool { access throws(PoolError) in
      let map = try Map<UInt32, UInt32>(in: &access)
      for key in UInt32(0)..<90 { try map.set(key, to: key, in: &access) }
      try access.session.memory.store(2, at: map.offset + TableEngine.countAt)
      let block = try access.session.memory.load(map.offset + TableEngine.slotsAt)
      try access.session.memory.store(~0, at: block + 4)
      let used = try access.usedBytes()
      refused(.damaged) { () throws(PoolError) in try map.set(1000, to: 1, in: &access) }
      if try access.usedBytes() != used { Issue.record("a block is left") }
      try map.destroy(in: &access)
    }
  }
}

@Suite struct SetTests {
  @Test(arguments: [1, 2]) func aSetHoldsWhatSwiftsWould(seed: UInt64) throws {
    try inPool { access throws(PoolError) in
      let set = try ShMap.Set<Bytes>(in: &access)
      let numbers = try ShMap.Set<UInt64>(in: &access)
      var model: Swift.Set<UInt64> = []
      var random = SplitMix(seed)
      for _ in 0..<5000 {
        let number = random.next() % 600
        let key = Array("member \(number)".utf8)
        if random.next() % 2 == 0 {
          let isNew = model.insert(number).inserted
          let added = (try set.insert(key.span, in: &access), try numbers.insert(number, in: &access))
          if added != (isNew, isNew) { Issue.record("added \(added)") }
        } else {
          let wasThere = model.remove(number) != nil
          let removed = (try set.remove(key.span, in: &access), try numbers.remove(number, in: &access))
          if removed != (wasThere, wasThere) { Issue.record("removed \(removed)") }
        }
        let there = (try set.contains(key.span, in: access), try numbers.contains(number, in: access))
        if there != (model.contains(number), model.contains(number)) { Issue.record("contains \(there)") }
      }
      var found: Swift.Set<UInt64> = []
      try numbers.forEach(in: access) { if !found.insert($0).inserted { Issue.record("a member twice") } }
      if found != model { Issue.record("they differ") }
      var members = 0
      try set.forEach(in: access) { _ in members += 1 }
      let counts = (members, try set.count(in: access), try numbers.count(in: access))
      if counts != (model.count, model.count, model.count) { Issue.record("counts \(counts)") }
      try set.destroy(in: &access)
      try numbers.destroy(in: &access)
    }
  }
}
