// How the mapper is called on the bus, as the C strings that sd-bus takes.

import CLibSystemd
import CSystem

enum MapperNames {
  static let service: StaticString = "xyz.openbmc_project.ObjectMapper"
  static let path: StaticString = "/xyz/openbmc_project/object_mapper"
  static let getObject: StaticString = "GetObject"
  static let getSubTreePaths: StaticString = "GetSubTreePaths"
  static let notFound: StaticString = "xyz.openbmc_project.Common.Error.ResourceNotFound"
}

/// What containers hold.
enum Signature {
  static let string: StaticString = "s"
  static let service: StaticString = "sas"
  static let services: StaticString = "{sas}"
}

/// Signals after which the mapper may know more, or less.
enum Rules {
  /// Only the mapper itself comes or goes.
  static let mapper: StaticString = """
    type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',\
    interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='xyz.openbmc_project.ObjectMapper'
    """
  static let anyName: StaticString = """
    type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',\
    interface='org.freedesktop.DBus',member='NameOwnerChanged'
    """
  static let added: StaticString =
    "type='signal',interface='org.freedesktop.DBus.ObjectManager',member='InterfacesAdded'"
  static let removed: StaticString =
    "type='signal',interface='org.freedesktop.DBus.ObjectManager',member='InterfacesRemoved'"
  static let scanned: StaticString = """
    type='signal',sender='xyz.openbmc_project.ObjectMapper',\
    interface='xyz.openbmc_project.ObjectMapper.Private',member='IntrospectionComplete'
    """
}

/// How often, and after how long, a call is repeated that the mapper answers with "busy".
public enum Busy {
  public static let repetitions = 5

  /// Whether an errno means that the same call may work a little later.
  public static func isBusy(_ code: Int32) -> Bool { code == EBUSY || code == ENOBUFS }

  /// Seconds before the next try, after so many: 1, 2, 4, 8, 16.
  public static func delay(after tries: Int) -> UInt32 { 1 << UInt32(tries) }
}
