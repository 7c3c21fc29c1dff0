import Files
import Foundation

/// The lock of one file of a cache among all processes, as huggingface_hub's `filelock` takes it.
enum BlobLock {
  /// Waits for a lock.
  ///
  /// - Parameters:
  ///   - url: Its file.
  ///   - onWait: What is done once when another process holds it.
  /// - Throws: `HubError.unwritable`; `HubError.unreachable` when the task is cancelled.
  static func acquire(_ url: URL, onWait: () -> Void) async throws(HubError) -> FileLock {
    var hasWaited = false
    while true {
      do {
        // Those who share a cache as a group wait for each other. The owner before may have removed
        // the file, and another made a new one.
        if let lock = try FileLock(url, mode: 0o664), lock.isOf(url) { return lock }
      } catch {
        throw .unwritable(path: url.path, reason: error.reason)
      }
      if !hasWaited { onWait() }
      hasWaited = true
      do {
        try await Task.sleep(for: .milliseconds(100))
      } catch {
        throw .unreachable(url: url.path, reason: "the wait for it was ended")
      }
    }
  }
}
