// The mapper's methods through libshmapper, as a C program of its own uses it (Tests/Programs/C/ask.c).

import Foundation
import TestSupport

final class LibraryCaller: MapperCaller {
  private let child: Child
  private let input = Pipe()
  private let output = Pipe()
  private var unread = Data()

  /// - options: of the program: `--collect` takes answers through the iterator instead of the callback.
  init(_ world: World, _ options: [String]) throws {
    let (program, environment) = try CProgram.build(
      "ask", library: "libshmapper.so", soname: "libshmapper.so.0", headers: "Sources/Compat/Library/C/include",
      in: world.folder)
    child = try Child(
      [program] + options, environment: world.environment.merging(environment) { $1 },
      output: output.fileHandleForWriting.fileDescriptor, error: 2, input: input.fileHandleForReading.fileDescriptor)
    try output.fileHandleForWriting.close()
  }

  func answer(_ call: MapperCall) throws -> Value? {
    if let association = call.association {
      return try ask(call, ["Endpoints", association]) { Answer.values("v", [paths($0)]) }
    }
    guard call.isLookup else { return nil }
    var words = [call.method]
    for argument in call.arguments {
      if let list = argument.strings {
        words.append("\(list.count)")
        words += list
      } else {
        words.append(argument.string ?? "\(argument.int!)")
      }
    }
    return try ask(call, words) { pieces in
      switch Mapper.replies[call.method]! {
      case "as": Answer.values("as", [paths(pieces)])
      case "a{sas}": Answer.values("a{sas}", [services(pieces[...])])
      case let signature: Answer.values(signature, [objects(pieces)])
      }
    }
  }

  /// How many lookups were answered in-process, and how many over D-Bus.
  func statistics() throws -> (inProcess: Int, overBus: Int) {
    try send(["Statistics"])
    let numbers = (Int(try word())!, Int(try word())!)
    _ = try word()
    return numbers
  }

  private func ask(
    _ call: MapperCall, _ words: [String], _ value: ([Substring]) -> Value
  ) throws -> Value {
    try send(words)
    var pieces: [Substring] = []
    while true {
      let word = try word()
      switch word.first {
      case "0": pieces = []
      case "=":
        switch Int(word.dropFirst())! {
        case 0: return value(pieces)
        case -Int(EIO): return Answer.notFound(call)
        case let code: return ["error": .string("\(code)")]
        }
      default: pieces.append(word[...])
      }
    }
  }

  private func send(_ words: [String]) throws {
    var data = Data()
    for word in words + ["\n"] {
      data.append(contentsOf: word.utf8)
      data.append(0)
    }
    try input.fileHandleForWriting.write(contentsOf: data)
  }

  private func word() throws -> String {
    while true {
      if let end = unread.firstIndex(of: 0) {
        defer { unread = Data(unread[(end + 1)...]) }
        return String(decoding: unread[..<end], as: UTF8.self)
      }
      let more = output.fileHandleForReading.availableData
      guard !more.isEmpty else { throw VectorError(description: "ask.c ended: \(child.wait(within: 1) as Any)") }
      unread.append(more)
    }
  }

  // MARK: Pieces into values

  private func paths(_ pieces: [Substring]) -> Value { .array(pieces.map { .string(String($0.dropFirst())) }) }

  private func services(_ pieces: ArraySlice<Substring>) -> Value {
    var all: [(name: Value, interfaces: [Value])] = []
    for piece in pieces {
      let text = Value.string(String(piece.dropFirst()))
      if piece.first == "2" { all.append((text, [])) } else { all[all.count - 1].interfaces.append(text) }
    }
    return .array(all.map { [$0.name, .array($0.interfaces)] })
  }

  private func objects(_ pieces: [Substring]) -> Value {
    let starts = pieces.indices.filter { pieces[$0].first == "1" } + [pieces.count]
    return .array(
      zip(starts, starts.dropFirst()).map { start, end in
        [.string(String(pieces[start].dropFirst())), services(pieces[(start + 1)..<end])]
      })
  }
}

extension Mapper {
  /// What each method's reply holds.
  static let replies = [
    "GetObject": "a{sas}", "GetAncestors": "a{sa{sas}}", "GetSubTree": "a{sa{sas}}", "GetSubTreePaths": "as",
    "GetAssociatedSubTree": "a{sa{sas}}", "GetAssociatedSubTreePaths": "as",
    "GetAssociatedSubTreeById": "a{sa{sas}}", "GetAssociatedSubTreePathsById": "as",
  ]
}
