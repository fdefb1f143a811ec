// shmapperctl: asks the mapper, shows what it knows, and looks at its pool.
//
// Each command ends with a `Status`. What a user asked for goes to standard output, everything else to standard error.
// Called by the name `mapper`, it is that program.

import CSystem
import Database
import MapperClient
import MapperTool

/// Why a command ended before its time.
enum CommandError: Error {
  case lookup(LookupError)
  /// A line for standard error.
  case status(Status, ByteString)
}

@c(shmapperctl_main)
public func program(_ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
  var words: [ByteString] = []
  for index in 0..<Int(count) {
    if let word = unsafe arguments[index] { unsafe words.append(ByteString(cString: word)) }
  }
  if let name = words.first?.bytes.split(separator: UInt8(ascii: "/")).last, ByteString(Array(name)) == "mapper" {
    return runMapperTool(words)
  }
  let options: Options
  do throws(Options.Failure) {
    options = try unsafe Options(count, arguments)
  } catch {
    switch error {
    case .exit(let status): return status.rawValue
    case .wrong(let text): complain(joined("", text, "; try --help"))
    case .usage(let command):
      let errors = Screen(STDERR_FILENO, isColoured: false)
      errors.add("Usage: shmapperctl ")
      errors.add(command.name)
      errors.add(command.arguments)
      errors.newline()
      errors.flush()
    }
    return Status.wrongArguments.rawValue
  }
  let screen = Screen(STDOUT_FILENO, isColoured: options.isColoured)
  var status = run(options, screen)
  screen.flush()
  if screen.failure != 0 {
    // Who reads a pipe may have seen enough; anything else is worth a word.
    if screen.failure != EPIPE {
      complain(joined("cannot write: ", unsafe ByteString(cString: strerror(screen.failure))))
    }
    status = .noAnswer
  }
  return status.rawValue
}

private func run(_ options: Options, _ screen: Screen) -> Status {
  let session = Session(options, screen)
  do throws(CommandError) {
    switch options.command {
    case .getObject: try session.lookUp(.getObject)
    case .getAncestors: try session.lookUp(.getAncestors)
    case .getSubTree: try session.lookUp(.getSubTree)
    case .getSubTreePaths: try session.lookUp(.getSubTreePaths)
    case .getAssociatedSubTree: try session.lookUp(.getAssociatedSubTree)
    case .getAssociatedSubTreePaths: try session.lookUp(.getAssociatedSubTreePaths)
    case .getAssociatedSubTreeByID: try session.lookUp(.getAssociatedSubTreeByID)
    case .getAssociatedSubTreePathsByID: try session.lookUp(.getAssociatedSubTreePathsByID)
    case .endpoints: try session.lookUp(.endpoints)
    case .associations: try session.showAssociations()
    case .tree: try session.showTree()
    case .watch: return try session.watch()
    case .wait: return try session.wait()
    case .stats: try session.showStatistics()
    case .verify: return try session.verify()
    case .dump: try session.dump()
    case .help: screen.add(Help.text)
    }
    return .done
  } catch {
    switch error {
    case .status(let status, let text):
      complain(text)
      return status
    case .lookup(let cause):
      let (status, reason) = explain(cause)
      let subject = options.arguments.first.map { joined("", $0, ": ") } ?? ByteString([])
      complain(ByteString(subject.bytes + reason.bytes))
      return status
    }
  }
}

/// What a lookup's failure means to whoever asked.
func explain(_ error: LookupError) -> (status: Status, reason: ByteString) {
  switch error {
  case .resourceNotFound: (.notFound, ByteString("the mapper does not know it"))
  case .invalidArgument: (.wrongArguments, ByteString("this cannot be asked over D-Bus: no object path, or no UTF-8"))
  case .noAnswer(let code):
    switch code {
    case EHOSTUNREACH: (.noAnswer, ByteString("there is no mapper on the bus"))
    case ENODATA: (.noAnswer, ByteString("there is no pool to read"))
    default: (.noAnswer, joined("no answer: ", unsafe ByteString(cString: strerror(code))))
    }
  }
}

/// One line on standard error.
func complain(_ text: ByteString) {
  let errors = Screen(STDERR_FILENO, isColoured: false)
  errors.add("shmapperctl: ")
  errors.add(text)
  errors.newline()
  errors.flush()
}

/// What a command works with.
struct Session {
  let options: Options
  let screen: Screen
  let client: Client

  init(_ options: Options, _ screen: Screen) {
    self.options = options
    self.screen = screen
    client = Client(options: options.client)
  }

  func ask(_ query: Query) throws(CommandError) -> PackedAnswer {
    do throws(LookupError) { return try client.answer(query) } catch { throw .lookup(error) }
  }

  /// The path among the arguments, else the root.
  func path(_ index: Int = 0) -> ObjectPath {
    index < options.arguments.count ? ObjectPath(options.arguments[index].bytes) : "/"
  }

  /// The interface names from an argument on.
  func interfaces(from index: Int) -> [InterfaceName] {
    options.arguments.dropFirst(index).map { InterfaceName($0.bytes) }
  }
}
