/// A reader of integers in a file's bytes; a read past the end gives nil.
struct ByteReader {
  let bytes: UnsafeRawBufferPointer
  /// The byte order, set by TIFF headers.
  var isLittleEndian = false

  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  var count: Int { bytes.count }

  func byte(_ position: Int) -> Int? {
    position >= 0 && position < bytes.count ? Int(bytes[position]) : nil
  }

  func number16(_ position: Int) -> Int? {
    guard let a = byte(position), let b = byte(position + 1) else { return nil }
    return isLittleEndian ? b << 8 | a : a << 8 | b
  }

  func number32(_ position: Int) -> Int? {
    guard let a = number16(position), let b = number16(position + 2) else { return nil }
    return isLittleEndian ? b << 16 | a : a << 16 | b
  }

  /// Whether the ASCII text `mark` stands at `position`.
  func holds(_ mark: StaticString, at position: Int) -> Bool {
    let length = mark.utf8CodeUnitCount
    guard position >= 0, position + length <= bytes.count else { return false }
    for i in 0..<length where bytes[position + i] != mark.utf8Start[i] { return false }
    return true
  }

  /// Makes a reader of a part, or nil if it reaches past the end.
  func part(from start: Int, count: Int) -> ByteReader? {
    guard start >= 0, count >= 0, start + count <= bytes.count else { return nil }
    return ByteReader(UnsafeRawBufferPointer(rebasing: bytes[start..<(start + count)]))
  }
}
