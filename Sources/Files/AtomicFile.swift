package import Foundation

/// A file that is written under a temporary name, synced to the disk and then renamed: a reader
/// finds the old file or the whole new one, even after a crash.
package final class AtomicFile {
  private let target: URL
  private let aside: URL
  private var descriptor: Int32

  /// Begins the file that ``commit()`` renames to `target`; without that, nothing is left.
  ///
  /// - Throws: `FileError`.
  package init(_ target: URL) throws(FileError) {
    self.target = target
    // File systems limit names to 255 bytes; the end says most about the file.
    let name = String(target.lastPathComponent.suffix(40))
    aside = target.deletingLastPathComponent().appendingPathComponent(
      ".\(name).\(getpid())-\(UInt32.random(in: 0 ... .max)).partial")
    descriptor = open(aside.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    if descriptor < 0 { throw FileError.last(target) }
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(aside.path)
  }

  /// Writes a whole file.
  ///
  /// - Throws: `FileError`.
  package static func write(_ bytes: some ContiguousBytes, to url: URL) throws(FileError) {
    let file = try AtomicFile(url)
    try file.write(bytes)
    try file.commit()
  }

  /// Appends bytes.
  ///
  /// - Throws: `FileError`.
  package func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let part = UnsafeRawBufferPointer(rebasing: rest)
      let written = Foundation.write(descriptor, part.baseAddress, part.count)
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw FileError.last(target) }
      rest = rest.dropFirst(written)
    }
  }

  /// Appends bytes.
  ///
  /// - Throws: `FileError`.
  package func write(_ bytes: some ContiguousBytes) throws(FileError) {
    let failure = bytes.withUnsafeBytes { buffer -> FileError? in
      do throws(FileError) {
        try write(buffer)
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
  }

  /// Waits until the bytes are on the disk, then renames the file to its target.
  ///
  /// - Throws: `FileError`.
  package func commit() throws(FileError) {
    guard fsync(descriptor) == 0, rename(aside.path, target.path) == 0 else {
      throw FileError.last(target)
    }
    close(descriptor)
    descriptor = -1
    syncFolder(target.deletingLastPathComponent())
  }
}

/// Waits until the names in a folder are on the disk, where the file system can do that.
func syncFolder(_ url: URL) {
  let folder = open(url.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard folder >= 0 else { return }
  fsync(folder)
  close(folder)
}
