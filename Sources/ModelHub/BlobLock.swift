import Files
import Foundation

/// Holds the lock of one file of a cache among all processes, as huggingface_hub's `filelock` does.
final class BlobLock: Sendable {
  private let descriptor: Int32

  private init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit {
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  /// Waits for a lock.
  ///
  /// - Parameters:
  ///   - url: Its file.
  ///   - onWait: What is done once when another process holds it.
  /// - Throws: `HubError.unwritable`; `HubError.unreachable` when the task is cancelled.
  static func acquire(_ url: URL, onWait: () -> Void) async throws(HubError) -> BlobLock {
    var hasWaited = false
    while true {
      if let lock = try attempt(url) { return lock }
      if !hasWaited { onWait() }
      hasWaited = true
      do {
        try await Task.sleep(for: .milliseconds(100))
      } catch {
        throw .unreachable(url: url.path, reason: "the wait for it was ended")
      }
    }
  }

  private static func attempt(_ url: URL) throws(HubError) -> BlobLock? {
    // Those who share a cache as a group wait for each other.
    let descriptor = open(url.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o664)
    guard descriptor >= 0 else { throw .unwritable(path: url.path, reason: systemReason(errno)) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      // Some file systems have no locks; the contents are checked all the same.
      if [ENOTSUP, ENOLCK, ENOSYS].contains(code) { return BlobLock(descriptor) }
      close(descriptor)
      guard code == EWOULDBLOCK || code == EINTR else {
        throw .unwritable(path: url.path, reason: systemReason(code))
      }
      return nil
    }
    // The owner before may have removed the file, and another made a new one.
    var (mine, named) = (stat(), stat())
    guard fstat(descriptor, &mine) == 0, stat(url.path, &named) == 0, mine.st_ino == named.st_ino
    else {
      close(descriptor)
      return nil
    }
    return BlobLock(descriptor)
  }
}
