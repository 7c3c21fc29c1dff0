package import Foundation

/// A file in memory, copied page by page when it is written to; unmapped when nothing looks at it.
package final class FileMapping {
  /// All bytes of the file.
  package let bytes: UnsafeRawBufferPointer
  private let base: UnsafeMutableRawPointer?

  /// Maps a file.
  ///
  /// Throws: `CheckpointError.unreadable`.
  package init(_ url: URL) throws(CheckpointError) {
    let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .unreadable(file: url.path, reason: systemFailure())
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw .unreadable(file: url.path, reason: systemFailure())
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .unreadable(file: url.path, reason: "it is not a plain file")
    }
    let size = Int(status.st_size)
    guard size > 0 else {
      base = nil
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let mapped = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0)
    guard let mapped, mapped != MAP_FAILED else {
      throw .unreadable(file: url.path, reason: systemFailure())
    }
    base = mapped
    bytes = UnsafeRawBufferPointer(start: mapped, count: size)
  }

  deinit {
    if let base { munmap(base, bytes.count) }
  }

  /// The tensor whose bytes, in row-major order, start at `offset`; copied only when they are not
  /// aligned.
  ///
  /// Traps: bytes beyond the file.
  package func tensor(shape: [Int], dtype: DType, at offset: Int) -> Tensor {
    let range = offset..<offset + shape.reduce(dtype.size, *)
    guard let base, !range.isEmpty, offset % dtype.size == 0 else {
      return Tensor(
        bytes: UnsafeRawBufferPointer(rebasing: bytes[range]), shape: shape, dtype: dtype)
    }
    precondition(range.upperBound <= bytes.count, "\(range) of \(bytes.count) bytes")
    return Tensor(over: base + offset, shape: shape, dtype: dtype, keeping: self)
  }
}

/// A file that is written beside its place and takes it in one step.
final class AsideFile {
  private let target: URL
  private let aside: URL
  private var descriptor: Int32

  /// Throws: `CheckpointError.unwritable`.
  init(_ target: URL) throws(CheckpointError) {
    self.target = target
    aside = target.deletingLastPathComponent().appendingPathComponent(
      ".\(target.lastPathComponent).\(getpid()).partial")
    descriptor = open(aside.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw .unwritable(file: target.path, reason: systemFailure()) }
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(aside.path)
  }

  /// Adds bytes at the end.
  ///
  /// Throws: `CheckpointError.unwritable`.
  func write(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let part = UnsafeRawBufferPointer(rebasing: rest)
      let written = Foundation.write(descriptor, part.baseAddress, part.count)
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw .unwritable(file: target.path, reason: systemFailure()) }
      rest = rest.dropFirst(written)
    }
  }

  /// Adds bytes at the end.
  ///
  /// Throws: `CheckpointError.unwritable`.
  func write(_ data: Data) throws(CheckpointError) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: data.count, alignment: 1)
    defer { copy.deallocate() }
    data.copyBytes(to: copy)
    try write(UnsafeRawBufferPointer(copy))
  }

  /// Waits until the bytes are on the disk, then puts the file in its place.
  ///
  /// Throws: `CheckpointError.unwritable`.
  func commit() throws(CheckpointError) {
    guard fsync(descriptor) == 0, rename(aside.path, target.path) == 0 else {
      throw .unwritable(file: target.path, reason: systemFailure())
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

/// The text of the system's last failure.
private func systemFailure() -> String { String(cString: strerror(errno)) }
