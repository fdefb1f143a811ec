// A call to the mapper, recognised in the message that a program has written, and read like the mapper would read it.

import CLibSystemd
import CPreload
import CSystem
import Database
import MapperClient

/// A method call whose destination is the mapper. The message is the caller's and outlives this.
@safe struct MapperCall: ~Copyable {
  let message: OpaquePointer
  /// nil: no method that can be answered here, or of another signature, object or interface. The mapper's own error is then
  /// the right answer.
  private let kind: Question.Kind?
  /// GetAll in place of Get.
  let isWholeInterface: Bool
  private let path: UnsafePointer<CChar>

  /// nil when it is no call to the mapper, which a look at the destination tells.
  @unsafe init?(_ message: OpaquePointer) {
    guard let destination = unsafe sd_bus_message_get_destination(message), unsafe preload_is_mapper(destination),
      unsafe sd_bus_message_is_method_call(message, nil, nil) > 0,
      let path = unsafe sd_bus_message_get_path(message)
    else { return nil }
    unsafe self.message = message
    unsafe self.path = path
    (kind, isWholeInterface) = unsafe MapperCall.kind(message, path)
  }

  var isRight: Bool { kind != nil && expectsReply }

  var expectsReply: Bool { unsafe sd_bus_message_get_expect_reply(message) > 0 }

  private static func kind(_ message: OpaquePointer, _ path: UnsafePointer<CChar>) -> (Question.Kind?, Bool) {
    guard let interface = unsafe sd_bus_message_get_interface(message),
      let member = unsafe sd_bus_message_get_member(message),
      let signature = unsafe sd_bus_message_get_signature(message, 1)
    else { return (nil, false) }
    if unsafe strcmp(interface, "org.freedesktop.DBus.Properties") == 0 {
      if unsafe strcmp(member, "Get") == 0 && strcmp(signature, "ss") == 0 { return (.endpoints, false) }
      if unsafe strcmp(member, "GetAll") == 0 && strcmp(signature, "s") == 0 { return (.endpoints, true) }
      return (nil, false)
    }
    guard unsafe strcmp(interface, "xyz.openbmc_project.ObjectMapper") == 0,
      unsafe strcmp(path, "/xyz/openbmc_project/object_mapper") == 0
    else { return (nil, false) }
    for method in methods
    where unsafe strcmp(member, method.name.cString) == 0 && strcmp(signature, method.signature.cString) == 0 {
      return (method.kind, false)
    }
    return (nil, false)
  }

  private static let methods: [(name: StaticString, signature: StaticString, kind: Question.Kind)] = [
    ("GetObject", "sas", .getObject), ("GetSubTree", "sias", .getSubTree),
    ("GetSubTreePaths", "sias", .getSubTreePaths),
    ("GetAncestors", "sas", .getAncestors), ("GetAssociatedSubTree", "ooias", .getAssociatedSubTree),
    ("GetAssociatedSubTreePaths", "ooias", .getAssociatedSubTreePaths),
    ("GetAssociatedSubTreeById", "ssassas", .getAssociatedSubTreeByID),
    ("GetAssociatedSubTreePathsById", "ssassas", .getAssociatedSubTreePathsByID),
  ]

  // MARK: Sealing

  /// Cookies from the top: sd-bus counts its own from 1.
  static let cookies = CookieCounter()

  /// Makes the message readable. False when it cannot be, or when the caller has sealed it with a cookie of its own.
  func seal() -> Bool {
    let isSealed = unsafe isSealedHere || sd_bus_message_seal(message, MapperCall.cookies.next(), 0) >= 0
    return isSealed ? rewind() : false
  }

  /// The message has been through here before, and its cookie would confuse sd-bus.
  var isSealedHere: Bool {
    var cookie: UInt64 = 0
    return unsafe sd_bus_message_get_cookie(message, &cookie) >= 0 && MapperCall.cookies.mayBe(cookie)
  }

  /// Back to the first argument.
  func rewind() -> Bool { unsafe sd_bus_message_rewind(message, 1) >= 0 }

  /// The same call, to be sent after all. nil: no memory.
  func unsealedCopy(_ bus: OpaquePointer) -> OpaquePointer? {
    var copy: OpaquePointer?
    guard
      unsafe sd_bus_message_new_method_call(
        bus, &copy, sd_bus_message_get_destination(message), path, sd_bus_message_get_interface(message),
        sd_bus_message_get_member(message)) >= 0,
      rewind(), unsafe sd_bus_message_copy(copy, message, 1) >= 0
    else {
      unsafe sd_bus_message_unref(copy)
      return nil
    }
    unsafe _ = sd_bus_message_set_auto_start(copy, sd_bus_message_get_auto_start(message))
    unsafe _ = sd_bus_message_set_allow_interactive_authorization(
      copy, sd_bus_message_get_allow_interactive_authorization(message))
    return unsafe copy
  }

  // MARK: Asking

  /// What stands in the reply's array.
  var contents: StaticString {
    switch kind {
    case .getObject: "{sas}"
    case .getSubTree, .getAncestors, .getAssociatedSubTree, .getAssociatedSubTreeByID: "{sa{sas}}"
    default: "s"
    }
  }

