// phosphor-unit-failure-monitor: looks once at the state of one unit and, when it has failed, starts or stops another.
//
// Ends with 0 when there was nothing to do or it was done, with 1 and one line on standard error otherwise.

import CSystem
import Database

@c(phosphor_unit_failure_monitor_main)
public func program(_ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
  let options: Options
  do throws(Options.Failure) {
    options = try unsafe Options(count, arguments)
  } catch {
    return explain(error)
  }
  do throws(ServiceManager.Failure) {
    let manager = try ServiceManager()
    guard try manager.hasFailed(options.source) else { return 0 }
    say(options.source, options.action == .start ? " has failed: starting " : " has failed: stopping ", options.target)
    try manager.run(options.action, options.target)
    return 0
  } catch {
    say(error.text)
    return 1
  }
}

/// Says what is wrong with the command line, or gives the help that was asked for. Returns the exit status.
private func explain(_ failure: Options.Failure) -> Int32 {
  switch failure {
  case .help:
    _ = unsafe write(STDOUT_FILENO, Options.usage.utf8Start, Options.usage.utf8CodeUnitCount)
    return 0
  case .said: break
  case .missing(let option): say(option, " is missing; try --help")
  case .unknownAction(let action): say(action, " is no action: it is start or stop")
  case .unexpected(let argument): say(argument, " is one argument too many; try --help")
  }
  return 1
}

/// One line on standard error.
private func say(_ subject: ByteString, _ text: StaticString = "", _ object: ByteString = ByteString("")) {
  let line = [ByteString("phosphor-unit-failure-monitor: "), subject, ByteString(text), object, ByteString("\n")]
  for part in line { _ = unsafe part.bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) } }
}
