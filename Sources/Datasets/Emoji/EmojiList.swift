public import Foundation

/// One line of `emoji-test.txt`: a fully-qualified sequence with its name and groups.
public struct EmojiEntry: Sendable, Equatable {
  /// Code points, U+FE0F included.
  public let sequence: [Unicode.Scalar]
  /// CLDR short name, as `red apple`.
  public let name: String
  /// As `Food & Drink`.
  public let group: String
  /// As `food-fruit`.
  public let subgroup: String

  /// Code points in lower-case hex joined by `-`, without U+FE0F: `1f468-200d-1f33e`.
  public var code: String {
    sequence.filter { $0.value != 0xFE0F }.map { String($0.value, radix: 16) }
      .joined(separator: "-")
  }

  /// True unless it is a skin tone, a country or region flag, or a keycap.
  public var isBase: Bool {
    if ["country-flag", "subdivision-flag", "keycap"].contains(subgroup) { return false }
    return !sequence.contains { (0x1F3FB...0x1F3FF).contains($0.value) }
  }

  /// True for a base entry that shows a thing: no letter, arrow, sign or clock face.
  public var isCore: Bool {
    guard isBase else { return false }
    if group == "Symbols" { return subgroup == "geometric" }
    return !(0x1F550...0x1F567).contains(sequence.first?.value ?? 0)
  }
}

/// Reads Unicode's `emoji-test.txt`.
public enum EmojiList {
  /// Returns the fully-qualified entries in file order.
  ///
  /// - Throws: `DataError.unreadable`, or `.malformed` with the line that does not parse.
  public static func read(_ url: URL) throws(DataError) -> [EmojiEntry] {
    try parse(FileBytes.text(url), file: url.lastPathComponent)
  }

  static func parse(_ text: String, file: String) throws(DataError) -> [EmojiEntry] {
    var entries: [EmojiEntry] = []
    var group = ""
    var subgroup = ""
    for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      if line.hasPrefix("# group: ") {
        group = String(line.dropFirst(9))
      } else if line.hasPrefix("# subgroup: ") {
        subgroup = String(line.dropFirst(12))
      } else if !line.hasPrefix("#"), let semicolon = line.firstIndex(of: ";") {
        let status = line[line.index(after: semicolon)...].drop { $0 == " " }
        guard status.hasPrefix("fully-qualified") else { continue }
        guard let sequence = scalars(line[..<semicolon]), let name = name(status) else {
          throw .malformed(
            file: file, entry: "line \(number + 1)",
            problem: "expected `CODE POINTS ; status # emoji E1.0 name`")
        }
        entries.append(
          EmojiEntry(sequence: sequence, name: name, group: group, subgroup: subgroup))
      }
    }
    guard !entries.isEmpty else {
      throw .malformed(
        file: file, entry: nil, problem: "there is no fully-qualified emoji in this file")
    }
    return entries
  }

  private static func scalars(_ field: Substring) -> [Unicode.Scalar]? {
    var result: [Unicode.Scalar] = []
    for word in field.split(separator: " ") {
      guard let value = UInt32(word, radix: 16), let scalar = Unicode.Scalar(value) else {
        return nil
      }
      result.append(scalar)
    }
    return result.isEmpty ? nil : result
  }

  /// Returns the words after `# emoji E1.0 `.
  private static func name(_ status: Substring) -> String? {
    guard let hash = status.unicodeScalars.firstIndex(of: "#") else { return nil }
    let words = status.unicodeScalars[hash...].split(separator: " ", maxSplits: 3)
    guard words.count == 4, words[2].first == "E" else { return nil }
    return String(String.UnicodeScalarView(words[3]))
  }
}