  var isProperty: Bool { kind == .endpoints }

  func ask(_ client: Client) -> Client.PoolAnswer { ask { question in client.askPool(question) } }

  func askLastState(_ client: Client) -> Client.PoolAnswer { ask { question in client.askLastState(question) } }

  /// Reads the arguments in the order in which they stand, and asks.
  private func ask(_ body: (borrowing Question) -> Client.PoolAnswer) -> Client.PoolAnswer {
    switch kind {
    case nil: return .unavailable
    case .endpoints:
      guard string("s").is("xyz.openbmc_project.Association"), isWholeInterface || string("s").is("endpoints") else {
        return .unavailable
      }
      // An object that is not there has an error of sd-bus's own, which is the mapper's to give.
      let answer = body(.endpoints(of: span(unsafe Argument(path))))
      if case .notFound = answer { return .unavailable }
      return answer
    case .getObject:
      let path = string("s")
      return withNames { names in body(.getObject(span(path), names)) }
    case .getAncestors:
      let path = string("s")
      return withNames { names in body(.getAncestors(span(path), names)) }
    case .getSubTree:
      let (path, depth) = (string("s"), integer())
      return withNames { names in body(.getSubTree(span(path), depth: depth, names)) }
    case .getSubTreePaths:
      let (path, depth) = (string("s"), integer())
      return withNames { names in body(.getSubTreePaths(span(path), depth: depth, names)) }
    case .getAssociatedSubTree:
      let (association, path, depth) = (string("o"), string("o"), integer())
      return withNames { names in
        body(.getAssociatedSubTree(span(association), span(path), depth: depth, names))
      }
    case .getAssociatedSubTreePaths:
      let (association, path, depth) = (string("o"), string("o"), integer())
      return withNames { names in
        body(.getAssociatedSubTreePaths(span(association), span(path), depth: depth, names))
      }
    case .getAssociatedSubTreeByID, .getAssociatedSubTreePathsByID:
      let (id, path) = (string("s"), string("s"))
      return withNames { names in
        let association = string("s")
        return withNames { ends in
          kind == .getAssociatedSubTreeByID
            ? body(.getAssociatedSubTreeByID(span(id), span(path), names, span(association), ends))
            : body(
              .getAssociatedSubTreePathsByID(span(id), span(path), names, span(association), ends))
        }
      }
    }
  }

  // The signature has been compared, so reading cannot fail; a string lies in the message and lives as long.

  private func string(_ type: Unicode.Scalar) -> Argument {
    var string: UnsafePointer<CChar>?
    unsafe _ = sd_bus_message_read_basic(message, CChar(UInt8(ascii: type)), &string)
    return unsafe Argument(string!)
  }

  private func integer() -> Int32 {
    var value: Int32 = 0
    unsafe _ = sd_bus_message_read_basic(message, CChar(UInt8(ascii: "i")), &value)
    return value
  }

  private func withNames(_ body: (InterfaceNames) -> Client.PoolAnswer) -> Client.PoolAnswer {
    var names = unsafe [UnsafePointer<CChar>?]()
    unsafe _ = sd_bus_message_enter_container(message, CChar(UInt8(ascii: "a")), "s")
    var name: UnsafePointer<CChar>?
    while unsafe sd_bus_message_read_basic(message, CChar(UInt8(ascii: "s")), &name) > 0 { unsafe names.append(name) }
    unsafe _ = sd_bus_message_exit_container(message)
    return unsafe names.withUnsafeBufferPointer { unsafe body(InterfaceNames($0.baseAddress, count: $0.count)) }
  }
}

/// A string in the message, which outlives every use that is made of it here.
@safe private struct Argument {
  let string: UnsafePointer<CChar>
  @unsafe init(_ string: UnsafePointer<CChar>) { unsafe self.string = string }

  func `is`(_ other: StaticString) -> Bool { unsafe strcmp(string, other.cString) == 0 }
}

@_lifetime(borrow argument)
private func span(_ argument: borrowing Argument) -> Span<UInt8> {
  let bytes = unsafe UnsafeRawPointer(argument.string).assumingMemoryBound(to: UInt8.self)
  let span = unsafe Span(_unsafeStart: bytes, count: strlen(argument.string))
  return unsafe _overrideLifetime(span, borrowing: argument)
}

extension StaticString {
  var cString: UnsafePointer<CChar> { unsafe UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self) }
}

/// Numbers for calls that never reach the bus, shared by all threads.
@safe struct CookieCounter: @unchecked Sendable {
  private let word: UnsafeMutablePointer<UInt32>

  fileprivate init() {
    unsafe word = .allocate(capacity: 1)
    unsafe word.initialize(to: 0)
  }

  func next() -> UInt64 {
    let number = unsafe shm_add32(word, 1) % 0x4000_0000
    return UInt64(UInt32.max - number)
  }

  func mayBe(_ cookie: UInt64) -> Bool { cookie > 0xc000_0000 && cookie <= 0xffff_ffff }
}
