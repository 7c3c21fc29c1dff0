import Foundation

/// Reads a JSON object of strings and whole numbers, which a vocabulary is, in one pass.
///
/// `JSONDecoder` takes five times as long, a third of a second for the fifty thousand tokens of a
/// public vocabulary, and a command has to start at once.
struct VocabularyFile {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0

  /// Returns the tokens and their ids, or nil when the bytes are no such object.
  static func parse(_ data: Data) -> [String: Int]? {
    data.withUnsafeBytes { buffer in
      var file = VocabularyFile(bytes: buffer.bindMemory(to: UInt8.self))
      return file.object()
    }
  }

  private init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  private mutating func object() -> [String: Int]? {
    var table: [String: Int] = [:]
    table.reserveCapacity(bytes.count / 18)
    guard take("{") else { return nil }
    if !take("}") {
      repeat {
        guard let key = string(), take(":"), let value = number() else { return nil }
        table[key] = value
      } while take(",")
      guard take("}") else { return nil }
    }
    skipSpace()
    return position == bytes.count ? table : nil
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) {
      position += 1
    }
  }

  /// Steps over one character, and the space before it, if it is next.
  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  /// Returns a whole number that is not negative.
  private mutating func number() -> Int? {
    skipSpace()
    let start = position
    var value = 0
    while position < bytes.count, position - start < 10, (0x30...0x39).contains(bytes[position]) {
      value = value * 10 + Int(bytes[position] - 0x30)
      position += 1
    }
    return position > start ? value : nil
  }

  private mutating func string() -> String? {
    guard take("\"") else { return nil }
    var units: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return String(validating: units, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard let scalar = escape(), let encoded = UTF8.encode(scalar) else { return nil }
        units += encoded
      case 0..<0x20: return nil
      default: units.append(byte)
      }
    }
    return nil
  }

  /// Returns what follows a backslash.
  private mutating func escape() -> Unicode.Scalar? {
    guard position < bytes.count else { return nil }
    let byte = bytes[position]
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      guard let unit = unit() else { return nil }
      guard UTF16.isLeadSurrogate(unit) else { return Unicode.Scalar(unit) }
      guard bytes[position...].starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) else {
        return nil
      }
      position += 2
      guard let second = self.unit(), UTF16.isTrailSurrogate(second) else { return nil }
      return Unicode.Scalar(0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
    default: return nil
    }
  }

  /// Four hexadecimal digits.
  private mutating func unit() -> UInt16? {
    guard position + 4 <= bytes.count else { return nil }
    var value: UInt16 = 0
    for byte in bytes[position..<position + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      value = value << 4 | UInt16(digit)
    }
    position += 4
    return value
  }
}
