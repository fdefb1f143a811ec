// For whoever goes to D-Bus by itself when the pool cannot answer: the preload library, whose caller's own call is already
// written.

import ShMap
import CSystem
import Database
import ShMap

extension Client {
  public enum PoolAnswer: Sendable {
    case found
    /// The mapper's ResourceNotFound.
    case notFound
    /// The pool may not answer at this moment, or not this question: ask over D-Bus.
    case unavailable
  }

  /// Whether the pool may answer at this moment. Looks for a better pool if one is needed.
  public var mayAskPool: Bool { acquire() != nil || (follow() && acquire() != nil) }

  /// Asks the pool under the client's mode, and nobody else.
  public func askPool<V: ClientVisitor>(_ question: borrowing Question, _ visitor: inout V) -> PoolAnswer {
    guard question.isSendable, let pool = acquire(), let isFound = read(question, in: pool, &visitor) else {
      return .unavailable
    }
    return isFound ? .found : .notFound
  }

  /// Asks what is left of a mapper that is dead: for the case that nobody answered on D-Bus.
  public func askLastState<V: ClientVisitor>(_ question: borrowing Question, _ visitor: inout V) -> PoolAnswer {
    guard question.isSendable, let pool = currentPool(), !pool.reader.writerIsAlive,
      let isFound = read(question, in: pool, &visitor)
    else { return .unavailable }
    return isFound ? .found : .notFound
  }

  /// The mapper has answered a call that was made at `start` (microseconds of CLOCK_MONOTONIC) by other means.
  public func noteAnswered(callMadeAt start: UInt64) {
    noteAnswer(since: start, seen: nil, .getObject)
  }

  /// The mapper's own unique name on the bus; nil when there is no pool, or none that says.
  public var mapperUniqueName: ByteString? {
    guard let pool = currentPool() else { return nil }
    let read = try? pool.reader.withSnapshot { snapshot throws(PoolError) in
      try Lookup(snapshot).owner(of: MapperDatabase.ownName.bytes.span)
    }
    guard let name = try? read?.get(), !name.bytes.isEmpty else { return nil }
    return name
  }
}
