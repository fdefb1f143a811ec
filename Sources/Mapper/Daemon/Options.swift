// The command line and the environment of shmapperd.

import CSystem
import Database

/// What the daemon was asked to do.
struct Options {
  var poolPath = ByteString("/run/shmapper/pool")
  var poolMode: UInt32 = 0o640
  var logLevel = LogLevel.info

  static let version: StaticString = "shmapperd 1.0.0\n"

  private static let help: StaticString = """
    Usage: shmapperd [OPTION]...
    The object mapper of OpenBMC: answers xyz.openbmc_project.ObjectMapper on the system bus, and
    keeps what it knows in shared memory, where other processes look it up by themselves.

      --pool=FILE        the shared-memory pool (default: $SHMAPPER_POOL, else /run/shmapper/pool)
      --pool-mode=MODE   who may read the pool, in octal (default: 640)
      --log-level=LEVEL  error, warning, notice, info or debug (default: info)
      --help             print this and exit
      --version          print the version and exit

    The bus is the one that DBUS_SYSTEM_BUS_ADDRESS names, else the standard system bus.

    """

  /// What the command line comes to: options to run with, or a status to exit with when all has been said already.
  enum Request {
    case run(Options)
    case exit(Int32)
  }

  private static let known: [(name: StaticString, takesValue: Bool)] = [
    ("pool", true), ("pool-mode", true), ("log-level", true), ("help", false), ("version", false),
  ]

  /// Reads the environment, then the command line.
  @unsafe static func read(count: Int32, arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Request {
    var options = Options()
    if let pool = unsafe shm_secure_getenv("SHMAPPER_POOL"), unsafe pool.pointee != 0 {
      unsafe options.poolPath = ByteString(cString: pool)
    }
    var table: [option] = unsafe []
    for index in known.indices {
      unsafe table.append(
        option(
          name: UnsafeRawPointer(known[index].name.utf8Start).assumingMemoryBound(to: CChar.self),
          has_arg: known[index].takesValue ? required_argument : no_argument, flag: nil, val: Int32(index)))
    }
    unsafe table.append(option())

    while true {
      // getopt_long says itself what it does not understand.
      switch unsafe getopt_long(count, arguments, "", table, nil) {
      case -1:
        if shm_optind() < count { return complain("there are no arguments besides options") }
        return .run(options)
      case 0:
        unsafe options.poolPath = ByteString(cString: shm_optarg())
        if options.poolPath.bytes.isEmpty { return complain("--pool needs the name of a file") }
      case 1:
        guard let mode = octal(unsafe ByteString(cString: shm_optarg())) else {
          return complain("--pool-mode takes an octal number up to 777, such as 640")
        }
        options.poolMode = mode
      case 2:
        guard let level = level(unsafe ByteString(cString: shm_optarg())) else {
          return complain("--log-level takes error, warning, notice, info or debug")
        }
        options.logLevel = level
      case 3:
        print(help, to: 1)
        return .exit(0)
      case 4:
        print(version, to: 1)
        return .exit(0)
      default:
        return .exit(1)
      }
    }
  }

  private static func complain(_ text: StaticString) -> Request {
    print("shmapperd: ", to: 2)
    print(text, to: 2)
    print("\n", to: 2)
    return .exit(1)
  }

  private static func octal(_ text: ByteString) -> UInt32? {
    guard (1...4).contains(text.bytes.count) else { return nil }
    var value: UInt32 = 0
    for byte in text.bytes {
      guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(byte) else { return nil }
      value = value << 3 | UInt32(byte - UInt8(ascii: "0"))
    }
    return value <= 0o777 ? value : nil
  }

  private static func level(_ text: ByteString) -> LogLevel? {
    let names: [(ByteString, LogLevel)] = [
      (ByteString("error"), .error), (ByteString("warning"), .warning), (ByteString("notice"), .notice),
      (ByteString("info"), .info), (ByteString("debug"), .debug),
    ]
    for (name, level) in names where name == text { return level }
    return nil
  }

  private static func print(_ text: StaticString, to file: Int32) {
    _ = unsafe write(file, text.utf8Start, text.utf8CodeUnitCount)
  }
}
