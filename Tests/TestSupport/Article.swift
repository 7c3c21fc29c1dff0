import Foundation
public import Testing

/// Expects that the Swift code of a DocC article stands in a test's source, line by line and in
/// order, so that the compiler reads what a person will copy.
///
/// - Parameters:
///   - path: The article, from `Sources` on.
///   - source: The test that holds the code; the caller's own file by default.
public func expectCompiled(
  article path: String, in source: String = #filePath,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  func lines(_ url: URL) throws -> [String] {
    try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
      .map { $0.trimmingCharacters(in: .whitespaces) }
  }
  var isCode = false
  var code: [String] = []
  for line in try lines(Golden.url("../../Sources/\(path)")) {
    if line.hasPrefix("```") {
      isCode = line == "```swift"
    } else if isCode, !line.isEmpty {
      code.append(line)
    }
  }
  #expect(!code.isEmpty, "\(path) has no Swift code", sourceLocation: sourceLocation)
  var compiled = try lines(URL(fileURLWithPath: source))[...]
  for line in code {
    guard let place = compiled.firstIndex(of: line) else {
      Issue.record("\(path): not in the test: \(line)", sourceLocation: sourceLocation)
      return
    }
    compiled = compiled[(place + 1)...]
  }
}
