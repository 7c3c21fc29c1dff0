/// A reader of big-endian integers in a file's bytes, which checks each access against the end.
struct ByteReader {
  let bytes: [UInt8]
  let file: String

  func byte(at offset: Int) throws(DataError) -> Int {
    guard offset >= 0, offset < bytes.count else { throw ended(offset) }
    return Int(bytes[offset])
  }

  func uint16(at offset: Int) throws(DataError) -> Int {
    guard offset >= 0, offset + 2 <= bytes.count else { throw ended(offset) }
    return Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
  }

  func uint32(at offset: Int) throws(DataError) -> Int {
    guard offset >= 0, offset + 4 <= bytes.count else { throw ended(offset) }
    return Int(bytes[offset]) << 24 | Int(bytes[offset + 1]) << 16 | Int(bytes[offset + 2]) << 8
      | Int(bytes[offset + 3])
  }

  func slice(at offset: Int, count: Int) throws(DataError) -> [UInt8] {
    guard offset >= 0, count >= 0, offset <= bytes.count - count else {
      throw ended(offset + count)
    }
    return Array(bytes[offset..<offset + count])
  }

  private func ended(_ offset: Int) -> DataError {
    .malformed(
      file: file, entry: nil,
      problem: "the file ends at byte \(bytes.count) but byte \(offset) is needed; it is cut short")
  }
}
