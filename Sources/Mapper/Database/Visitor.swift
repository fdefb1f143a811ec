// How an answer reaches whoever asked: piece by piece, in order, straight from the pool. Nothing is copied unless the visitor
// does.

/// Takes an answer as it is read. For GetObject services only; for GetSubTree and GetAncestors objects around them; for the
/// calls that answer with paths, and for endpoints, only `path`.
///
/// The texts are good during the call that passes them.
public protocol AnswerVisitor {
  mutating func beginObject(_ path: borrowing Text)
  mutating func endObject()
  mutating func beginService(_ name: borrowing Text)
  mutating func interface(_ name: borrowing Text)
  mutating func endService()
  mutating func path(_ path: borrowing Text)
}

/// Why there is no answer.
public enum QueryError: Error, Equatable {
  /// `xyz.openbmc_project.Common.Error.ResourceNotFound`.
  case resourceNotFound
  /// The pool contradicts itself.
  case damaged
  /// The state that was read has been recycled meanwhile; ask again.
  case stale
}
