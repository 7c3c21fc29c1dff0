/// The one-to-one map between bytes and printable characters in which byte-level BPE files are
/// written: a printable Latin-1 byte stands for itself, each of the other 68 for one from U+0100 on.
///
/// Source: openai/CLIP `simple_tokenizer.bytes_to_unicode`.
enum ByteSymbols {
  /// Marks the last symbol of a piece.
  static let endOfWord = "</w>"

  /// Bytes in the order of their vocabulary ids: the printable ones first, then the rest.
  static let bytesInOrder: [UInt8] = {
    let printable = Array(0x21...0x7E) + Array(0xA1...0xAC) + Array(0xAE...0xFF) as [UInt8]
    let known = Set(printable)
    return printable + (0...255).filter { !known.contains($0) }
  }()

  /// The character that stands for each byte.
  static let scalars: [Unicode.Scalar] = {
    var table = [Unicode.Scalar](repeating: " ", count: 256)
    var next: UInt8 = 0
    for (order, byte) in bytesInOrder.enumerated() {
      if order < 188 {
        table[Int(byte)] = Unicode.Scalar(byte)
      } else {
        // U+0100 + n has the two-byte value 0x01, n.
        table[Int(byte)] = Unicode.Scalar(UInt16(0x100) + UInt16(next)) ?? " "
        next += 1
      }
    }
    return table
  }()

  /// The byte that each character stands for.
  static let bytes: [Unicode.Scalar: UInt8] = {
    var table: [Unicode.Scalar: UInt8] = [:]
    for byte in 0...255 { table[scalars[byte]] = UInt8(byte) }
    return table
  }()

  /// Returns the symbol of one byte, as it stands in a vocabulary.
  static func symbol(_ byte: UInt8) -> String { String(Character(scalars[Int(byte)])) }

  /// Returns the bytes that a token without its end-of-word mark stands for; characters outside the
  /// map (a special token's never are) give their own UTF-8.
  static func decoded(_ token: some StringProtocol) -> [UInt8] {
    var out: [UInt8] = []
    for scalar in token.unicodeScalars {
      if let byte = bytes[scalar] {
        out.append(byte)
      } else {
        out += Array(String(Character(scalar)).utf8)
      }
    }
    return out
  }
}
