package import Foundation

/// A file mapped into memory, copied page by page on writes; unmapped when nothing refers to it.
package final class FileMapping {
  /// All bytes of the file.
  package let bytes: UnsafeRawBufferPointer
  package let base: UnsafeMutableRawPointer?

  /// Maps a file.
  ///
  /// - Throws: `FileError`.
  package init(_ url: URL) throws(FileError) {
    let file = try PlainFile(url)
    base = try file.map()
    bytes = UnsafeRawBufferPointer(start: base, count: base == nil ? 0 : file.size)
  }

  deinit {
    if let base { munmap(base, bytes.count) }
  }
}
