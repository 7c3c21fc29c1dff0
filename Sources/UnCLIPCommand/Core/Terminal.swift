import Foundation

/// The terminal that standard error goes to.
enum Terminal {
  /// Its columns, which change when its window does; `$COLUMNS` where the system does not know
  /// them, else 80.
  static var width: Int {
    var size = winsize()
    if ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 {
      return Int(size.ws_col)
    }
    let named = ProcessInfo.processInfo.environment["COLUMNS"].flatMap { Int($0) }
    return named.flatMap { $0 > 0 ? $0 : nil } ?? 80
  }

  /// The beginning of a line that takes at most `columns`.
  static func cut(_ text: String, to columns: Int) -> String {
    var left = max(1, columns)
    return String(
      text.prefix { character in
        left -= columnCount(of: character)
        return left >= 0
      })
  }

  /// The columns that a character takes: 2 for those of East Asian scripts and for emoji.
  static func columnCount(of character: Character) -> Int {
    guard let first = character.unicodeScalars.first else { return 0 }
    if character.unicodeScalars.contains(where: { $0.properties.isEmojiPresentation }) { return 2 }
    switch first.value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3,
      0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F200...0x1F2FF,
      0x20000...0x3FFFD:
      return 2
    default: break
    }
    switch first.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: return character.unicodeScalars.contains { $0 == "\u{FE0F}" } ? 2 : 1
    }
  }
}
