// The objects as a drawn tree, with the services that show something of their own there.
//
//     /xyz/openbmc_project
//     ├─ inventory  xyz.openbmc_project.Inventory.Manager
//     │  └─ system
//     └─ sensors  xyz.openbmc_project.Hwmon

import CSystem
import Database
import MapperClient

extension Session {
  func showTree() throws(CommandError) {
    let root = path()
    let objects = try ask(Query(kind: .getSubTree, path: root, depth: options.depth)).objects
    let top = try? ask(Query(kind: .getObject, path: root)).services
    var tree = TreeNode(name: ByteString(root.bytes))
    tree.services = top ?? []
    let base = root.bytes == [slash] ? [] : root.bytes.last == slash ? Array(root.bytes.dropLast()) : root.bytes
    for object in objects where object.path.bytes.count > base.count && object.path.bytes != root.bytes {
      let below = object.path.bytes[(base.count + 1)...]
      tree.insert(below.split(separator: slash)[...], object.services)
    }
    guard options.json == .off else {
      var json = JSON(screen, options.json)
      json.tree(tree)
      return json.finish()
    }
    TreePainter(screen, isLong: options.isLong).paint(tree)
  }
}

private let slash = UInt8(ascii: "/")

/// An object, or a part of a path that only leads to others.
struct TreeNode {
  var name: ByteString
  var services: [ServiceEntry] = []
  var children: [TreeNode] = []

  /// Adds an object by the rest of its path. Objects come sorted, so a parent that is there is the last child or before
  /// siblings whose names begin with its own.
  mutating func insert(_ rest: ArraySlice<ArraySlice<UInt8>>, _ services: [ServiceEntry]) {
    guard let first = rest.first else {
      self.services = services
      return
    }
    let name = ByteString(Array(first))
    let index = children.lastIndex { $0.name == name }
    if let index {
      children[index].insert(rest.dropFirst(), services)
    } else {
      children.append(TreeNode(name: name))
      children[children.count - 1].insert(rest.dropFirst(), services)
    }
  }
}

/// Draws a tree line by line.
private struct TreePainter {
  private let screen: Screen
  private let isLong: Bool
  private let (branch, corner, bar): (StaticString, StaticString, StaticString)

  init(_ screen: Screen, isLong: Bool) {
    self.screen = screen
    self.isLong = isLong
    if TreePainter.hasLines {
      (branch, corner, bar) = ("├─ ", "└─ ", "│  ")
    } else {
      (branch, corner, bar) = ("|- ", "`- ", "|  ")
    }
  }

  /// Whether the locale's characters are UTF-8: then there are lines to draw with.
  private static var hasLines: Bool {
    for variable in ["LC_ALL", "LC_CTYPE", "LANG"] as [StaticString] {
      let name = unsafe UnsafeRawPointer(variable.utf8Start).assumingMemoryBound(to: CChar.self)
      guard let value = unsafe getenv(name), unsafe value.pointee != 0 else { continue }
      let bytes = unsafe ByteString(cString: value).bytes.map { $0 | 0x20 }
      let parts = bytes.split(separator: UInt8(ascii: "."))
      guard let codeset = parts.last else { return false }
      return codeset.starts(with: ByteString("utf-8").bytes) || codeset.starts(with: ByteString("utf8").bytes)
    }
    return false
  }

  func paint(_ tree: TreeNode) {
    title(tree)
    var bars: [Bool] = []
    paintChildren(of: tree, &bars)
  }

  /// `bars`: for each level above, whether a line goes on below it.
  private func paintChildren(of node: TreeNode, _ bars: inout [Bool]) {
    interfaces(of: node, bars)
    for index in node.children.indices {
      let isLast = index == node.children.count - 1
      for goesOn in bars { screen.add(goesOn ? bar : "   ", .dim) }
      screen.add(isLast ? corner : branch, .dim)
      title(node.children[index])
      bars.append(!isLast)
      paintChildren(of: node.children[index], &bars)
      bars.removeLast()
    }
  }

  private func title(_ node: TreeNode) {
    screen.add(node.name, .path)
    if !isLong {
      // Services that only lead to others are left out.
      var isFirst = true
      for entry in node.services {
        guard entry.interfaces.contains(where: { !$0.isStandard }) else { continue }
        screen.add(isFirst ? "  " : ", ")
        screen.add(entry.service, .service)
        isFirst = false
      }
    }
    screen.newline()
  }

  private func interfaces(of node: TreeNode, _ bars: [Bool]) {
    guard isLong else { return }
    func begin(_ depth: Int) {
      for goesOn in bars { screen.add(goesOn ? bar : "   ", .dim) }
      screen.add(node.children.isEmpty ? "   " : bar, .dim)
      screen.pad(depth)
    }
    for entry in node.services {
      guard entry.interfaces.contains(where: { !$0.isStandard }) else { continue }
      begin(0)
      screen.add(entry.service, .service)
      screen.newline()
      for interface in entry.interfaces where !interface.isStandard {
        begin(2)
        screen.add(interface, .interface)
        screen.newline()
      }
    }
  }
}

extension JSON {
  fileprivate mutating func tree(_ node: TreeNode) {
    beginObject()
    key("name")
    string(node.name)
    key("services")
    services(node.services)
    key("children")
    beginArray()
    for child in node.children { tree(child) }
    endArray()
    endObject()
  }
}
