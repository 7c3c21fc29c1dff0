import Files
import Foundation
import Torch

/// The table of contents of a zip file that is mapped into memory, checked.
///
/// Source: PKWARE's APPNOTE 6.3, of it what PyTorch writes: one disk, no encryption, zip64 for
/// large files, entries stored or deflated.
struct ZipArchive {
  /// One file of the archive.
  struct Entry {
    /// Its path in the archive; never a path on this machine.
    let name: String
    /// Whether the bytes are deflated; otherwise they are stored as they are.
    let isDeflated: Bool
    /// The bytes in the zip file.
    let range: Range<Int>
    /// The bytes once inflated.
    let size: Int
    /// The CRC-32 of the inflated bytes.
    let checksum: UInt32
  }

  /// The mapped zip file.
  let mapping: FileMapping
  /// The name of the zip file, for errors.
  let file: String
  /// Its entries by name.
  let entries: [String: Entry]

  /// More entries than any checkpoint has.
  static let mostEntries = 1_000_000

  /// Whether bytes begin as a zip file does.
  static func isZip(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) || bytes.starts(with: [0x50, 0x4B, 0x05, 0x06])
  }

  /// - Throws: `ArchiveError.damaged`, `.unsupported`.
  init(_ mapping: FileMapping, file: String) throws(ArchiveError) {
    self.mapping = mapping
    self.file = file
    do {
      let directory = try ZipDirectory(mapping.bytes, file: file)
      var entries: [String: Entry] = [:]
      entries.reserveCapacity(directory.count)
      var reader = ByteReader(mapping.bytes, isLittleEndian: true, at: directory.start)
      for _ in 0..<directory.count {
        let entry = try Self.entry(&reader, of: mapping.bytes, before: directory, file: file)
        guard entries.updateValue(entry, forKey: entry.name) == nil else {
          throw ArchiveError.damaged(file: file, reason: "it holds \"\(entry.name)\" twice")
        }
      }
      self.entries = entries
    } catch let error as ArchiveError {
      throw error
    } catch {
      throw .damaged(file: file, reason: "its table of contents ends too soon")
    }
  }

  /// Reads one line of the table of contents, and the header that precedes its bytes.
  private static func entry(
    _ reader: inout ByteReader, of bytes: UnsafeRawBufferPointer, before directory: ZipDirectory,
    file: String
  ) throws -> Entry {
    guard try reader.next(UInt32.self) == 0x0201_4B50 else {
      throw ArchiveError.damaged(file: file, reason: "its table of contents ends too soon")
    }
    try reader.skip(4)
    let flags = try reader.next(UInt16.self)
    let method = try reader.next(UInt16.self)
    try reader.skip(4)
    let checksum = try reader.next(UInt32.self)
    var packed = UInt64(try reader.next(UInt32.self))
    var size = UInt64(try reader.next(UInt32.self))
    let nameLength = Int(try reader.next(UInt16.self))
    let extraLength = Int(try reader.next(UInt16.self))
    let commentLength = Int(try reader.next(UInt16.self))
    try reader.skip(8)
    var offset = UInt64(try reader.next(UInt32.self))
    let nameBytes = try reader.slice(nameLength)
    var extra = ByteReader(try reader.slice(extraLength), isLittleEndian: true)
    try reader.skip(commentLength)
    // The extra field of zip64 holds, in this order, the values that are all ones above.
    while extra.bytes.count - extra.position >= 4 {
      let kind = try extra.next(UInt16.self)
      var field = ByteReader(
        try extra.slice(Int(try extra.next(UInt16.self))), isLittleEndian: true)
      guard kind == 1 else { continue }
      if size == 0xFFFF_FFFF { size = try field.next(UInt64.self) }
      if packed == 0xFFFF_FFFF { packed = try field.next(UInt64.self) }
      if offset == 0xFFFF_FFFF { offset = try field.next(UInt64.self) }
    }
    guard let name = String(validating: nameBytes, as: UTF8.self) else {
      throw ArchiveError.damaged(file: file, reason: "the name of an entry is not UTF-8")
    }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard !name.hasPrefix("/"), !name.contains("\\"), !parts.contains("..") else {
      throw ArchiveError.damaged(file: file, reason: "an entry is named \"\(name)\", a path")
    }
    guard flags & 0x2041 == 0 else {
      throw ArchiveError.damaged(file: file, reason: "\"\(name)\" is encrypted")
    }
    guard method == 0 || method == 8 else {
      throw ArchiveError.damaged(
        file: file, reason: "\"\(name)\" is packed by method \(method), not stored or deflated")
    }
    let limit = UInt64(directory.start)
    guard offset < limit, packed <= limit, size <= UInt64(Int.max) else {
      throw ArchiveError.damaged(file: file, reason: "\"\(name)\" lies outside the file")
    }
    var header = ByteReader(bytes, isLittleEndian: true, at: Int(offset))
    guard try header.next(UInt32.self) == 0x0403_4B50 else {
      throw ArchiveError.damaged(file: file, reason: "\"\(name)\" is not where it should be")
    }
    try header.skip(22)
    let skipped = Int(try header.next(UInt16.self)) + Int(try header.next(UInt16.self))
    try header.skip(skipped)
    let range = try header.skip(Int(packed))
    guard range.upperBound <= directory.start else {
      throw ArchiveError.damaged(file: file, reason: "\"\(name)\" lies outside the file")
    }
    // Deflate makes at most 1032 bytes of one.
    guard method == 0 ? size == packed : size <= packed &* 1032 &+ 1032 else {
      throw ArchiveError.damaged(
        file: file, reason: "\"\(name)\" claims \(size) bytes out of \(packed)")
    }
    return Entry(
      name: name, isDeflated: method == 8, range: range, size: Int(size), checksum: checksum)
  }
}

