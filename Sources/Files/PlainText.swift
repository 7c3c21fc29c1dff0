/// Decodes text that people and other programs wrote.
package enum PlainText {
  /// Why bytes are no text, in words that fit after a colon.
  package struct NotText: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
  }

  private enum Encoding: String {
    case utf8 = "UTF-8"
    case utf16 = "UTF-16"
    case utf32 = "UTF-32"
  }

  /// The byte-order marks; a UTF-32 one begins as a UTF-16 one does.
  private static let marks: [(encoding: Encoding, bytes: [UInt8])] = [
    (.utf32, [0xFF, 0xFE, 0, 0]), (.utf32, [0, 0, 0xFE, 0xFF]), (.utf16, [0xFF, 0xFE]),
    (.utf16, [0xFE, 0xFF]), (.utf8, [0xEF, 0xBB, 0xBF]),
  ]

  /// Decodes UTF-8 with or without a byte-order mark, or UTF-16 with one; the mark is dropped.
  ///
  /// - Throws: `NotText` for any other encoding, by its name where the bytes say it; nothing is
  ///   repaired.
  package static func decode(_ bytes: some Collection<UInt8>) throws(NotText) -> String {
    let mark = marks.first { bytes.starts(with: $0.bytes) }
    let body = bytes.dropFirst(mark?.bytes.count ?? 0)
    let text: String?
    switch mark?.encoding {
    case .utf32: throw NotText(description: "it is UTF-32 text; save it as UTF-8")
    case .utf16: text = utf16(body, littleEndian: mark?.bytes.first == 0xFF)
    case .utf8, nil: text = String(validating: body, as: UTF8.self)
    }
    guard let text else {
      let problem = mark?.encoding == .utf16 ? "it is no whole UTF-16 text" : foreign(body)
      throw NotText(description: problem + "; save it as UTF-8")
    }
    guard !text.utf8.contains(0) else {
      throw NotText(
        description: "it holds zero bytes, as UTF-16 without a byte-order mark does; save it as"
          + " UTF-8")
    }
    guard !text.unicodeScalars.contains("\u{FFFD}") else {
      throw NotText(
        description: "it holds U+FFFD, which stands for letters that were lost in an earlier"
          + " conversion; write them again")
    }
    return text
  }

  private static func utf16(
    _ bytes: some Collection<UInt8>, littleEndian: Bool
  ) -> String? {
    var units: [UInt16] = []
    units.reserveCapacity(bytes.count / 2)
    var first: UInt8?
    for byte in bytes {
      if let low = first {
        let (a, b) = (UInt16(low), UInt16(byte))
        units.append(littleEndian ? b << 8 | a : a << 8 | b)
        first = nil
      } else {
        first = byte
      }
    }
    return first == nil ? String(validating: units, as: UTF16.self) : nil
  }

  /// Says what text that is not UTF-8 is, and where it shows.
  ///
  /// Letters beyond ASCII mostly stand alone in Latin-1, as in no encoding of several bytes each.
  private static func foreign(_ bytes: some Collection<UInt8>) -> String {
    var (line, previous, high, alone) = (1, UInt8(0), 0, 0)
    var first: (line: Int, byte: UInt8)?
    for byte in bytes {
      if byte == 10 { line += 1 }
      if byte >= 0x80 {
        first = first ?? (line, byte)
        high += 1
        alone += previous < 0x80 ? 1 : -1
      }
      previous = byte
    }
    guard let first else { return "it is not UTF-8 text" }
    let code = "the byte 0x" + String(first.byte, radix: 16, uppercase: true)
    guard alone * 2 > high else { return "it is not UTF-8 text (line \(first.line) has \(code))" }
    let letter = first.byte > 0xA0 ? "\"\(Character(UnicodeScalar(first.byte)))\" as " : ""
    return "it is Latin-1 (Windows-1252) text, not UTF-8 (line \(first.line) has \(letter)\(code))"
  }
}
