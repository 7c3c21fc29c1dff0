package import Foundation

/// An open plain file; folders, pipes and devices are refused.
package struct PlainFile: ~Copyable {
  /// Its size in bytes when it was opened.
  package let size: Int
  private let url: URL
  private let descriptor: Int32

  /// Opens a file for reading.
  package init(_ url: URL) throws(FileError) {
    let opened = open(url.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard opened >= 0 else { throw FileError.last(url) }
    var status = stat()
    let failure: FileError? =
      if fstat(opened, &status) != 0 {
        .last(url)
      } else if status.st_mode & S_IFMT != S_IFREG {
        FileError(url, "it is not a plain file")
      } else {
        nil
      }
    if let failure {
      close(opened)
      throw failure
    }
    (self.url, descriptor, size) = (url, opened, Int(status.st_size))
  }

  deinit { close(descriptor) }

  /// Reads all bytes.
  package func bytes() throws(FileError) -> [UInt8] {
    var failure: FileError?
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
      while filled < size {
        let got = read(descriptor, buffer.baseAddress.map { $0 + filled }, size - filled)
        if got < 0, errno == EINTR { continue }
        if got < 0 { failure = .last(url) }
        if got <= 0 { return }
        filled += got
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Maps its pages privately; nil for an empty file.
  func map() throws(FileError) -> UnsafeMutableRawPointer? {
    guard size > 0 else { return nil }
    let mapped = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0)
    guard let mapped, mapped != MAP_FAILED else { throw FileError.last(url) }
    return mapped
  }
}

/// Whole files as bytes.
package enum FileContents {
  /// Reads a plain file, after its size is compared with the limit.
  ///
  /// - Throws: `FileError`.
  package static func read(_ url: URL, limit: Int = .max) throws(FileError) -> Data {
    let file = try PlainFile(url)
    guard file.size <= limit else {
      throw FileError(url, "it has \(file.size) bytes, more than the \(limit) that are allowed")
    }
    return Data(try file.bytes())
  }
}
