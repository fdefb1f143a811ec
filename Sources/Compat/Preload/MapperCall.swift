// A call to the mapper, recognised in the message that a program has written, and read like the mapper would read it.

import CLibSystemd
import CPreload
import CSystem
import MapperClient

/// A method call whose destination is the mapper. The message is the caller's and outlives this.
@safe struct MapperCall: ~Copyable {
  let message: OpaquePointer
  /// nil: the mapper's own error is the right answer.
  let method: MapperMethod?

  /// nil when it is no call to the mapper, which a look at the destination tells.
  @unsafe init?(_ message: OpaquePointer) {
    guard let destination = unsafe sd_bus_message_get_destination(message), unsafe preload_is_mapper(destination),
      unsafe sd_bus_message_is_method_call(message, nil, nil) > 0,
      let path = unsafe sd_bus_message_get_path(message)
    else { return nil }
    unsafe self.message = message
    guard let interface = unsafe sd_bus_message_get_interface(message),
      let member = unsafe sd_bus_message_get_member(message),
      let signature = unsafe sd_bus_message_get_signature(message, 1)
    else {
      method = nil
      return
    }
    method = unsafe MapperMethod(path: path, interface: interface, member: member, signature: signature)
  }

  /// The object's path, good until the message is changed: sealing moves it.
  private var path: UnsafePointer<CChar>? { unsafe sd_bus_message_get_path(message) }

  var isRight: Bool { method != nil && expectsReply }

  var expectsReply: Bool { unsafe sd_bus_message_get_expect_reply(message) > 0 }

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

  func ask(_ state: BusState) -> Client.PoolAnswer {
    ask { question in state.client?.askPool(question, &state.answer) ?? .unavailable }
  }

  func askLastState(_ state: BusState) -> Client.PoolAnswer {
    ask { question in state.client?.askLastState(question, &state.answer) ?? .unavailable }
  }

  /// Reads the arguments and asks.
  private func ask(_ body: (borrowing Question) -> Client.PoolAnswer) -> Client.PoolAnswer {
    guard let method, let path = unsafe path, let signature = unsafe sd_bus_message_get_signature(message, 1) else {
      return .unavailable
    }
    var arguments = preload_arguments()
    var (first, second) = unsafe ([UnsafePointer<CChar>?](), [UnsafePointer<CChar>?]())
    // The signature has been compared, so reading cannot fail; a string lies in the message and lives as long.
    var strings = 0
    var lists = 0
    var place = 0
    while unsafe signature[place] != 0 {
      switch unsafe UInt8(bitPattern: signature[place]) {
      case UInt8(ascii: "i"):
        unsafe _ = sd_bus_message_read_basic(message, CChar(UInt8(ascii: "i")), &arguments.depth)
      case UInt8(ascii: "a"):
        if lists == 0 { unsafe read(&first) } else { unsafe read(&second) }
        lists += 1
        place += 1
      default:
        let string = unsafe string(signature[place])
        switch strings {
        case 0: unsafe arguments.strings.0 = string
        case 1: unsafe arguments.strings.1 = string
        default: unsafe arguments.strings.2 = string
        }
        strings += 1
      }
      place += 1
    }
    return unsafe first.withUnsafeBufferPointer { first in
      unsafe second.withUnsafeBufferPointer { second in
        unsafe arguments.names = (first.baseAddress, second.baseAddress)
        arguments.counts = (first.count, second.count)
        return unsafe method.ask(path, arguments, body)
      }
    }
  }

  private func string(_ type: CChar) -> UnsafePointer<CChar>? {
    var string: UnsafePointer<CChar>?
    unsafe _ = sd_bus_message_read_basic(message, type, &string)
    return unsafe string
  }

  @unsafe private func read(_ names: inout [UnsafePointer<CChar>?]) {
    let type = CChar(UInt8(ascii: "s"))
    unsafe _ = sd_bus_message_enter_container(message, CChar(UInt8(ascii: "a")), "s")
    var name: UnsafePointer<CChar>?
    while unsafe sd_bus_message_read_basic(message, type, &name) > 0 { unsafe names.append(name) }
    unsafe _ = sd_bus_message_exit_container(message)
  }
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
