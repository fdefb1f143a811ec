// One pool that a client has open. Threads that read it hold it; it is unmapped when the last of them lets go, so that a client
// may turn to another pool at any time.

import CSystem
import Database
import ShMap

final class Attachment {
  let reader: Reader
  /// Which file it is, to tell whether the name leads to another one by now.
  let fileID: (device: UInt64, inode: UInt64)
  /// Counts the pools that a client has opened: the upper part of its generations.
  let number: UInt64

  /// - identity: the id of the bus that the pool has to mirror; nil: any.
  init(
    opening path: ByteString, identity: [UInt8]?, number: UInt64, reserve: Int
  ) throws(PoolError) {
    reader = try Reader(
      opening: path.bytes, contents: MapperDatabase.contents, identity: identity, reserve: reserve)
    fileID = reader.fileID
    self.number = number
  }

  /// Answers from one state of the pool. `false`: ResourceNotFound. Throws `stale` when that state was recycled meanwhile, and
  /// `damaged` when the pool contradicts itself.
  @inline(never)
  func read<V: AnswerVisitor>(_ question: borrowing Question, _ visitor: inout V) throws(PoolError) -> Bool {
    let result = try reader.withSnapshot { snapshot throws(PoolError) in
      try Lookup(snapshot).answer(question, &visitor)
    }
    switch result {
    case .success(let isFound): return isFound
    case .failure(let error): throw error
    }
  }
}

extension Lookup {
  @inline(__always)
  fileprivate func answer<V: AnswerVisitor>(
    _ question: borrowing Question, _ visitor: inout V
  ) throws(PoolError) -> Bool {
    switch question.kind {
    case .getObject: try getObject(question.path, question.interfaces, &visitor)
    case .getAncestors: try getAncestors(question.path, question.interfaces, &visitor)
    case .getSubTree: try getSubTree(question.path, depth: question.depth, question.interfaces, &visitor)
    case .getSubTreePaths: try getSubTreePaths(question.path, depth: question.depth, question.interfaces, &visitor)
    case .getAssociatedSubTree:
      try getAssociatedSubTree(
        question.association, question.path, depth: question.depth, question.interfaces, &visitor)
    case .getAssociatedSubTreePaths:
      try getAssociatedSubTreePaths(
        question.association, question.path, depth: question.depth, question.interfaces, &visitor)
    case .getAssociatedSubTreeByID:
      try getAssociatedSubTreeById(
        question.id, question.path, question.interfaces, question.association, question.endpointInterfaces, &visitor)
    case .getAssociatedSubTreePathsByID:
      try getAssociatedSubTreePathsById(
        question.id, question.path, question.interfaces, question.association, question.endpointInterfaces, &visitor)
    case .endpoints: try endpoints(of: question.association, &visitor)
    }
  }
}
