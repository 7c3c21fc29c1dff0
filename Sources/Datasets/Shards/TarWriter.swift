import Foundation

/// Appends regular files to a POSIX ustar archive.
///
/// The same input gives the same bytes: owner 0, time 0, mode 0644.
struct TarWriter {
  private let handle: FileHandle
  private let path: String
  private(set) var byteCount = 0

  /// Creates the file; throws `DataError.unwritable` if it cannot.
  init(creating url: URL) throws(DataError) {
    path = url.path
    guard FileManager.default.createFile(atPath: url.path, contents: nil) else {
      throw .unwritable(file: path, reason: "check that the folder exists and may be written")
    }
    do {
      handle = try FileHandle(forWritingTo: url)
    } catch {
      throw .unwritable(file: path, reason: "it cannot be opened for writing")
    }
  }

  /// Appends a file; throws `DataError.unwritable` on a full disk or a name above 100 bytes.
  mutating func append(_ name: String, _ contents: [UInt8]) throws(DataError) {
    guard name.utf8.count <= 100 else {
      throw .unwritable(file: path, reason: "the entry name \(name) is longer than 100 bytes")
    }
    var block = TarHeader.make(name: name, size: contents.count)
    block.append(contentsOf: contents)
    block.append(contentsOf: [UInt8](repeating: 0, count: TarHeader.padding(contents.count)))
    try write(block)
  }

  /// Writes the end mark and syncs the file to disk.
  mutating func close() throws(DataError) {
    try write([UInt8](repeating: 0, count: 2 * TarHeader.blockSize))
    do {
      try handle.synchronize()
      try handle.close()
    } catch {
      throw .unwritable(file: path, reason: "the file cannot be synced to disk")
    }
  }

  private mutating func write(_ bytes: [UInt8]) throws(DataError) {
    do {
      try handle.write(contentsOf: Data(bytes))
    } catch {
      throw .unwritable(file: path, reason: "the disk may be full")
    }
    byteCount += bytes.count
  }
}

/// The 512-byte header of a tar entry.
package enum TarHeader {
  package static let blockSize = 512

  /// The zero bytes after a file of `size` bytes.
  package static func padding(_ size: Int) -> Int { (blockSize - size % blockSize) % blockSize }

  /// Makes the header of a file.
  ///
  /// - Precondition: The name has at most 100 bytes, and the file fewer than 8 GiB.
  package static func make(name: String, size: Int) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: blockSize)
    func put(_ text: String, at offset: Int) {
      for (index, byte) in text.utf8.enumerated() { header[offset + index] = byte }
    }
    func octal(_ value: Int, digits: Int) -> String {
      let text = String(value, radix: 8)
      return String(repeating: "0", count: digits - text.count) + text
    }
    put(name, at: 0)
    put(octal(0o644, digits: 7), at: 100)
    put(octal(0, digits: 7), at: 108)
    put(octal(0, digits: 7), at: 116)
    put(octal(size, digits: 11), at: 124)
    put(octal(0, digits: 11), at: 136)
    put("        ", at: 148)
    put("0", at: 156)
    put("ustar", at: 257)
    put("00", at: 263)
    put(octal(header.reduce(0) { $0 + Int($1) }, digits: 6), at: 148)
    header[154] = 0
    return header
  }
}
