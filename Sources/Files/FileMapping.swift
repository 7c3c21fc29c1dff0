package import Foundation

/// A file in memory, copied page by page when it is written to; unmapped when nothing looks at it.
package final class FileMapping {
  /// All bytes of the file.
  package let bytes: UnsafeRawBufferPointer
  package let base: UnsafeMutableRawPointer?

  /// Maps a file.
  ///
  /// Throws: `FileError`.
  package init(_ url: URL) throws(FileError) {
    let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw FileError.last(url)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw FileError.last(url)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw FileError(url, "it is not a plain file")
    }
    let size = Int(status.st_size)
    guard size > 0 else {
      base = nil
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let mapped = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0)
    guard let mapped, mapped != MAP_FAILED else {
      throw FileError.last(url)
    }
    base = mapped
    bytes = UnsafeRawBufferPointer(start: mapped, count: size)
  }

  deinit {
    if let base { munmap(base, bytes.count) }
  }
}
