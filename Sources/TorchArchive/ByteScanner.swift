/// A reader of little-endian integers, which checks each read against the end.
struct ByteScanner {
  /// The bytes to read.
  let bytes: UnsafeRawBufferPointer
  /// Where the next read begins.
  private(set) var position: Int

  /// Thrown when the bytes end too soon.
  struct Ended: Error {}

  init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  /// Reads an integer of the width of `Value`.
  mutating func number<Value: FixedWidthInteger>(_ type: Value.Type) throws(Ended) -> Value {
    let range = try skip(MemoryLayout<Value>.size)
    return Value(
      littleEndian: bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: Value.self))
  }

  /// Skips the next `count` bytes and returns their range.
  @discardableResult
  mutating func skip(_ count: Int) throws(Ended) -> Range<Int> {
    guard position >= 0, position <= bytes.count, count >= 0, count <= bytes.count - position else {
      throw Ended()
    }
    defer { position += count }
    return position..<position + count
  }

  /// Reads the next `count` bytes.
  mutating func slice(_ count: Int) throws(Ended) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[try skip(count)])
  }

  /// Reads at most `limit` bytes up to a line feed, and skips that.
  mutating func line(limit: Int) throws(Ended) -> UnsafeRawBufferPointer {
    let start = position
    let end = min(bytes.count, start + limit)
    guard start >= 0, start < end, let feed = bytes[start..<end].firstIndex(of: 0x0A) else {
      throw Ended()
    }
    position = feed + 1
    return UnsafeRawBufferPointer(rebasing: bytes[start..<feed])
  }
}
