package import Foundation
import Synchronization

/// A file written under a temporary name, synced to the disk and renamed in one step: a reader
/// finds the old file or the whole new one, also after a crash.
package final class AtomicFile {
  private let target: URL
  private let aside: URL
  private var descriptor: Int32

  /// The files of this process that are being written.
  private static let unfinished = Mutex<Set<String>>([])

  /// Removes what is being written, then ends the process with `end`; no file takes its place
  /// meanwhile.
  package static func removeUnfinished(then end: () -> Void) {
    unfinished.withLock { paths in
      for path in paths { unlink(path) }
      end()
    }
  }

  /// Begins the file that ``commit()`` puts at `target`; without that nothing is left.
  package init(_ target: URL) throws(FileError) {
    self.target = target
    // Many file systems limit names to 255 bytes, so only the end of the name is kept.
    let name = String(target.lastPathComponent.suffix(40))
    aside = target.deletingLastPathComponent().appendingPathComponent(
      ".\(name).\(getpid())-\(UInt32.random(in: 0 ... .max)).partial")
    let path = aside.path
    descriptor = Self.unfinished.withLock { paths in
      let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0 { paths.insert(path) }
      return descriptor
    }
    if descriptor < 0 { throw FileError.last(target) }
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(aside.path)
    Self.unfinished.withLock { _ = $0.remove(aside.path) }
  }

  /// Writes a whole file.
  package static func write(
    _ bytes: some ContiguousBytes, to url: URL, replacing: Bool = true
  ) throws(FileError) {
    let file = try AtomicFile(url)
    try file.write(bytes)
    try file.commit(replacing: replacing)
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

  /// Writes over the first bytes; what is appended next still goes to the end.
  package func rewriteStart(_ bytes: Data) throws(FileError) {
    guard lseek(descriptor, 0, SEEK_SET) == 0 else { throw FileError.last(target) }
    try write(bytes)
    guard lseek(descriptor, 0, SEEK_END) >= 0 else { throw FileError.last(target) }
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

  /// Waits until the bytes are on the disk, then puts the file in its place.
  ///
  /// - Parameter replacing: Whether a file of that name is replaced; otherwise it is an error.
  /// - Throws: `FileError`.
  package func commit(replacing: Bool = true) throws(FileError) {
    guard fsync(descriptor) == 0 else { throw FileError.last(target) }
    let failure = Self.unfinished.withLock { paths -> FileError? in
      let failure = move(replacing: replacing)
      if failure == nil { paths.remove(aside.path) }
      return failure
    }
    if let failure { throw failure }
    close(descriptor)
    descriptor = -1
    syncFolder(target.deletingLastPathComponent())
  }

  /// Gives the file its name; returns why that cannot be.
  private func move(replacing: Bool) -> FileError? {
    if replacing { return rename(aside.path, target.path) == 0 ? nil : .last(target) }
    if link(aside.path, target.path) == 0 {
      unlink(aside.path)
      return nil
    }
    if errno == EEXIST || access(target.path, F_OK) == 0 {
      return FileError(target, systemReason(EEXIST))
    }
    // A file system without hard links cannot refuse and rename in one step.
    return rename(aside.path, target.path) == 0 ? nil : .last(target)
  }
}

/// Syncs the names in a folder to the disk, where the file system can.
package func syncFolder(_ url: URL) {
  let folder = open(url.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard folder >= 0 else { return }
  fsync(folder)
  close(folder)
}
