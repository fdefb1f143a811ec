// Definitions of associations that wait for their endpoint. The writer's own, in ordinary memory: a reader never asks.
//
// Sorted arrays, since a dictionary of these alone would be 2 KB of code; some thousands wait at most, and only at boot.

/// One half of an association that waits. All are texts.
struct PendingEnd: Equatable {
  var service: UInt32
  var reverse: UInt32
  var forward: UInt32
  var source: UInt32
}

/// What waits, by the endpoint's text.
struct PendingEnds {
  /// In ascending order.
  private(set) var endpoints: [UInt32] = []
  private var ends: [[PendingEnd]] = []

  /// What waits for an endpoint, in the order in which it came; empty when nothing does.
  subscript(_ endpoint: UInt32) -> [PendingEnd] {
    get {
      let at = place(of: endpoint)
      return has(endpoint, at: at) ? ends[at] : []
    }
    set {
      let at = place(of: endpoint)
      switch (has(endpoint, at: at), newValue.isEmpty) {
      case (true, false): ends[at] = newValue
      case (true, true):
        endpoints.remove(at: at)
        ends.remove(at: at)
      case (false, false):
        endpoints.insert(endpoint, at: at)
        ends.insert(newValue, at: at)
      case (false, true): break
      }
    }
  }

  private func has(_ endpoint: UInt32, at place: Int) -> Bool {
    place < endpoints.count && endpoints[place] == endpoint
  }

  /// Where an endpoint is, or belongs.
  private func place(of endpoint: UInt32) -> Int {
    var (low, high) = (0, endpoints.count)
    while low < high {
      let middle = (low + high) / 2
      if endpoints[middle] < endpoint { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
