package import Foundation

/// Locks a folder for one owner among all processes; the system releases it when the owner ends,
/// however that happens.
package final class FolderLock: Sendable {
  private let lock: FileLock

  /// The file in the folder that is locked. It stays there, empty.
  package static let fileName = ".lock"

  /// Locks the folder; nil when another owner holds it.
  ///
  /// - Throws: `FileError` when the file cannot be made.
  package init?(_ folder: URL) throws(FileError) {
    do {
      guard let lock = try FileLock(folder.appending(path: Self.fileName)) else { return nil }
      self.lock = lock
    } catch {
      throw FileError(folder, error.reason)
    }
  }
}
