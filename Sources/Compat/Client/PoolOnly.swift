// For whoever goes to D-Bus by itself when the pool cannot answer: the preload library, whose caller's own call is already
// written.

import CSystem
import Database
import ShMap

extension Client {
  public enum PoolAnswer {
    /// The visitor has it, since its last `restart()`.
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
    guard let pool = acquire() else { return .unavailable }
    return ask(question, in: pool, &visitor)
  }

  /// Asks what is left of a mapper that is dead: for the case that nobody answered on D-Bus.
  public func askLastState<V: ClientVisitor>(_ question: borrowing Question, _ visitor: inout V) -> PoolAnswer {
    guard let pool = currentPool(), !pool.reader.writerIsAlive else { return .unavailable }
    return ask(question, in: pool, &visitor)
  }

  private func ask<V: ClientVisitor>(
    _ question: borrowing Question, in pool: Attachment, _ visitor: inout V
  ) -> PoolAnswer {
    visitor.restart()
    guard question.isSendable, let isFound = read(question, in: pool, &visitor) else { return .unavailable }
    return isFound ? .found : .notFound
  }

  /// Another one for each pool that was opened; 0: none yet.
  public var poolNumber: UInt64 { currentPool()?.number ?? 0 }

  /// How often `noteSent` was called.
  public var sentSoFar: UInt64 {
    lock.lock()
    defer { lock.unlock() }
    return sent
  }

  /// The mapper has answered a call by other means: it was made at `start` (microseconds of CLOCK_MONOTONIC), on the connection
  /// on which the first `sent` things had been sent by then.
  public func noteAnswered(callMadeAt start: UInt64, after sent: UInt64) {
    noteAnswer(since: start, seen: sent, .getObject)
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

  /// Whether a unique name owns a service that the mapper knows; nil when there is no pool that says.
  public func isOwner(_ unique: ByteString) -> Bool? {
    guard let pool = currentPool() else { return nil }
    for _ in 0..<50 {
      let read = try? pool.reader.withSnapshot { snapshot throws(PoolError) in
        try Lookup(snapshot).isOwner(unique.bytes.span)
      }
      if let owns = try? read?.get() { return owns }
    }
    return nil
  }
}
