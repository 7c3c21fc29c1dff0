import Files
import Foundation

extension PickleReader {
  /// Reads numbers, texts, bytes and framing.
  mutating func readScalar(_ code: UInt8) throws -> Bool {
    switch code {
    case 0x80:  // PROTO
      let version = try reader.next(UInt8.self)
      guard version <= 5 else { throw damaged("its pickle is of protocol \(version), not 0 to 5") }
    case 0x95: try reader.skip(8)  // FRAME
    case 0x4E: try push(.none)  // NONE
    case 0x88: try push(.bool(true))  // NEWTRUE
    case 0x89: try push(.bool(false))  // NEWFALSE
    case 0x4B: try push(.int(Int(try reader.next(UInt8.self))))  // BININT1
    case 0x4D: try push(.int(Int(try reader.next(UInt16.self))))  // BININT2
    case 0x4A: try push(.int(Int(try reader.next(Int32.self))))  // BININT
    case 0x49, 0x4C: try push(try lineInteger())  // INT, LONG
    case 0x8A: try push(try longInteger(Int(try reader.next(UInt8.self))))  // LONG1
    case 0x8B:  // LONG4
      try push(try longInteger(Int(try reader.next(Int32.self))))
    case 0x46:  // FLOAT
      let line = try text(try reader.line(limit: 64))
      guard let number = Double(line) else {
        throw damaged("its pickle has \"\(line)\" where a number is needed")
      }
      try push(.double(number))
    case 0x47:  // BINFLOAT, alone in being big-endian
      let bits = try reader.next(UInt64.self).byteSwapped
      try push(.double(Double(bitPattern: bits)))
    case 0x58: try push(.string(try text(length: try reader.next(UInt32.self))))  // BINUNICODE
    case 0x8C: try push(.string(try text(length: try reader.next(UInt8.self))))
    case 0x8D: try push(.string(try text(length: try reader.next(UInt64.self))))
    case 0x56: try push(.string(try text(try reader.line(limit: Limit.line))))  // UNICODE
    // Texts of Python 2, which may be bytes.
    case 0x54: try pushOldText(try reader.next(Int32.self))  // BINSTRING
    case 0x55: try pushOldText(try reader.next(UInt8.self))  // SHORT_BINSTRING
    case 0x42: try skipBytes(try reader.next(UInt32.self))  // BINBYTES
    case 0x43: try skipBytes(try reader.next(UInt8.self))  // SHORT_BINBYTES
    case 0x8E, 0x96: try skipBytes(try reader.next(UInt64.self))  // BINBYTES8, BYTEARRAY8
    default: return false
    }
    return true
  }

  /// Skips bytes, which no tensor needs.
  private mutating func skipBytes(_ length: some FixedWidthInteger) throws {
    guard let length = Int(exactly: length) else {
      throw damaged("its pickle claims \(length) bytes")
    }
    try reader.skip(length)
    try push(.opaque("bytes"))
  }

  private mutating func pushOldText(_ length: some FixedWidthInteger) throws {
    let bytes = try slice(length, "a text")
    try push(String(validating: bytes, as: UTF8.self).map(PickleValue.string) ?? .opaque("bytes"))
  }

  /// A decimal number, or protocol 0's truth values.
  private mutating func lineInteger() throws -> PickleValue {
    var line = try text(try reader.line(limit: Limit.line))
    if line == "00" || line == "01" { return .bool(line == "01") }
    if line.hasSuffix("L") { line.removeLast() }
    if let number = Int(line) { return .int(number) }
    let digits = line.utf8.drop { $0 == 0x2D }
    guard line.utf8.count - digits.count < 2, !digits.isEmpty,
      digits.allSatisfy({ (0x30...0x39).contains($0) })
    else { throw damaged("its pickle has \"\(line.prefix(60))\" where a number is needed") }
    return .opaque(Self.largeInteger)
  }

  private static let largeInteger = "a whole number of more than 64 bits"

  /// A little-endian number in two's complement.
  private mutating func longInteger(_ length: Int) throws -> PickleValue {
    let bytes = try slice(length, "a whole number")
    guard bytes.count <= 8 else { return .opaque(Self.largeInteger) }
    guard let last = bytes.last else { return .int(0) }
    var number = last >= 0x80 ? -1 : 0
    for byte in bytes.reversed() { number = number << 8 | Int(byte) }
    return .int(number)
  }
}
