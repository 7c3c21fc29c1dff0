public import Foundation

/// A new empty folder, removed with its owner.
///
/// For a test that needs one folder in its own body, `withTemporaryFolder` is shorter.
public final class TemporaryFolder {
  /// Where the folder lies.
  public let url: URL

  /// Makes the folder.
  ///
  /// - Throws: What the system says when it cannot be made.
  public init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "unclip-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit {
    // A test may have removed it already.
    do { try FileManager.default.removeItem(at: url) } catch {}
  }

  /// The place of something in the folder.
  public func file(_ name: String) -> URL { url.appending(path: name) }

  /// The path of something in the folder.
  public func path(_ name: String) -> String { file(name).path }

  /// Writes a text file and gives its path.
  public func write(_ text: String, to name: String) throws -> String {
    try text.write(to: file(name), atomically: true, encoding: .utf8)
    return path(name)
  }

  /// The names of what lies in the folder, sorted.
  public var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
  }
}

/// Runs `body` with a new empty folder, which is removed afterwards.
public func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = try TemporaryFolder()
  return try withExtendedLifetime(folder) { try body(folder.url) }
}

/// Runs `body` with a copy of a folder, which is removed afterwards.
public func withTemporaryFolder<Result>(
  copying original: URL, _ body: (URL) throws -> Result
) throws -> Result {
  try withTemporaryFolder { folder in
    let copy = folder.appending(path: original.lastPathComponent)
    try FileManager.default.copyItem(at: original, to: copy)
    return try body(copy)
  }
}

/// The text of the error that `body` throws, or what it returned instead.
public func sentence(_ body: () throws -> some Any) -> String {
  do {
    return "no error: \(try body())"
  } catch {
    return "\(error)"
  }
}
