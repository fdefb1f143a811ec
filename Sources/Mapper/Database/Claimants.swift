// Which objects' definitions made an endpoint. The writer's own, in ordinary memory: a reader never asks.
//
// A chained hash table in two arrays. As many small lists it would be thousands of blocks, and each keeps a page of the
// heap that a scan has left from being given back: more memory than the pool itself.

/// Pairs of an endpoint and a source, both offsets of texts; a pair is there as often as it was added.
struct Claimants {
  private struct Entry {
    var endpoint: UInt32
    var source: UInt32
    /// One more than the index of the next entry of the chain; 0 at its end.
    var next: UInt32
  }

  /// By hash: one more than the index of the first entry; 0 when there is none.
  private var chains = [UInt32](repeating: 0, count: 64)
  private var entries: [Entry] = []
  /// Entries that were removed, chained in the same way.
  private var unused: UInt32 = 0

  mutating func add(_ source: UInt32, to endpoint: UInt32) {
    if unused != 0 {
      let at = Int(unused) - 1
      unused = entries[at].next
      entries[at] = Entry(endpoint: endpoint, source: source, next: 0)
      link(at)
    } else {
      if entries.count == chains.count { rehash() }
      entries.append(Entry(endpoint: endpoint, source: source, next: 0))
      link(entries.count - 1)
    }
  }

  /// Takes one such pair out, if there is one.
  mutating func remove(_ source: UInt32, from endpoint: UInt32) {
    let chain = chain(of: endpoint)
    var previous: Int?
    var at = chains[chain]
    while at != 0 {
      let entry = entries[Int(at) - 1]
      if entry.endpoint == endpoint, entry.source == source {
        if let previous { entries[previous].next = entry.next } else { chains[chain] = entry.next }
        entries[Int(at) - 1].next = unused
        unused = at
        return
      }
      previous = Int(at) - 1
      at = entry.next
    }
  }

  /// The sources of an endpoint, in no order.
  func sources(of endpoint: UInt32) -> [UInt32] {
    var sources: [UInt32] = []
    var at = chains[chain(of: endpoint)]
    while at != 0 {
      let entry = entries[Int(at) - 1]
      if entry.endpoint == endpoint { sources.append(entry.source) }
      at = entry.next
    }
    return sources
  }

  private func chain(of endpoint: UInt32) -> Int {
    var hash = ContentHash()
    hash.add(endpoint)
    return Int(truncatingIfNeeded: hash.value) & (chains.count - 1)
  }

  private mutating func link(_ at: Int) {
    let chain = chain(of: entries[at].endpoint)
    entries[at].next = chains[chain]
    chains[chain] = UInt32(at) + 1
  }

  /// Twice as many chains. Called when no entry is unused.
  private mutating func rehash() {
    chains = [UInt32](repeating: 0, count: chains.count * 2)
    for at in entries.indices { link(at) }
  }
}
