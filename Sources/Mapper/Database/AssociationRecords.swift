// Associations as they stand in the pool: endpoint lists under association paths, and claims, which say whose definitions
// made which endpoint. What the definitions mean is in Associations.swift.

import ShMap

/// One endpoint that a service's definitions made.
struct Claim: Equatable {
  var service: UInt32
  var association: UInt32
  var endpoint: UInt32
}

extension Registry {
  // MARK: Endpoints

  /// The endpoints under an association path, in the order in which they came; empty when there is no such association.
  borrowing func endpoints(_ association: Span<UInt8>) -> [UInt32] {
    let found = position(roots.associations, association)
    guard found.isExact else { return [] }
    return words(of: sound { () throws(PoolError) in try view.value(found) }, stride: 1)
  }

  /// How many endpoints there are under an association path.
  borrowing func endpointCount(_ association: Span<UInt8>) -> Int {
    let found = position(roots.associations, association)
    guard found.isExact else { return 0 }
    let view = self.view
    return sound { () throws(PoolError) in Int(try view.itemCount(try view.value(found))) }
  }

  /// The place of an endpoint in a list; nil when it is not there. Lists are long: this looks at them in place.
  private borrowing func index(of endpoint: UInt32, in block: UInt32) -> Int? {
    let view = self.view
    return sound { () throws(PoolError) in
      let list = try view.span(Offset<UInt32>(block + Words.items), count: Int(try view.itemCount(block)))
      for index in list.indices where list[index] == endpoint { return index }
      return nil
    }
  }

  /// Adds an endpoint at the end; false when it is there already. `association` and `endpoint` are texts in use.
  mutating func addEndpoint(_ endpoint: UInt32, to association: UInt32) -> Bool {
    let found = position(roots.associations, ofText: association)
    guard found.isExact else {
      let block = makeEndpoints([endpoint], room: 1)
      useText(again: association)
      useText(again: endpoint)
      storage.insert(association, value: block, into: &roots.associations, at: found)
      roots.associationCount += 1
      return true
    }
    let block = sound { () throws(PoolError) in try view.value(found) }
    if index(of: endpoint, in: block) != nil { return false }
    useText(again: endpoint)
    let count = storage.pool[block + Words.count]
    let isOwn = storage.pool[block] == storage.transaction
    if isOwn, storage.pool.capacity(of: block) >= Int(Words.items + 4 * (count + 1)) {
      storage.pool[block + Words.items + 4 * count] = endpoint
      storage.pool[block + Words.count] = count + 1
      return true
    }
    // A list that grows within one transaction is part of a scan and will grow on.
    let room = isOwn ? count * 2 : count + 1
    let longer = makeEndpoints(words(of: block, stride: 1) + [endpoint], room: Int(room))
    storage.setValue(longer, in: &roots.associations, at: found)
    storage.discard(block, mark: 0)
    return true
  }

  /// Takes an endpoint out; false when it is not there. The last one takes the association along.
  mutating func removeEndpoint(_ endpoint: UInt32, from association: UInt32) -> Bool {
    let found = position(roots.associations, ofText: association)
    guard found.isExact else { return false }
    let block = sound { () throws(PoolError) in try view.value(found) }
    guard let index = index(of: endpoint, in: block) else { return false }
    let count = storage.pool[block + Words.count]
    if count == 1 {
      storage.remove(from: &roots.associations, at: found)
      roots.associationCount -= 1
      storage.discard(block, mark: 0)
      dropText(association)
    } else if storage.pool[block] == storage.transaction {
      let at = block + Words.items + 4 * UInt32(index)
      storage.moveWords(count - UInt32(index) - 1, from: at + 4, to: at)
      storage.pool[block + Words.count] = count - 1
    } else {
      var rest = words(of: block, stride: 1)
      rest.remove(at: index)
      storage.setValue(makeEndpoints(rest, room: rest.count), in: &roots.associations, at: found)
      storage.discard(block, mark: 0)
    }
    dropText(endpoint)
    return true
  }

  private mutating func makeEndpoints(_ list: [UInt32], room: Int) -> UInt32 {
    let block = storage.allocate(Int(Words.items) + 4 * max(room, list.count))
    storage.pool[block] = storage.transaction
    storage.pool[block + Words.count] = UInt32(list.count)
    for index in list.indices { storage.pool[block + Words.items + 4 * UInt32(index)] = list[index] }
    return block
  }

  // MARK: Claims

  /// What the definitions on one object made, sorted by service, association path and endpoint.
  borrowing func claims(_ source: Span<UInt8>) -> [Claim] {
    let found = position(roots.claims, source)
    guard found.isExact else { return [] }
    let words = words(of: sound { () throws(PoolError) in try view.value(found) }, stride: 3)
    return stride(from: 0, to: words.count, by: 3).map {
      Claim(service: words[$0], association: words[$0 + 1], endpoint: words[$0 + 2])
    }
  }

  /// Replaces all claims of one object. The texts are in use; each claim counts them once more.
  mutating func setClaims(_ claims: [Claim], of source: UInt32) {
    let found = position(roots.claims, ofText: source)
    for claim in claims {
      useText(again: claim.service)
      useText(again: claim.association)
      useText(again: claim.endpoint)
      claimants.add(source, to: claim.endpoint)
    }
    let old = found.isExact ? sound { () throws(PoolError) in try view.value(found) } : 0
    let oldWords = words(of: old, stride: 3)
    if claims.isEmpty {
      if found.isExact {
        storage.remove(from: &roots.claims, at: found)
        dropClaims(oldWords, of: source)
        storage.discard(old, mark: 0)
        dropText(source)
      }
      return
    }
    let block = storage.allocate(Int(Words.items) + 12 * claims.count)
    storage.pool[block] = storage.transaction
    storage.pool[block + Words.count] = UInt32(claims.count)
    var at = block + Words.items
    var sorted = claims
    sorted.sortInPlace { compareClaims($0, $1) < 0 }
    for claim in sorted {
      storage.pool[at] = claim.service
      storage.pool[at + 4] = claim.association
      storage.pool[at + 8] = claim.endpoint
      at += 12
    }
    if found.isExact {
      storage.setValue(block, in: &roots.claims, at: found)
      dropClaims(oldWords, of: source)
      storage.discard(old, mark: 0)
    } else {
      useText(again: source)
      storage.insert(source, value: block, into: &roots.claims, at: found)
    }
  }

  private mutating func dropClaims(_ words: [UInt32], of source: UInt32) {
    for index in stride(from: 0, to: words.count, by: 3) {
      let endpoint = words[index + 2]
      claimants.remove(source, from: endpoint)
      dropText(words[index])
      dropText(words[index + 1])
      dropText(endpoint)
    }
  }

  borrowing func compareClaims(_ left: Claim, _ right: Claim) -> Int {
    let service = compareTexts(left.service, right.service)
    if service != 0 { return service }
    let association = compareTexts(left.association, right.association)
    return association != 0 ? association : compareTexts(left.endpoint, right.endpoint)
  }
}
