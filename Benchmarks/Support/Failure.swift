// The one error of the developer's tools: a sentence for a person.

import Foundation

public struct Failure: Error, CustomStringConvertible {
  public var description: String

  public init(_ description: String) { self.description = description }

  /// For a libsystemd result below zero.
  public init(_ what: String, code: Int32) {
    description = "\(what): \(String(cString: strerror(-code)))"
  }
}

/// Throws unless a libsystemd call's result is zero or above; returns it.
@discardableResult
public func check(_ result: Int32, _ what: @autoclosure () -> String) throws -> Int32 {
  if result < 0 { throw Failure(what(), code: result) }
  return result
}
