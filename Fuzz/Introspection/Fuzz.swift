// Fuzzes the reader of introspection documents: whatever a peer sends, it must neither crash nor hang nor exceed its limits,
// and the same document must always say the same.

import IntrospectionData
import FuzzDriver

@main
enum Fuzz {
  static func main() {
    var (count, arguments) = unsafe (CommandLine.argc, UnsafeMutablePointer?(CommandLine.unsafeArgv))
    _ = unsafe LLVMFuzzerRunDriver(&count, &arguments) { data, count in
      unsafe Fuzz.read(UnsafeBufferPointer(start: data, count: count).span)
      return 0
    }
  }

  private static func read(_ document: Span<UInt8>) {
    guard let found = Introspection(xml: document) else { return }
    precondition(found.interfaces.count + found.children.count <= Introspection.Limit.names)
    precondition(found.interfaces.allSatisfy { !$0.bytes.isEmpty && $0.bytes.count <= Introspection.Limit.interface })
    precondition(found.children.allSatisfy { !$0.bytes.isEmpty })
    precondition(Introspection(xml: document) == found)
  }
}
