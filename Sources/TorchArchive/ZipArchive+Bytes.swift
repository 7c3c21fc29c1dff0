import CZlib
import Files
import Foundation
import Torch

extension ZipArchive {
  /// Reads an entry, inflated and compared with its checksum.
  ///
  /// - Throws: `ArchiveError.damaged`, also for an entry of more than `limit` bytes.
  func bytes(
    of entry: Entry, limit: Int, budget: ReadingBudget
  ) throws(ArchiveError) -> [UInt8] {
    guard entry.size <= limit else {
      throw .damaged(
        file: file, reason: "\"\(entry.name)\" has \(entry.size) bytes, more than \(limit)")
    }
    try budget.take(bytes: entry.size)
    let packed = UnsafeRawBufferPointer(rebasing: mapping.bytes[entry.range])
    let plain = entry.isDeflated ? try inflated(packed, entry) : Array(packed)
    let checksum = plain.withUnsafeBytes { bytes in
      crc32_z(0, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
    }
    guard UInt32(truncatingIfNeeded: checksum) == entry.checksum else {
      throw .damaged(file: file, reason: "\"\(entry.name)\" does not have its checksum")
    }
    return plain
  }

  /// Inflates bytes, to exactly the size that the entry claims.
  private func inflated(
    _ packed: UnsafeRawBufferPointer, _ entry: Entry
  ) throws(ArchiveError) -> [UInt8] {
    guard packed.count <= Int(UInt32.max), entry.size <= Int(UInt32.max) else {
      throw .damaged(file: file, reason: "\"\(entry.name)\" is deflated and over 4 GB")
    }
    var isWhole = false
    let plain = [UInt8](unsafeUninitializedCapacity: entry.size) { buffer, count in
      var stream = z_stream()
      let version = ZLIB_VERSION
      // Minus 15: raw deflate, without zlib's own header.
      guard inflateInit2_(&stream, -15, version, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
        return
      }
      defer { inflateEnd(&stream) }
      stream.next_in = UnsafeMutablePointer(
        mutating: packed.bindMemory(to: UInt8.self).baseAddress)
      stream.avail_in = UInt32(packed.count)
      stream.next_out = buffer.baseAddress
      stream.avail_out = UInt32(buffer.count)
      let status = inflate(&stream, Z_FINISH)
      count = entry.size - Int(stream.avail_out)
      isWhole = status == Z_STREAM_END && count == entry.size
    }
    guard isWhole else {
      throw .damaged(file: file, reason: "\"\(entry.name)\" does not inflate to its size")
    }
    return plain
  }
}
