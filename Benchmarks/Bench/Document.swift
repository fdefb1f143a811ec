// Puts fresh tables into a Markdown page, between `<!-- bench NAME -->` and `<!-- end NAME -->`, and touches nothing else.

import BenchSupport
import Foundation

struct Document {
  let path: String

  /// Replaces the block of that name. A page without such a block stays as it is.
  func replace(_ name: String, with text: String) throws {
    guard var page = try? String(contentsOfFile: path, encoding: .utf8) else { return }
    guard let begin = page.range(of: "<!-- bench \(name) -->\n"),
      let end = page.range(of: "<!-- end \(name) -->", range: begin.upperBound..<page.endIndex)
    else { return }
    page.replaceSubrange(begin.upperBound..<end.lowerBound, with: "\n" + text + "\n")
    try page.write(toFile: path, atomically: true, encoding: .utf8)
  }
}
