/// Integers and slices out of bytes, every access checked against the end.
///
/// Reads either at an offset or, one after the other, from `position`.
package struct ByteReader {
  /// What is read.
  package let bytes: UnsafeRawBufferPointer
  /// The byte order of the integers; a TIFF header says it only once reading has begun.
  package var isLittleEndian: Bool
  /// Where the next read without an offset begins.
  package private(set) var position: Int

  /// The bytes ended too soon.
  package struct Ended: Error, CustomStringConvertible {
    /// How many bytes there are.
    package let count: Int
    /// The last byte that was asked for.
    package let needed: Int

    package init(count: Int, needed: Int) {
      self.count = count
      self.needed = needed
    }

    package var description: String {
      "the file ends at byte \(count) but byte \(needed) is needed; it is cut short"
    }
  }

  /// Makes a reader of `bytes`, which must outlive it.
  package init(_ bytes: UnsafeRawBufferPointer, isLittleEndian: Bool = false, at position: Int = 0)
  {
    self.bytes = bytes
    self.isLittleEndian = isLittleEndian
    self.position = position
  }

  /// How many bytes there are.
  package var count: Int { bytes.count }

  // MARK: At an offset

  /// Returns the integer at `offset`, of the width of `Value`.
  package func integer<Value: FixedWidthInteger>(
    _ type: Value.Type, at offset: Int
  ) throws(Ended) -> Value {
    let range = try range(at: offset, count: MemoryLayout<Value>.size)
    let stored = bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: Value.self)
    return isLittleEndian ? Value(littleEndian: stored) : Value(bigEndian: stored)
  }

  package func uint8(at offset: Int) throws(Ended) -> Int {
    Int(try integer(UInt8.self, at: offset))
  }

  package func uint16(at offset: Int) throws(Ended) -> Int {
    Int(try integer(UInt16.self, at: offset))
  }

  package func uint32(at offset: Int) throws(Ended) -> Int {
    Int(try integer(UInt32.self, at: offset))
  }

  /// Returns the `count` bytes from `offset` on.
  package func slice(at offset: Int, count: Int) throws(Ended) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[try range(at: offset, count: count)])
  }

  /// Whether the ASCII text `mark` stands at `offset`.
  package func holds(_ mark: StaticString, at offset: Int) -> Bool {
    guard offset >= 0, offset <= bytes.count else { return false }
    return bytes[offset...].starts(
      with: UnsafeBufferPointer(start: mark.utf8Start, count: mark.utf8CodeUnitCount))
  }

  private func range(at offset: Int, count: Int) throws(Ended) -> Range<Int> {
    guard offset >= 0, count >= 0, offset <= bytes.count, count <= bytes.count - offset else {
      throw Ended(count: bytes.count, needed: offset.addingReportingOverflow(count).partialValue)
    }
    return offset..<offset + count
  }

  // MARK: One after the other

  /// Returns the next integer of the width of `Value`.
  package mutating func next<Value: FixedWidthInteger>(
    _ type: Value.Type
  ) throws(Ended) -> Value {
    let value = try integer(type, at: position)
    position += MemoryLayout<Value>.size
    return value
  }

  /// Skips `count` bytes and returns where they were.
  @discardableResult
  package mutating func skip(_ count: Int) throws(Ended) -> Range<Int> {
    let range = try range(at: position, count: count)
    position = range.upperBound
    return range
  }

  /// Returns the next `count` bytes.
  package mutating func slice(_ count: Int) throws(Ended) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[try skip(count)])
  }

  /// Returns the bytes up to a line feed, which is skipped; at most `limit`.
  package mutating func line(limit: Int) throws(Ended) -> UnsafeRawBufferPointer {
    let end = min(bytes.count, position + limit)
    guard position >= 0, position < end, let feed = bytes[position..<end].firstIndex(of: 0x0A)
    else {
      throw Ended(count: bytes.count, needed: end)
    }
    defer { position = feed + 1 }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<feed])
  }
}
