// Why a lookup has no answer.

import CSystem

public enum LookupError: Error, Equatable, Sendable {
  /// The mapper answers `xyz.openbmc_project.Common.Error.ResourceNotFound`: nothing is known there. In C: -EIO, as sd-bus
  /// maps that error.
  case resourceNotFound
  /// D-Bus would not take the arguments: no object path where one is needed, or text that is not UTF-8. In C: -EINVAL.
  case invalidArgument
  /// There is no pool to read and no answer on D-Bus, or D-Bus refuses: the errno that sd-bus gives for it.
  case noAnswer(Int32)

  /// As a C function returns it.
  public var negativeErrno: Int32 {
    switch self {
    case .resourceNotFound: -EIO
    case .invalidArgument: -EINVAL
    case .noAnswer(let code): -code
    }
  }
}
