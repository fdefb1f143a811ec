// The eight questions as values, so that a test can ask the same of the writer, of a reader and of the naive model.

import CSystem
import ShMap

@testable import Database

/// Collects an answer as lines that can be compared and read.
struct Answer: AnswerVisitor {
  var lines: [String] = []

  private func string(_ text: borrowing Text) -> String {
    String(decoding: ByteString(copying: text.bytes).bytes, as: UTF8.self)
  }

  mutating func beginObject(_ path: borrowing Text) { lines.append("object \(string(path))") }
  mutating func endObject() { lines.append("end") }
  mutating func beginService(_ name: borrowing Text) { lines.append("service \(string(name))") }
  mutating func interface(_ name: borrowing Text) { lines.append("interface \(string(name))") }
  mutating func endService() {}
  mutating func path(_ path: borrowing Text) { lines.append("path \(string(path))") }
}

enum Question {
  case object(String, [String])
  case ancestors(String, [String])
  case subTree(String, Int32, [String])
  case subTreePaths(String, Int32, [String])
  case associatedSubTree(String, String, Int32, [String])
  case associatedSubTreePaths(String, String, Int32, [String])
  case associatedSubTreeById(String, String, [String], String, [String])
  case associatedSubTreePathsById(String, String, [String], String, [String])
  case endpoints(String)

  /// What the model answers; nil for ResourceNotFound.
  func ask(_ model: NaiveMapper) -> [String]? {
    switch self {
    case .object(let path, let names): model.getObject(path, names)
    case .ancestors(let path, let names): model.getAncestors(path, names)
    case .subTree(let root, let depth, let names): model.getSubTree(root, depth, names)
    case .subTreePaths(let root, let depth, let names): model.getSubTreePaths(root, depth, names)
    case .associatedSubTree(let at, let root, let depth, let names): model.getAssociatedSubTree(at, root, depth, names)
    case .associatedSubTreePaths(let at, let root, let depth, let names):
      model.getAssociatedSubTreePaths(at, root, depth, names)
    case .associatedSubTreeById(let id, let root, let names, let name, let more):
      model.getAssociatedSubTreeById(id, root, names, name, more)
    case .associatedSubTreePathsById(let id, let root, let names, let name, let more):
      model.getAssociatedSubTreePathsById(id, root, names, name, more)
    case .endpoints(let at): model.endpoints[at].map { $0.map { "path \($0)" } }
    }
  }

  /// What one state of a pool answers; nil for ResourceNotFound.
  func ask(_ lookup: borrowing Lookup) throws(PoolError) -> [String]? {
    var answer = Answer()
    let found: Bool
    switch self {
    case .object(let path, let names):
      found = try withNames(names) { names throws(PoolError) in try lookup.getObject(bytes(path).span, names, &answer) }
    case .ancestors(let path, let names):
      found = try withNames(names) { names throws(PoolError) in
        try lookup.getAncestors(bytes(path).span, names, &answer)
      }
    case .subTree(let root, let depth, let names):
      found = try withNames(names) { names throws(PoolError) in
        try lookup.getSubTree(bytes(root).span, depth: depth, names, &answer)
      }
    case .subTreePaths(let root, let depth, let names):
      found = try withNames(names) { names throws(PoolError) in
        try lookup.getSubTreePaths(bytes(root).span, depth: depth, names, &answer)
      }
    case .associatedSubTree(let at, let root, let depth, let names):
      found = try withNames(names) { names throws(PoolError) in
        try lookup.getAssociatedSubTree(bytes(at).span, bytes(root).span, depth: depth, names, &answer)
      }
    case .associatedSubTreePaths(let at, let root, let depth, let names):
      found = try withNames(names) { names throws(PoolError) in
        try lookup.getAssociatedSubTreePaths(bytes(at).span, bytes(root).span, depth: depth, names, &answer)
      }
    case .associatedSubTreeById(let id, let root, let names, let name, let more):
      found = try withNames(names) { names throws(PoolError) in
        try withNames(more) { more throws(PoolError) in
          try lookup.getAssociatedSubTreeById(bytes(id).span, bytes(root).span, names, bytes(name).span, more, &answer)
        }
      }
    case .associatedSubTreePathsById(let id, let root, let names, let name, let more):
      found = try withNames(names) { names throws(PoolError) in
        try withNames(more) { more throws(PoolError) in
          try lookup.getAssociatedSubTreePathsById(
            bytes(id).span, bytes(root).span, names, bytes(name).span, more, &answer)
        }
      }
    case .endpoints(let at): found = try lookup.endpoints(of: bytes(at).span, &answer)
    }
    return found ? answer.lines : nil
  }

  /// What the writer answers of the state that it is building; nil for ResourceNotFound.
  func ask(_ database: MapperDatabase) throws(PoolError) -> [String]? {
    try database.registry.answer(self)
  }

  /// What another process would be answered. Reads again when the state was recycled meanwhile.
  func ask(_ reader: inout Reader) throws(PoolError) -> [String]? {
    while true {
      if reader.isOutgrown { try reader.adopt() }
      do throws(PoolError) {
        let answer = try reader.withSnapshot { snapshot throws(PoolError) in try ask(Lookup(snapshot)) }
        return try answer.get()
      } catch {
        guard error == .stale else { throw error }
      }
    }
  }

  private func bytes(_ string: String) -> [UInt8] { Array(string.utf8) }
}

extension Registry {
  fileprivate borrowing func answer(_ question: Question) throws(PoolError) -> [String]? {
    try question.ask(Lookup(view, roots))
  }
}

/// Calls `body` with names as a caller of the C interface would hold them.
func withNames<Result>(
  _ names: [String], _ body: (InterfaceNames) throws(PoolError) -> Result
) throws(PoolError) -> Result {
  let copies = unsafe names.map { unsafe UnsafePointer<CChar>(strdup($0)) }
  defer { unsafe copies.forEach { unsafe free(UnsafeMutablePointer(mutating: $0)) } }
  let result: Swift.Result<Result, PoolError> = unsafe copies.withUnsafeBufferPointer { buffer in
    let names = unsafe InterfaceNames(buffer.baseAddress, count: buffer.count)
    do throws(PoolError) { return .success(try body(names)) } catch { return .failure(error) }
  }
  return try result.get()
}
