import Foundation

/// Character references of HTML, as in `&eacute;`, `&#233;` and `&#xE9;`.
enum HTMLEntities {
  /// The text of each name, and whether the semicolon may be missing.
  static let names: [String: (text: String, isBare: Bool)] = {
    var names: [String: (text: String, isBare: Bool)] = [:]
    for entry in HTMLEntityTable.text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
      guard let mark = entry.firstIndex(where: { $0 == "=" || $0 == "*" }) else { continue }
      var text = String.UnicodeScalarView()
      for digits in entry[entry.index(after: mark)...].split(separator: "+") {
        if let scalar = UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init) {
          text.append(scalar)
        }
      }
      names[String(entry[..<mark])] = (String(text), entry[mark] == "*")
    }
    return names
  }()

  /// Decodes all references by the rules of HTML 5, also those without a semicolon.
  ///
  /// Source: Python `html.unescape`.
  static func unescaped(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
    guard scalars.contains("&") else { return scalars }
    var out: [Unicode.Scalar] = []
    var position = 0
    while position < scalars.count {
      guard scalars[position] == "&" else {
        out.append(scalars[position])
        position += 1
        continue
      }
      let rest = scalars[(position + 1)...]
      if let (text, length) = numeric(rest) ?? named(rest) {
        out += text
        position += 1 + length
      } else {
        out.append("&")
        position += 1
      }
    }
    return out
  }

  /// Decodes the references that end in a semicolon and are unambiguous, names in capitals too.
  ///
  /// The caller repeats this until nothing changes; `&amp;amp;amp;` would lose one layer per pass,
  /// so all layers of ampersands are removed at once.
  ///
  /// Source: ftfy `unescape_html`.
  static func unescapedIfCertain(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
    guard scalars.contains("&") else { return scalars }
    var out: [Unicode.Scalar] = []
    var position = 0
    while position < scalars.count {
      guard scalars[position] == "&", let end = end(ofReferenceAfter: position, in: scalars) else {
        out.append(scalars[position])
        position += 1
        continue
      }
      let reference = Array(scalars[position..<end])
      let text = certain(reference) ?? reference
      position = end
      if text == ["&"] {
        while let next = self.end(ofReferenceAfter: position - 1, in: scalars),
          certain(["&"] + scalars[position..<next]) == ["&"]
        {
          position = next
        }
      }
      out += text
    }
    return out
  }

  /// Finds the end of an optional `#`, one to 24 letters and digits, and a semicolon, after the
  /// `&` at `start`.
  private static func end(ofReferenceAfter start: Int, in scalars: [Unicode.Scalar]) -> Int? {
    var end = start + 1
    if end < scalars.count, scalars[end] == "#" { end += 1 }
    let first = end
    while end < scalars.count, end - first < 24, isASCIIAlphanumeric(scalars[end]) { end += 1 }
    guard end > first, end < scalars.count, scalars[end] == ";" else { return nil }
    return end + 1
  }

  private static func certain(_ reference: [Unicode.Scalar]) -> [Unicode.Scalar]? {
    if reference[1] == "#" {
      let text = unescaped(reference)
      return text.contains(";") ? nil : text
    }
    let name = string(reference[1..<reference.count - 1])
    if let known = names[name] { return Array(known.text.unicodeScalars) }
    let lower = name.lowercased()
    guard lower != name, lower.uppercased() == name, let known = names[lower],
      unescaped(reference) == reference
    else { return nil }
    return Array(known.text.uppercased().unicodeScalars)
  }

  /// Decodes `#233;` or `#xE9;`; the semicolon may be missing.
  private static func numeric(
    _ rest: ArraySlice<Unicode.Scalar>
  ) -> (text: [Unicode.Scalar], length: Int)? {
    guard rest.first == "#" else { return nil }
    var digits = rest.dropFirst()
    var radix: UInt32 = 10
    if let mark = digits.first, mark == "x" || mark == "X" {
      radix = 16
      digits = digits.dropFirst()
    }
    let run = digits.prefix { digit($0, radix: radix) != nil }
    guard !run.isEmpty else { return nil }
    var value: UInt32 = 0
    for scalar in run where value <= 0x10FFFF {
      value = value * radix + (digit(scalar, radix: radix) ?? 0)
    }
    let semicolon = run.endIndex < rest.endIndex && rest[run.endIndex] == ";" ? 1 : 0
    return (character(value), run.endIndex - rest.startIndex + semicolon)
  }

  /// Returns the character of a code point; 80 to 9F are Windows-1252, some code points nothing.
  private static func character(_ value: UInt32) -> [Unicode.Scalar] {
    switch value {
    case 0: return ["\u{FFFD}"]
    case 0x0D: return ["\r"]
    case 0x80...0x9F: return [Windows1252.scalar(UInt8(value))]
    case 1...8, 0x0B, 0x0E...0x1F, 0x7F, 0xFDD0...0xFDEF: return []
    case _ where value <= 0x10FFFF && value & 0xFFFE == 0xFFFE: return []
    default: return [Unicode.Scalar(value) ?? "\u{FFFD}"]
    }
  }

  /// Decodes a name and what follows it, up to 32 characters and a semicolon.
  private static func named(
    _ rest: ArraySlice<Unicode.Scalar>
  ) -> (text: [Unicode.Scalar], length: Int)? {
    let stops: Set<Unicode.Scalar> = ["\t", "\n", "\u{C}", " ", "<", "&", "#", ";"]
    let run = rest.prefix(32).prefix { !stops.contains($0) }
    guard !run.isEmpty else { return nil }
    let semicolon = run.endIndex < rest.endIndex && rest[run.endIndex] == ";"
    if let known = names[string(run)], semicolon || known.isBare {
      return (Array(known.text.unicodeScalars), run.count + (semicolon ? 1 : 0))
    }
    // The longest prefix that needs no semicolon.
    for count in stride(from: run.count, to: 1, by: -1) {
      let start = run.prefix(count)
      guard let known = names[string(start)], known.isBare else { continue }
      return (Array(known.text.unicodeScalars), count)
    }
    return nil
  }

  private static func digit(_ scalar: Unicode.Scalar, radix: UInt32) -> UInt32? {
    switch (scalar, radix) {
    case ("0"..."9", _): scalar.value - 0x30
    case ("a"..."f", 16), ("A"..."F", 16): (scalar.value | 0x20) - 0x61 + 10
    default: nil
    }
  }

  private static func isASCIIAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "0"..."9", "a"..."z", "A"..."Z": true
    default: false
    }
  }

  private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }
}

/// The upper half of Windows-1252, whose five undefined bytes map to themselves.
enum Windows1252 {
  private static let table: [UInt32] = [
    0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
    0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D, 0x017D, 0x8F,
    0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
    0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D, 0x017E, 0x0178,
  ]

  /// Returns the character of a byte.
  static func scalar(_ byte: UInt8) -> Unicode.Scalar {
    guard (0x80...0x9F).contains(byte) else { return Unicode.Scalar(byte) }
    return Unicode.Scalar(table[Int(byte - 0x80)]) ?? "\u{FFFD}"
  }
}
