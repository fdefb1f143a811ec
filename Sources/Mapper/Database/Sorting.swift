// Sorting in few bytes of code: the standard library's sort comes with 2 KB of machine code for each type of element, and a
// daemon on a flash of 32 MB sorts six.

extension Array {
  /// Sorts in place by heap sort: no memory, O(n log n) whatever the order was, not stable.
  public mutating func sortInPlace(by isBefore: (Element, Element) -> Bool) {
    var end = count
    for start in stride(from: end / 2 - 1, through: 0, by: -1) { sink(start, end, isBefore) }
    while end > 1 {
      end -= 1
      swapAt(0, end)
      sink(0, end, isBefore)
    }
  }

  /// Lets an element sink in the heap until no child is behind it.
  private mutating func sink(_ start: Int, _ end: Int, _ isBefore: (Element, Element) -> Bool) {
    var parent = start
    while 2 * parent + 1 < end {
      var child = 2 * parent + 1
      if child + 1 < end, isBefore(self[child], self[child + 1]) { child += 1 }
      guard isBefore(self[parent], self[child]) else { return }
      swapAt(parent, child)
      parent = child
    }
  }
}
