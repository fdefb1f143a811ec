// Repeated measurements of one thing.

/// Measurements in the order in which they were made, all in the same unit.
public struct Samples {
  public private(set) var values: [Double] = []

  public init(_ values: [Double] = []) { self.values = values }

  public mutating func add(_ value: Double) { values.append(value) }
  public mutating func add(_ other: Samples) { values += other.values }

  public var count: Int { values.count }
  public var median: Double { quantile(0.5) }
  public var p95: Double { quantile(0.95) }

  /// The smallest value that at least `share` of all values do not exceed; 0 when there are none.
  public func quantile(_ share: Double) -> Double {
    guard !values.isEmpty else { return 0 }
    let sorted = values.sorted()
    return sorted[max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1)]
  }
}
