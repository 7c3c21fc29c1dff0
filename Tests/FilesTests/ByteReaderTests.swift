import Testing

@testable import Files

struct ByteReaderTests {
  private let bytes: [UInt8] = [0x01, 0x02, 0x03, 0x04, 0x0A, 0xFF]

  @Test("Integers are read in both byte orders")
  func integers() throws {
    try bytes.withUnsafeBytes { (bytes) throws in
      let big = ByteReader(bytes)
      #expect(try big.uint8(at: 5) == 255)
      #expect(try big.uint16(at: 0) == 0x0102)
      #expect(try big.uint32(at: 1) == 0x0203_040A)
      let little = ByteReader(bytes, isLittleEndian: true)
      #expect(try little.uint16(at: 0) == 0x0201)
      #expect(try little.integer(Int16.self, at: 4) == -246)
    }
  }

  @Test("Reads in a row pass over what they read")
  func inARow() throws {
    try bytes.withUnsafeBytes { (bytes) throws in
      var reader = ByteReader(bytes, at: 1)
      #expect(try reader.next(UInt8.self) == 2)
      #expect(try Array(reader.line(limit: 8)) == [3, 4])
      #expect(try reader.skip(1) == 5..<6)
      #expect(throws: ByteReader.Ended.self) { try reader.next(UInt8.self) }
      #expect(reader.position == 6)
    }
  }

  @Test(
    "No access passes the end",
    arguments: [(-1, 1), (6, 1), (5, 2), (0, 7), (0, -1), (Int.max, 1), (1, Int.max), (.min, 2)])
  func ends(offset: Int, count: Int) {
    bytes.withUnsafeBytes { bytes in
      let reader = ByteReader(bytes)
      #expect(throws: ByteReader.Ended.self) { try reader.slice(at: offset, count: count) }
      var next = ByteReader(bytes, at: offset)
      #expect(throws: ByteReader.Ended.self) { try next.skip(count) }
      #expect(!reader.holds("\u{1}\u{2}\u{3}\u{4}\n??", at: 0))
      #expect(!reader.holds("a", at: offset))
    }
  }

  @Test("An end says which byte is missing")
  func sentence() {
    let ended = bytes.withUnsafeBytes { bytes in
      #expect(throws: ByteReader.Ended.self) { try ByteReader(bytes).uint32(at: 4) }
    }
    #expect(
      ended?.description == "the file ends at byte 6 but byte 8 is needed; it is cut short")
  }

  @Test("A line longer than the limit is not searched further")
  func lineLimit() {
    bytes.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      #expect(throws: ByteReader.Ended.self) { try reader.line(limit: 4) }
      #expect(throws: Never.self) { try reader.line(limit: 5) }
    }
  }
}
