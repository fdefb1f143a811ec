// Sorting in few bytes of code: the standard library's sort comes with 2 KB of machine code for each type of element, and a
// daemon on a flash of 32 MB sorts six.

extension Array {
  /// Sorts in place by heap sort: no memory, O(n log n) whatever the order was, not stable.
  @inline(__always)
  public mutating func sortInPlace(by isBefore: (Element, Element) -> Bool) {
    heapSort(count, isBefore: { isBefore(self[$0], self[$1]) }, swap: { swapAt($0, $1) })
  }
}

/// Sorts what stands at 0..<count, by its places: compiled once for all types of elements.
@inline(never)
public func heapSort(_ count: Int, isBefore: (Int, Int) -> Bool, swap: (Int, Int) -> Void) {
  for start in stride(from: count / 2 - 1, through: 0, by: -1) { sink(start, count, isBefore, swap) }
  var end = count
  while end > 1 {
    end -= 1
    swap(0, end)
    sink(0, end, isBefore, swap)
  }
}

/// Lets an element sink in the heap until no child is behind it.
@inline(never)
private func sink(_ start: Int, _ end: Int, _ isBefore: (Int, Int) -> Bool, _ swap: (Int, Int) -> Void) {
  var parent = start
  while 2 * parent + 1 < end {
    var child = 2 * parent + 1
    if child + 1 < end, isBefore(child, child + 1) { child += 1 }
    guard isBefore(parent, child) else { return }
    swap(parent, child)
    parent = child
  }
}
