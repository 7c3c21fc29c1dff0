package import Foundation

/// Writes folders that exist whole or not at all, whatever happens meanwhile: each is filled under
/// a hidden name, synced to the disk, then renamed.
package enum DurableFolder {
  /// The suffix of folders that are being written or removed.
  package static let partialSuffix = ".partial"

  /// Makes the folder `name` in `parent` with what `fill` writes into the URL it gets. A folder of
  /// that name stays until the new one is whole.
  ///
  /// - Parameter replacing: Whether a folder of that name is replaced; otherwise it is an error.
  /// - Throws: What `fill` throws, and `FileError`; nothing of the folder is left then.
  package static func create<Result>(
    _ name: String, in parent: URL, replacing: Bool = false, fill: (URL) throws -> Result
  ) throws -> Result {
    let files = FileManager.default
    let partial = parent.appending(path: "." + name + partialSuffix)
    let target = parent.appending(path: name)
    if files.fileExists(atPath: partial.path) { try files.removeItem(at: partial) }
    let result: Result
    do {
      try files.createDirectory(at: partial, withIntermediateDirectories: true)
      result = try fill(partial)
      try syncAll(in: partial)
      if replacing, files.fileExists(atPath: target.path) { try remove(target) }
      try move(partial, to: target)
    } catch {
      // The first error is the one to report; remains of the folder are removed at the next start.
      do { try files.removeItem(at: partial) } catch {}
      throw error
    }
    syncFolder(parent)
    return result
  }

  /// Removes a folder so that no part of it can be taken for the whole.
  ///
  /// - Throws: `FileError`, and what the file manager throws.
  package static func remove(_ folder: URL) throws {
    let name = "." + folder.lastPathComponent + ".old" + partialSuffix
    let partial = folder.deletingLastPathComponent().appending(path: name)
    let files = FileManager.default
    if files.fileExists(atPath: partial.path) { try files.removeItem(at: partial) }
    try move(folder, to: partial)
    try files.removeItem(at: partial)
  }

  /// Removes what an interrupted ``create(_:in:replacing:fill:)`` or ``remove(_:)`` left in
  /// `parent`.
  package static func removePartial(in parent: URL) throws {
    let files = FileManager.default
    for name in try files.contentsOfDirectory(atPath: parent.path)
    where name.hasPrefix(".") && name.hasSuffix(partialSuffix) {
      try files.removeItem(at: parent.appending(path: name))
    }
  }

  private static func move(_ from: URL, to: URL) throws(FileError) {
    guard rename(from.path, to.path) == 0 else { throw FileError.last(to) }
  }

  /// Syncs a folder and all below it to the disk.
  private static func syncAll(in folder: URL) throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
      let url = folder.appending(path: name)
      if FileManager.default.isFolder(url) { try syncAll(in: url) } else { try sync(url) }
    }
    syncFolder(folder)
  }

  private static func sync(_ url: URL) throws(FileError) {
    let descriptor = open(url.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw FileError.last(url) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw FileError.last(url) }
  }
}
