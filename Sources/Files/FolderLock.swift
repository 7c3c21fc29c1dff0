package import Foundation

/// Locks a folder for one owner among all processes; the system releases it when the owner ends,
/// however that happens.
package final class FolderLock: Sendable {
  private let descriptor: Int32

  /// The file in the folder that is locked. It stays there, empty.
  package static let fileName = ".lock"

  /// Locks the folder; nil when another owner holds it.
  ///
  /// - Throws: `FileError` when the file cannot be made.
  package init?(_ folder: URL) throws(FileError) {
    let url = folder.appending(path: Self.fileName)
    let descriptor = open(url.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw FileError.last(folder) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let reason = errno
      // Some file systems have no locks.
      if [ENOTSUP, ENOLCK, ENOSYS].contains(reason) {
        self.descriptor = descriptor
        return
      }
      close(descriptor)
      guard reason == EWOULDBLOCK else { throw FileError(folder, systemReason(reason)) }
      return nil
    }
    self.descriptor = descriptor
  }

  deinit {
    // A child between fork and exec shares the descriptor: closing alone may not release the lock.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}
