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

  static func map(_ url: URL) throws(DataError) -> Data {
    do {
      return try Data(contentsOf: url, options: .alwaysMapped)
    } catch {
      throw .unreadable(file: url.path, reason: reason(of: error))
    }
  }

  static func text(_ url: URL) throws(DataError) -> String {
    String(decoding: try read(url), as: UTF8.self)
  }

  static func exists(_ url: URL) -> Bool {
    FileManager.default.fileExists(atPath: url.path)
  }

  /// Returns the files below a folder with one of the `extensions`, sorted by path.
  static func list(
    _ folder: URL, extensions: Set<String>, followingLinks: Bool = true
  ) throws(DataError) -> [String] {
    guard exists(folder), let names = FileManager.default.enumerator(atPath: folder.path) else {
      throw .unreadable(file: folder.path, reason: systemReason(ENOENT))
    }
    var result: [String] = []
    for case let name as String in names {
      let url = folder.appendingPathComponent(name)
      guard extensions.contains(url.pathExtension.lowercased()) else { continue }
      if !followingLinks, isSymbolicLink(url) { continue }
      result.append(name)
    }
    return result.sorted()
  }

  static func isSymbolicLink(_ url: URL) -> Bool {
    do {
      let attributes = try FileManager.default.attributesOfItem(atPath: url.path)
      return attributes[.type] as? FileAttributeType == .typeSymbolicLink
    } catch {
      return false
    }
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
