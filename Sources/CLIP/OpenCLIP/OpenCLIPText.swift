import Foundation

/// Cleans a text as open_clip and OpenAI's CLIP do, and cuts it into pieces.
///
/// ftfy's repairs but one (text decoded in a wrong encoding, "mojibake", is left as it is), HTML
/// character references decoded twice, white space at the ends removed, lower case with Greek final
/// sigma. A piece is one of transformers', where `ſ` may stand for the `s` of a contraction.
/// Source: open_clip `tokenizer.py`: `basic_clean`, `SimpleTokenizer`; ftfy 6 `fix_text`.
enum OpenCLIPText {
  /// How open_clip spells the start and the end token.
  static let specialNames = ["<start_of_text>", "<end_of_text>"].map { Array($0.unicodeScalars) }

  /// Returns the cleaned text, without runs of white space made one, which no piece shows.
  static func cleaned(_ text: String) -> [Unicode.Scalar] {
    let fixed = fixed(Array(text.unicodeScalars))
    return lowercased(HTMLEntities.unescaped(HTMLEntities.unescaped(fixed)))
  }

  // MARK: ftfy

  /// Repairs each line by itself; a `<` ends the decoding of references from its line on.
  private static func fixed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var out: [Unicode.Scalar] = []
    var unescapes = true
    var position = 0
    while position < text.count {
      let end = text[position...].firstIndex(of: "\n").map { $0 + 1 } ?? text.count
      let line = Array(text[position..<end])
      if line.contains("<") { unescapes = false }
      out += fixedLine(line, unescaping: unescapes)
      position = end
    }
    return out
  }

  private static func fixedLine(
    _ line: [Unicode.Scalar], unescaping: Bool
  ) -> [Unicode.Scalar] {
    var text = line
    while true {
      let before = text
      if unescaping { text = HTMLEntities.unescapedIfCertain(text) }
      text = replaced(text)
      text = withUnixBreaks(text)
      text = withoutTerminalEscapes(text)
      text.removeAll(where: isUnwantedControl)
      text = composed(text)
      if text == before { return text }
    }
  }

  /// C1 controls as Windows-1252, ligatures and wide forms taken apart, quotes straight.
  private static func replaced(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var out: [Unicode.Scalar] = []
    out.reserveCapacity(text.count)
    for scalar in text {
      switch scalar.value {
      case 0..<0x80: out.append(scalar)
      case 0x80...0x9F: out += replaced([Windows1252.scalar(UInt8(scalar.value))], if: scalar)
      case 0x2BC, 0x2018...0x201B: out.append("'")
      case 0x201C...0x201F: out.append("\"")
      case 0x3000: out.append(" ")
      case 0xFF01...0xFFEF:
        out += String(scalar).precomposedStringWithCompatibilityMapping.unicodeScalars
      default:
        if let parts = ligatures[scalar] {
          out += replaced(Array(parts.unicodeScalars), if: scalar)
        } else {
          out.append(scalar)
        }
      }
    }
    return out
  }

  /// Returns what took a character's place, with its own quotes made straight; the five holes of
  /// Windows-1252 stay.
  private static func replaced(
    _ text: [Unicode.Scalar], if other: Unicode.Scalar
  ) -> [Unicode.Scalar] {
    text == [other] ? text : replaced(text)
  }

  private static let ligatures: [Unicode.Scalar: String] = [
    "Ĳ": "IJ", "ĳ": "ij", "ŉ": "ʼn", "Ǳ": "DZ", "ǲ": "Dz", "ǳ": "dz", "Ǆ": "DŽ", "ǅ": "Dž",
    "ǆ": "dž", "Ǉ": "LJ", "ǈ": "Lj", "ǉ": "lj", "Ǌ": "NJ", "ǋ": "Nj", "ǌ": "nj", "ﬀ": "ff",
    "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "ſt", "ﬆ": "st",
  ]

  private static func withUnixBreaks(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var out: [Unicode.Scalar] = []
    for (index, scalar) in text.enumerated() {
      switch scalar {
      case "\r": if index + 1 >= text.count || text[index + 1] != "\n" { out.append("\n") }
      case "\u{2028}", "\u{2029}", "\u{85}": out.append("\n")
      default: out.append(scalar)
      }
    }
    return out
  }

  /// Removes `ESC [ digits and semicolons, letter`.
  private static func withoutTerminalEscapes(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    guard text.contains("\u{1B}") else { return text }
    var out: [Unicode.Scalar] = []
    var position = 0
    while position < text.count {
      if text[position] == "\u{1B}", position + 1 < text.count, text[position + 1] == "[" {
        var end = position + 2
        while end < text.count,
          text[end] == ";" || text[end].properties.generalCategory == .decimalNumber
        {
          end += 1
        }
        if end < text.count, text[end].isASCII, text[end].properties.isAlphabetic {
          position = end + 1
          continue
        }
      }
      out.append(text[position])
      position += 1
    }
    return out
  }

  private static func isUnwantedControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0...8, 0x0B, 0x0E...0x1F, 0x7F, 0x206A...0x206F, 0xFEFF, 0xFFF9...0xFFFC: true
    default: false
    }
  }

  private static func composed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    if text.allSatisfy(\.isASCII) { return text }
    var view = String.UnicodeScalarView()
    view.append(contentsOf: text)
    return Array(String(view).precomposedStringWithCanonicalMapping.unicodeScalars)
  }

  // MARK: Lower case

  /// Lower case by Unicode's full mapping; a sigma that ends a word becomes `ς`.
  private static func lowercased(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var out: [Unicode.Scalar] = []
    out.reserveCapacity(text.count)
    for (index, scalar) in text.enumerated() {
      if scalar == "Σ" {
        out.append(endsWord(index, in: text) ? "ς" : "σ")
      } else {
        out += scalar.properties.lowercaseMapping.unicodeScalars
      }
    }
    return out
  }

  /// Returns whether a letter with case goes before and none follows, what has no say in it left
  /// aside.
  private static func endsWord(_ index: Int, in text: [Unicode.Scalar]) -> Bool {
    guard let before = text[..<index].last(where: { !$0.properties.isCaseIgnorable }),
      before.properties.isCased
    else { return false }
    let after = text[(index + 1)...].first { !$0.properties.isCaseIgnorable }
    return after.map { !$0.properties.isCased } ?? true
  }
}
