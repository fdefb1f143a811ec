// mapper: waits for objects, or until none of a kind is left, or names an object's service. For units and scripts.
//
// Ends with 0 when what was asked for is so, else with 1 and the reason on standard error. It shares its file with shmapperctl,
// which is most of what it needs: on a BMC's flash a program of its own would be 50 KB more.

import CLibSystemd
import CSystem
import Database
import Waiting

/// The program: takes what `main` is given, returns the exit status.
public func runMapperTool(_ words: [ByteString]) -> Int32 {
  let name = words.first ?? ByteString("mapper")
  guard words.count > 1 else { return refuse(Usage.all, name) }
  let rest = Array(words[2...])
  switch Command(words[1]) {
  case .help:
    Output.write(Usage.text(Usage.all, name), to: STDOUT_FILENO)
    return 0
  case .wait:
    guard !rest.isEmpty else { return refuse(Usage.wait, name) }
    return Waiter.run(.known(rest.map { ObjectPath($0.bytes) }))
  case .subtreeRemove:
    guard rest.count == 1 else { return refuse(Usage.subtreeRemove, name) }
    guard let goal = subtree(rest[0]) else {
      Output.complain(ByteString("'"), rest[0], ByteString("' is no NAMESPACE:INTERFACE"))
      return 1
    }
    return Waiter.run(goal)
  case .getService:
    guard rest.count == 1 else { return refuse(Usage.getService, name) }
    return printService(of: rest[0])
  case nil:
    return refuse(Usage.all, name)
  }
}

private enum Command {
  case help, wait, subtreeRemove, getService

  init?(_ word: ByteString) {
    if word == "wait" {
      self = .wait
    } else if word == "subtree-remove" {
      self = .subtreeRemove
    } else if word == "get-service" {
      self = .getService
    } else if word == "--help" || word == "-h" {
      self = .help
    } else {
      return nil
    }
  }
}

/// A namespace and an interface, with a colon between; none when one of them is empty. What follows a second colon does not
/// count (reference: it takes the argument apart at each colon).
private func subtree(_ argument: ByteString) -> Wait.Goal? {
  let colon = UInt8(ascii: ":")
  let parts = argument.bytes.split(separator: colon)
  guard parts.count >= 2 else { return nil }
  return .gone(below: ObjectPath(Array(parts[0])), InterfaceName(Array(parts[1])))
}

private func refuse(_ usage: StaticString, _ name: ByteString) -> Int32 {
  Output.write(Usage.text(usage, name), to: STDERR_FILENO)
  return 1
}

private func printService(of path: ByteString) -> Int32 {
  var bus: OpaquePointer?
  var result = unsafe sd_bus_default_system(&bus)
  guard result >= 0, let bus = unsafe bus else {
    Output.complain(ByteString("the system bus cannot be reached: "), Output.reason(-result))
    return 1
  }
  defer { unsafe sd_bus_flush_close_unref(bus) }
  var reply: OpaquePointer?
  defer { unsafe sd_bus_message_unref(reply) }
  var service: UnsafeMutablePointer<CChar>?
  result = unsafe ObjectReply.get(bus, ObjectPath(path.bytes), &reply)
  if result >= 0, let reply = unsafe reply { result = unsafe ObjectReply.firstService(reply, &service) }
  guard result >= 0, let service = unsafe service else {
    Output.complain(ByteString("no service for "), path, ByteString(": "), Output.reason(-result))
    return 1
  }
  defer { unsafe free(service) }
  let line = unsafe ByteString(ByteString(cString: service).bytes + [UInt8(ascii: "\n")])
  return Output.write(line, to: STDOUT_FILENO) ? 0 : 1
}