/// Where the table of contents of a zip file lies.
struct ZipDirectory {
  /// Its first byte.
  let start: Int
  /// Its lines.
  let count: Int

  /// Finds the record at the end of the file, and that of zip64 where values need 64 bits.
  init(_ bytes: UnsafeRawBufferPointer, file: String) throws {
    let cutOff = ArchiveError.damaged(
      file: file, reason: "its table of contents, at the end, is not there; was it cut off?")
    var end = bytes.count - 22
    let lowest = max(0, end - 0xFFFF)
    while end >= lowest, !bytes[end...].starts(with: [0x50, 0x4B, 0x05, 0x06]) { end -= 1 }
    guard end >= lowest else { throw cutOff }
    var record = ByteReader(bytes, isLittleEndian: true, at: end + 4)
    guard try record.next(UInt32.self) == 0 else {
      throw ArchiveError.damaged(file: file, reason: "it is one part of several")
    }
    try record.skip(2)
    var count = UInt64(try record.next(UInt16.self))
    var size = UInt64(try record.next(UInt32.self))
    var start = UInt64(try record.next(UInt32.self))
    if count == 0xFFFF || size == 0xFFFF_FFFF || start == 0xFFFF_FFFF, end >= 20 {
      var locator = ByteReader(bytes, isLittleEndian: true, at: end - 20)
      if try locator.next(UInt32.self) == 0x0706_4B50 {
        try locator.skip(4)
        let offset = try locator.next(UInt64.self)
        guard offset < UInt64(end) else { throw cutOff }
        var large = ByteReader(bytes, isLittleEndian: true, at: Int(offset))
        guard try large.next(UInt32.self) == 0x0606_4B50 else { throw cutOff }
        try large.skip(28)
        count = try large.next(UInt64.self)
        size = try large.next(UInt64.self)
        start = try large.next(UInt64.self)
      }
    }
    // A line takes at least 46 bytes.
    guard start <= UInt64(end), size <= UInt64(end) - start, count <= size / 46,
      count <= UInt64(ZipArchive.mostEntries)
    else {
      throw ArchiveError.damaged(
        file: file, reason: "its table of contents claims \(count) entries in \(size) bytes")
    }
    (self.start, self.count) = (Int(start), Int(count))
  }
}
