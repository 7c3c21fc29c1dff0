package import Foundation

/// Locks a folder for one owner among all processes; the system releases it when the owner ends,
/// however that happens.
package final class FolderLock: Sendable {
  private let lock: FileLock

  /// The file in the folder that is locked. It stays there, and says whose the lock is.
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
    let owner = "process \(getpid()) on \(hostName()), since \(Date().formatted(.iso8601))"
    ftruncate(lock.descriptor, 0)
    // A lock that does not say whose it is, as on a full disk, is a lock.
    _ = owner.withCString { pwrite(lock.descriptor, $0, strlen($0), 0) }
  }

  deinit { ftruncate(lock.descriptor, 0) }

  /// Who holds the lock of a folder: `process 12 on node7, since 2026-01-31T12:00:00Z`. Nil where the
  /// file does not say it.
  package static func owner(of folder: URL) -> String? {
    let descriptor = open(folder.appending(path: fileName).path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 300)
    let count = read(descriptor, &bytes, bytes.count)
    guard count > 0 else { return nil }
    let text = String(decoding: bytes[..<count], as: UTF8.self)
    return text.hasPrefix("process ") && !text.contains(where: \.isNewline) ? text : nil
  }
}

/// The name of this machine, as `hostname` prints it.
package func hostName() -> String {
  var name = [CChar](repeating: 0, count: 256)
  let code = gethostname(&name, name.count - 1)
  let text = String(
    decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  return code == 0 && !text.isEmpty ? text : "this machine"
}
