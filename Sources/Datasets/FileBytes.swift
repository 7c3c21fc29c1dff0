import Files
import Foundation

/// Files and folders, with failures as `DataError`.
enum FileBytes {
  static func read(_ url: URL) throws(DataError) -> [UInt8] {
    do {
      return try PlainFile(url).bytes()
    } catch {
      throw .unreadable(file: url.path, reason: error.reason)
    }
  }

  /// Reads the first 16 bytes; fewer of a shorter file, none of one that cannot be read.
  static func start(of url: URL) -> [UInt8] {
    do {
      let file = try FileHandle(forReadingFrom: url)
      let start = try file.read(upToCount: 16)
      try file.close()
      return [UInt8](start ?? Data())
    } catch {
      return []
    }
  }

  static func map(_ url: URL) throws(DataError) -> Data {
    do {
      return try Data(contentsOf: url, options: .alwaysMapped)
    } catch {
      throw .unreadable(file: url.path, reason: reason(of: error))
    }
  }

  /// Reads a text file; see `PlainText`.
  static func text(_ url: URL) throws(DataError) -> String {
    try text(read(url), file: url.path)
  }

  /// Decodes the text of a file, or of an entry of one.
  static func text(
    _ bytes: some Collection<UInt8>, file: String, entry: String? = nil
  ) throws(DataError) -> String {
    do throws(PlainText.NotText) {
      return try PlainText.decode(bytes)
    } catch {
      throw .malformed(file: file, entry: entry, problem: error.description)
    }
  }

  static func exists(_ url: URL) -> Bool {
    FileManager.default.fileExists(atPath: url.path)
  }

  /// Walks a folder, and those that links lead to when `followingLinks`.
  static func walk(_ folder: URL, followingLinks: Bool = true) throws(DataError) -> FolderWalk {
    do throws(FileError) {
      return try FolderWalk(folder, followingLinks: followingLinks)
    } catch {
      throw .unreadable(file: error.path, reason: error.reason)
    }
  }

  /// Returns the files below a folder with one of the `extensions`, sorted by path.
  static func list(
    _ folder: URL, extensions: Set<String>, followingLinks: Bool = true
  ) throws(DataError) -> [String] {
    try walk(folder, followingLinks: followingLinks).files
      .filter { extensions.contains(PathName.pathExtension($0)) }
  }

  static func makeFolder(_ url: URL) throws(DataError) {
    do {
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    } catch {
      throw .unwritable(file: url.path, reason: reason(of: error))
    }
  }

  /// Writes aside, then renames over `url`, so that a reader never sees half a file.
  static func write(_ bytes: some DataProtocol, to url: URL) throws(DataError) {
    do {
      try AtomicFile.write(Data(bytes), to: url)
    } catch {
      throw .unwritable(file: url.path, reason: error.reason)
    }
  }

  static func rename(_ from: URL, to url: URL) throws(DataError) {
    guard Foundation.rename(from.path, url.path) == 0 else {
      throw .unwritable(file: url.path, reason: systemReason(errno))
    }
  }
}

/// The components of a path with `/` between them.
enum PathName {
  /// Returns the file's name.
  static func base(_ path: String) -> Substring {
    path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...]
  }

  /// Returns the folder; empty for a name alone.
  static func folder(_ path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
  }

  /// Returns the extension after the last dot of the name, in lower case; empty without one.
  static func pathExtension(_ path: String) -> String {
    let name = base(path)
    return name.lastIndex(of: ".").map { name[name.index(after: $0)...].lowercased() } ?? ""
  }

  /// Returns the path without its extension.
  static func stem(_ path: String) -> String {
    let kind = pathExtension(path)
    return kind.isEmpty ? path : String(path.dropLast(kind.count + 1))
  }
}
