// What can be asked of the mapper, by the names under which D-Bus programs ask, and the arguments of one call.

import BusReplies
import CPreload
import CSystem
import Database
import MapperClient

/// A method of the mapper, or a property that it shows, which can be answered here.
struct MapperMethod {
  let kind: Question.Kind
  /// GetAll in place of Get.
  let isWholeInterface: Bool

  /// nil: nothing that can be answered here, or of another signature, object or interface. The mapper's own error is then the
  /// right answer.
  @unsafe init?(
    path: UnsafePointer<CChar>, interface: UnsafePointer<CChar>, member: UnsafePointer<CChar>,
    signature: UnsafePointer<CChar>
  ) {
    if unsafe strcmp(interface, "org.freedesktop.DBus.Properties") == 0 {
      kind = .endpoints
      isWholeInterface = unsafe strcmp(member, "GetAll") == 0 && strcmp(signature, "s") == 0
      guard unsafe isWholeInterface || strcmp(member, "Get") == 0 && strcmp(signature, "ss") == 0 else { return nil }
      return
    }
    guard unsafe strcmp(interface, "xyz.openbmc_project.ObjectMapper") == 0,
      unsafe strcmp(path, "/xyz/openbmc_project/object_mapper") == 0
    else { return nil }
    for method in MapperMethod.all
    where unsafe strcmp(member, method.name.cString) == 0 && strcmp(signature, method.signature.cString) == 0 {
      kind = method.kind
      isWholeInterface = false
      return
    }
    return nil
  }

  private static let all: [(name: StaticString, signature: StaticString, kind: Question.Kind)] = [
    ("GetObject", "sas", .getObject), ("GetSubTree", "sias", .getSubTree),
    ("GetSubTreePaths", "sias", .getSubTreePaths),
    ("GetAncestors", "sas", .getAncestors), ("GetAssociatedSubTree", "ooias", .getAssociatedSubTree),
    ("GetAssociatedSubTreePaths", "ooias", .getAssociatedSubTreePaths),
    ("GetAssociatedSubTreeById", "ssassas", .getAssociatedSubTreeByID),
    ("GetAssociatedSubTreePathsById", "ssassas", .getAssociatedSubTreePathsByID),
  ]

  /// What the reply's array holds.
  var shape: WireAnswer.Shape {
    switch kind {
    case .getObject: .services
    case .getSubTree, .getAncestors, .getAssociatedSubTree, .getAssociatedSubTreeByID: .objects
    default: .paths
    }
  }

  var isProperty: Bool { kind == .endpoints }

  /// Asks with the arguments of a call to the object at `path`. All that the arguments point at has to outlive the call.
  @unsafe func ask(
    _ path: UnsafePointer<CChar>, _ arguments: preload_arguments,
    _ body: (borrowing Question) -> Client.PoolAnswer
  ) -> Client.PoolAnswer {
    let strings = unsafe arguments.strings
    let names = unsafe InterfaceNames(arguments.names.0, count: arguments.counts.0)
    func text(_ string: UnsafePointer<CChar>?) -> Argument { unsafe Argument(string!) }
    switch kind {
    case .endpoints:
      guard unsafe text(strings.0).is("xyz.openbmc_project.Association"),
        unsafe isWholeInterface || text(strings.1).is("endpoints")
      else { return .unavailable }
      // An object that is not there has an error of sd-bus's own, which is the mapper's to give.
      let answer = unsafe body(.endpoints(of: span(Argument(path))))
      if case .notFound = answer { return .unavailable }
      return answer
    case .getObject:
      return unsafe body(.getObject(span(text(strings.0)), names))
    case .getAncestors:
      return unsafe body(.getAncestors(span(text(strings.0)), names))
    case .getSubTree:
      return unsafe body(.getSubTree(span(text(strings.0)), depth: arguments.depth, names))
    case .getSubTreePaths:
      return unsafe body(.getSubTreePaths(span(text(strings.0)), depth: arguments.depth, names))
    case .getAssociatedSubTree:
      let (association, root) = unsafe (text(strings.0), text(strings.1))
      return body(.getAssociatedSubTree(span(association), span(root), depth: arguments.depth, names))
    case .getAssociatedSubTreePaths:
      let (association, root) = unsafe (text(strings.0), text(strings.1))
      return body(.getAssociatedSubTreePaths(span(association), span(root), depth: arguments.depth, names))
    case .getAssociatedSubTreeByID, .getAssociatedSubTreePathsByID:
      let (id, root, association) = unsafe (text(strings.0), text(strings.1), text(strings.2))
      let ends = unsafe InterfaceNames(arguments.names.1, count: arguments.counts.1)
      return kind == .getAssociatedSubTreeByID
        ? body(.getAssociatedSubTreeByID(span(id), span(root), names, span(association), ends))
        : body(.getAssociatedSubTreePathsByID(span(id), span(root), names, span(association), ends))
    }
  }
}

extension WireAnswer: ClientVisitor {
  public mutating func restart() { removeAll() }
}

/// A string of a call, which outlives every use that is made of it here.
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
