package import Foundation

/// Folders and files that are either wholly there or not there, whatever happens while they are
/// written: filled under a hidden name, synced to the disk, then renamed.
package enum DurableFolder {
  /// Ends the names of folders that are being written or removed.
  package static let partialSuffix = ".partial"

  /// Makes the folder `name` in `parent` with what `fill` writes into the URL it gets.
  ///
  /// Throws: what `fill` throws, and `FileError`; nothing of the folder is left then.
  package static func create(
    _ name: String, in parent: URL, fill: (URL) throws -> Void
  ) throws {
    let files = FileManager.default
    let partial = parent.appending(path: "." + name + partialSuffix)
    if files.fileExists(atPath: partial.path) { try files.removeItem(at: partial) }
    do {
      try files.createDirectory(at: partial, withIntermediateDirectories: true)
      try fill(partial)
      for file in try files.contentsOfDirectory(at: partial, includingPropertiesForKeys: nil) {
        try sync(file)
      }
      try sync(partial)
      try move(partial, to: parent.appending(path: name))
    } catch {
      // The first error is the one to tell; a rest of the folder is removed at the next start.
      do { try files.removeItem(at: partial) } catch {}
      throw error
    }
    try sync(parent)
  }

  /// Removes a folder so that no half of it can be taken for the whole.
  package static func remove(_ folder: URL) throws {
    let name = "." + folder.lastPathComponent + partialSuffix
    let partial = folder.deletingLastPathComponent().appending(path: name)
    try move(folder, to: partial)
    try FileManager.default.removeItem(at: partial)
  }

  /// Removes what an interrupted ``create(_:in:fill:)`` or ``remove(_:)`` left in `parent`.
  package static func removePartial(in parent: URL) throws {
    let files = FileManager.default
    for name in try files.contentsOfDirectory(atPath: parent.path)
    where name.hasPrefix(".") && name.hasSuffix(partialSuffix) {
      try files.removeItem(at: parent.appending(path: name))
    }
  }

  /// Writes a small file aside and renames it.
  package static func write(_ data: Data, to url: URL) throws {
    try data.write(to: url, options: .atomic)
    try sync(url)
  }

  private static func move(_ from: URL, to: URL) throws {
    guard rename(from.path, to.path) == 0 else { throw FileError.last(to) }
  }

  /// Waits until the file or folder is on the disk.
  private static func sync(_ url: URL) throws {
    let descriptor = open(url.path, O_RDONLY)
    guard descriptor >= 0 else { throw FileError.last(url) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw FileError.last(url) }
  }
}
