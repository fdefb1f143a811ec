// Programs of the kind that the preload library serves: compiled once from `Programs`, run in a test's world with or without the
// library.

import Foundation
import TestSupport

enum Programs {
  private static let sources = "\(Products.package)/Tests/Conformance/Preload/Programs"
  nonisolated(unsafe) private static let folder = Result { try TemporaryFolder() }
  static let hasBoost = access("/usr/include/boost/asio.hpp", R_OK) == 0

  static let caller = Result { try compile("cc", "caller.c") }
  static let kinds = Result { try compile("cc", "kinds.c") }
  static let churn = Result { try compile("cc", "churn.c") }
  static let asio = Result { try compile("c++", "asio.cpp") }
  static var binding: String { "\(sources)/binding.py" }

  /// As a distribution would build it: it knows nothing of the library.
  private static func compile(_ compiler: String, _ source: String) throws -> String {
    let program = try folder.get().file(source + ".bin")
    let run = try Run(
      [compiler, "-O1", "-o", program, "\(sources)/\(source)", "-lsystemd", "-lpthread"], within: 240)
    guard run.end == .exit(0) else { throw BusError("compiling \(source): \(run.error)") }
    return program
  }
}

/// How a program is run.
enum Preload: String, CaseIterable {
  case without, off, exact, fast

  func environment(_ library: String) -> [String: String] {
    guard self != .without else { return [:] }
    return ["LD_PRELOAD": library, "SHMAPPER_PRELOAD": rawValue, "SHMAPPER_PRELOAD_STATS": "1"]
  }

  /// The Embedded build's, which is what is shipped: only it has libsystemd's symbol versions.
  static func library() throws -> String {
    let folder = ProcessInfo.processInfo.environment["SHMAPPER_BIN"] ?? "\(Products.package)/.build-embedded/release"
    let path = "\(folder)/libshmapper-preload.so"
    guard access(path, R_OK) == 0 else { throw BusError("\(path) is not built") }
    return path
  }
}

/// What SHMAPPER_PRELOAD_STATS prints: the numbers of each reason.
struct PreloadStatistics {
  var counts: [String: Int] = [:]
  /// What else stood on standard error.
  var rest = ""

  init(_ text: String) {
    for line in text.split(separator: "\n") {
      guard line.hasPrefix("shmapper-preload: ") else {
        rest += line + "\n"
        continue
      }
      for part in line.split(whereSeparator: { ",:;".contains($0) }) {
        let words = part.split(separator: " ")
        guard words.count > 1, let number = words.last.flatMap({ Int($0) }) else { continue }
        counts[words.dropLast().joined(separator: " "), default: 0] += number
      }
    }
  }

  var inProcess: Int { counts["synchronous", default: 0] + counts["asynchronous", default: 0] }
  var passed: Int {
    ["pool behind", "no pool", "with a slot", "bus not ready", "other calls"].reduce(0) { $0 + counts[$1, default: 0] }
  }
}

/// A program that has run.
struct Finished {
  var end: Child.End?
  var output: String
  var statistics: PreloadStatistics
}

extension World {
  /// Runs a program to its end, while the services of the world go on.
  func run(
    _ command: [String], _ preload: Preload = .without, environment more: [String: String] = [:],
    within seconds: Double = 30
  ) throws -> Finished {
    let folder = try TemporaryFolder()
    let (out, err) = (try folder.create("out"), try folder.create("err"))
    let variables = environment.merging(preload.environment(try Preload.library())) { $1 }.merging(more) { $1 }
    let child = try Child(command, environment: variables, output: out.fileDescriptor, error: err.fileDescriptor)
    _ = loop.run(within: seconds) { !child.isRunning }
    if child.isRunning { child.stop(signal: SIGKILL, within: 0) }
    return Finished(
      end: child.end, output: try folder.read("out"), statistics: PreloadStatistics(try folder.read("err")))
  }
}

/// Makes lookups by a C program that calls sd_bus_call under the preload library.
final class PreloadCaller: MapperCaller {
  private let world: World
  private let folder: TemporaryFolder
  private let child: Child
  private let input: FileHandle
  private let output: FileHandle
  private var buffer: [UInt8] = []
  /// Lookups that were made.
  private(set) var calls = 0

  init(in world: World, _ preload: Preload) throws {
    self.world = world
    folder = try TemporaryFolder()
    let (requests, answers) = (Pipe(), Pipe())
    let errors = try folder.create("err")
    child = try Child(
      [try Programs.caller.get()],
      environment: world.environment.merging(preload.environment(try Preload.library())) { $1 },
      output: answers.fileHandleForWriting.fileDescriptor, error: errors.fileDescriptor,
      input: requests.fileHandleForReading.fileDescriptor)
    input = requests.fileHandleForWriting
    output = answers.fileHandleForReading
    _ = fcntl(output.fileDescriptor, F_SETFL, O_NONBLOCK)
  }

  func answer(_ call: MapperCall) throws -> Value? {
    guard call.isLookup || call.association != nil else { return nil }
    var words = [call.path, call.interface, call.method, call.signature]
    for argument in call.arguments { guard append(argument, to: &words) else { return nil } }
    calls += 1
    let line = Array((words.joined(separator: "\t") + "\n").utf8)
    guard write(input.fileDescriptor, line, line.count) == line.count else { throw BusError("the caller is gone") }
    return try Answer.recorded(Value(json: readLine()))
  }

  /// False for a text that the protocol has no room for.
  private func append(_ argument: Value, to words: inout [String]) -> Bool {
    if let strings = argument.strings {
      words.append("\(strings.count)")
      words += strings
    } else {
      words.append(argument.string ?? "\(argument.int ?? 0)")
    }
    return words.allSatisfy { !$0.utf8.contains(9) && !$0.utf8.contains(10) && !$0.utf8.contains(0) }
  }

  /// Services of the world go on while the answer is awaited: it may come from D-Bus.
  private func readLine() throws -> [UInt8] {
    var end: Int?
    func receive() -> Bool {
      var chunk = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let count = read(output.fileDescriptor, &chunk, chunk.count)
        guard count > 0 else { break }
        buffer += chunk[..<count]
      }
      end = buffer.firstIndex(of: 10)
      return end != nil || !child.isRunning
    }
    // Answers in-process need no loop, and must not wait for its nap.
    for _ in 0..<20 where end == nil {
      var descriptor = pollfd(fd: output.fileDescriptor, events: Int16(POLLIN), revents: 0)
      poll(&descriptor, 1, 1)
      if receive() { break }
    }
    if end == nil { _ = world.loop.run(within: 25, until: receive) }
    guard let end else { throw BusError("the caller does not answer: \((try? folder.read("err")) ?? "")") }
    let line = Array(buffer[..<end])
    buffer.removeSubrange(...end)
    return line
  }

  /// Ends the program and returns its statistics.
  func finish() throws -> PreloadStatistics {
    try input.close()
    _ = world.loop.run(within: 5) { !self.child.isRunning }
    guard child.end == .exit(0) else {
      throw BusError("the caller ended with \(String(describing: child.end)): \(try folder.read("err"))")
    }
    return PreloadStatistics(try folder.read("err"))
  }
}

extension Answer {
  /// What the program printed, as the recordings have it.
  static func recorded(_ printed: Value) -> Value {
    guard let signature = printed["signature"]?.string, let values = printed["reply"]?.array else { return printed }
    return self.values(signature, values)
  }
}
