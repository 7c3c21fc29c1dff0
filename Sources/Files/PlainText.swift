/// Decodes text that people and other programs wrote.
package enum PlainText {
  /// Why bytes are no text, in words that fit after a colon.
  package struct NotText: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
  }

  /// Decodes UTF-8 with or without a byte-order mark, or UTF-16 with one; the mark is dropped.
  ///
  /// - Throws: `NotText` for any other encoding; nothing is repaired.
  package static func decode(_ bytes: some Collection<UInt8>) throws(NotText) -> String {
    let text: String?
    if bytes.starts(with: [0xFF, 0xFE]) {
      text = utf16(bytes.dropFirst(2), littleEndian: true)
    } else if bytes.starts(with: [0xFE, 0xFF]) {
      text = utf16(bytes.dropFirst(2), littleEndian: false)
    } else {
      text = String(
        validating: bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...],
        as: UTF8.self)
    }
    guard let text else {
      throw NotText(description: "it is not UTF-8 text; save it as UTF-8")
    }
    guard !text.utf8.contains(0) else {
      throw NotText(description: "it holds zero bytes, which no text has; save it as UTF-8")
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
}
