// The commands: what they are called, what they take, and what stands about them in the help.

import Database

enum Command: Int, CaseIterable {
  case getObject, getAncestors, getSubTree, getSubTreePaths
  case getAssociatedSubTree, getAssociatedSubTreePaths, getAssociatedSubTreeByID, getAssociatedSubTreePathsByID
  case endpoints, associations, tree, watch, wait, stats, verify, dump, help

  /// How it is called.
  var name: StaticString {
    switch self {
    case .getObject: "get-object"
    case .getAncestors: "get-ancestors"
    case .getSubTree: "get-subtree"
    case .getSubTreePaths: "get-subtree-paths"
    case .getAssociatedSubTree: "get-associated-subtree"
    case .getAssociatedSubTreePaths: "get-associated-subtree-paths"
    case .getAssociatedSubTreeByID: "get-associated-subtree-by-id"
    case .getAssociatedSubTreePathsByID: "get-associated-subtree-paths-by-id"
    case .endpoints: "endpoints"
    case .associations: "associations"
    case .tree: "tree"
    case .watch: "watch"
    case .wait: "wait"
    case .stats: "stats"
    case .verify: "verify"
    case .dump: "dump"
    case .help: "help"
    }
  }

  /// Its arguments in the usage.
  var arguments: StaticString {
    switch self {
    case .getObject, .getAncestors, .getSubTree, .getSubTreePaths: " PATH [INTERFACE...]"
    case .getAssociatedSubTree, .getAssociatedSubTreePaths: " ASSOCIATION PATH [INTERFACE...]"
    case .getAssociatedSubTreeByID, .getAssociatedSubTreePathsByID:
      " ID PATH ASSOCIATION -i INTERFACE... -e INTERFACE..."
    case .endpoints: " ASSOCIATION"
    case .associations: " PATH"
    case .tree, .watch: " [PATH]"
    case .wait: " PATH..."
    case .stats, .verify, .dump, .help: ""
    }
  }

  /// The fewest and the most arguments.
  var count: ClosedRange<Int> {
    switch self {
    case .getObject, .getAncestors, .getSubTree, .getSubTreePaths, .wait: 1...Int.max
    case .getAssociatedSubTree, .getAssociatedSubTreePaths: 2...Int.max
    case .getAssociatedSubTreeByID, .getAssociatedSubTreePathsByID: 3...3
    case .endpoints, .associations: 1...1
    case .tree, .watch: 0...1
    case .stats, .verify, .dump, .help: 0...0
    }
  }

  init?(_ word: ByteString) {
    for command in Command.allCases where word == ByteString(command.name) {
      self = command
      return
    }
    return nil
  }
}

enum Help {
  static let text: StaticString = """
    Usage: shmapperctl [OPTION...] COMMAND ...

    Asks the object mapper, and shows what it knows.

    Lookups, as the mapper's methods of these names:
      get-object PATH [INTERFACE...]          the services that show PATH
      get-ancestors PATH [INTERFACE...]       the objects above PATH
      get-subtree PATH [INTERFACE...]         the objects below PATH
      get-subtree-paths PATH [INTERFACE...]   their paths
      get-associated-subtree ASSOCIATION PATH [INTERFACE...]
      get-associated-subtree-paths ASSOCIATION PATH [INTERFACE...]
                                              those among them that ASSOCIATION leads to
      get-associated-subtree-by-id ID PATH ASSOCIATION -i INTERFACE -e INTERFACE
      get-associated-subtree-paths-by-id ID PATH ASSOCIATION -i INTERFACE -e INTERFACE
                                              where ASSOCIATION of the objects called ID leads

    More:
      endpoints ASSOCIATION   where an association leads, such as /xyz/chassis/all_sensors
      associations PATH       the associations of an object, and where they lead
      tree [PATH]             the objects below PATH as a tree
      watch [PATH]            what appears and goes below PATH, until interrupted
      wait PATH...            end when the mapper knows every PATH
      stats                   the pool: its size, its state, its mapper
      verify                  check the pool; with --bus also against the mapper's answers
      dump                    everything: objects and associations

    Options:
      -d, --depth=N                at most so many levels below PATH; 0: any
      -i, --interface=NAME         by id: an interface of the objects called ID; may be repeated
      -e, --endpoint-interface=NAME  by id: an interface of what they lead to; may be repeated
      -l, --long                   tree: with interfaces
      -t, --timeout=SECONDS        wait, watch: end after so long
      -j                           as --json=pretty on a terminal, else --json=short
          --json=short|pretty|off  print JSON
          --via=auto|pool|bus      where answers come from: auto is the pool if its answer is not
                                   older than the bus's, else the bus (default: auto)
          --bus                    verify: ask the mapper too
          --address=ADDRESS        the bus (default: the system bus)
          --pool=FILE              the pool (default: $SHMAPPER_POOL, else /run/shmapper/pool)
          --color=auto|always|never
      -h, --help                   print this
          --version                print the version

    Exit status: 0 done; 1 wrong arguments; 2 the mapper does not know the object; 3 no answer, or
    the output could not be written; 4 verify found something wrong; 5 the time was over.

    """
  static let version: StaticString = "shmapperctl 1.0.0\n"
}

/// What the program ends with; also in the help, the manual page and the tests.
enum Status: Int32 {
  case done = 0
  case wrongArguments = 1
  case notFound = 2
  case noAnswer = 3
  case isWrong = 4
  case timeIsOver = 5
}
