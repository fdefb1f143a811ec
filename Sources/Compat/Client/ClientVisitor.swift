// Visitors of a client's answers.

import Database

/// Takes an answer while it is read, like every `AnswerVisitor`, and can start over: another process may publish so fast that
/// what was read is recycled before the answer is complete. Only after the call has returned without an error is what the
/// visitor has seen since its last `restart()` one whole answer.
///
/// What a visitor does between the calls should be quick: one that is slower than a busy daemon publishes gets its answer over
/// D-Bus in the end.
public protocol ClientVisitor: AnswerVisitor {
  /// Forget all that was visited: the answer begins again.
  mutating func restart()
}
