package import Foundation

/// Holds the lock of a file among all processes; the system releases it when the owner ends, however
/// that happens. The file stays there.
///
/// Where a file system has no locks, everyone gets one.
package final class FileLock: Sendable {
  /// The open file.
  let descriptor: Int32

  /// Locks a file, which is made where it is missing; nil when another owner holds the lock.
  ///
  /// - Parameters:
  ///   - url: The file.
  ///   - mode: The permissions of a file that is made.
  /// - Throws: `FileError` when it cannot be made or locked.
  package init?(_ url: URL, mode: mode_t = 0o666) throws(FileError) {
    descriptor = try Self.open(url, mode)
    guard try lock(LOCK_EX | LOCK_NB, url) else { return nil }
  }

  /// Locks a file, which is made where it is missing, and waits while another owner holds the lock.
  ///
  /// - Throws: As ``init(_:mode:)``.
  package init(waitingFor url: URL, mode: mode_t = 0o666) throws(FileError) {
    descriptor = try Self.open(url, mode)
    _ = try lock(LOCK_EX, url)
  }

  deinit {
    // A child between fork and exec shares the descriptor: closing alone may not release the lock.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  /// Whether the file still has the name it was opened by: an owner may have removed it.
  package func isOf(_ url: URL) -> Bool {
    var (mine, named) = (stat(), stat())
    return fstat(descriptor, &mine) == 0 && stat(url.path, &named) == 0
      && mine.st_ino == named.st_ino && mine.st_dev == named.st_dev
  }

  private static func open(_ url: URL, _ mode: mode_t) throws(FileError) -> Int32 {
    let descriptor = Foundation.open(url.path, O_RDWR | O_CREAT | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw FileError.last(url) }
    return descriptor
  }

  /// Whether the lock was to be had.
  private func lock(_ operation: Int32, _ url: URL) throws(FileError) -> Bool {
    while flock(descriptor, operation) != 0 {
      let reason = errno
      if [ENOTSUP, ENOLCK, ENOSYS].contains(reason) { return true }
      if reason == EWOULDBLOCK { return false }
      guard reason == EINTR else { throw FileError(url, systemReason(reason)) }
    }
    return true
  }
}
