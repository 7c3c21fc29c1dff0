package import Foundation

/// A file written under a temporary name, synced to the disk and renamed in one step: a reader
/// finds the old file or the whole new one, also after a crash.
package final class AtomicFile {
  private let target: URL
  private let aside: URL
  private var descriptor: Int32

  /// Opens a temporary file beside `target`; without ``commit()`` nothing is left of it.
  package init(_ target: URL) throws(FileError) {
    self.target = target
    // Many file systems limit names to 255 bytes, so only the end of the name is kept.
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
  package static func write(_ bytes: some ContiguousBytes, to url: URL) throws(FileError) {
    let file = try AtomicFile(url)
    try file.write(bytes)
    try file.commit()
  }

  /// Appends bytes.
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

  /// Syncs the bytes to the disk, then renames the file to its target.
  package func commit() throws(FileError) {
    guard fsync(descriptor) == 0, rename(aside.path, target.path) == 0 else {
      throw FileError.last(target)
    }
    close(descriptor)
    descriptor = -1
    syncFolder(target.deletingLastPathComponent())
  }
}

/// Syncs the names in a folder to the disk, where the file system can.
func syncFolder(_ url: URL) {
  let folder = open(url.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard folder >= 0 else { return }
  fsync(folder)
  close(folder)
}
