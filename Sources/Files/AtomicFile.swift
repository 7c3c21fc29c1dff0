package import Foundation

/// A file that is written beside its place and takes it in one step.
package final class AtomicFile {
  private let target: URL
  private let aside: URL
  private var descriptor: Int32

  /// Throws: `FileError`.
  package init(_ target: URL) throws(FileError) {
    self.target = target
    aside = target.deletingLastPathComponent().appendingPathComponent(
      ".\(target.lastPathComponent).\(getpid()).partial")
    descriptor = open(aside.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw FileError.last(target) }
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(aside.path)
  }

  /// Adds bytes at the end.
  ///
  /// Throws: `FileError`.
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

  /// Adds bytes at the end.
  ///
  /// Throws: `FileError`.
  package func write(_ data: Data) throws(FileError) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: data.count, alignment: 1)
    defer { copy.deallocate() }
    data.copyBytes(to: copy)
    try write(UnsafeRawBufferPointer(copy))
  }

  /// Waits until the bytes are on the disk, then puts the file in its place.
  ///
  /// Throws: `FileError`.
  package func commit() throws(FileError) {
    guard fsync(descriptor) == 0, rename(aside.path, target.path) == 0 else {
      throw FileError.last(target)
    }
    close(descriptor)
    descriptor = -1
    let folder = open(target.deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
    if folder >= 0 {
      fsync(folder)
      close(folder)
    }
  }
}
