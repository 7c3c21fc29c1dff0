/// Random changes to an image each time it is shown.
public struct Augmentation: Sendable, Equatable, Codable {
  /// Smallest size of a sprite, as a fraction of the image.
  public var smallestScale: Double
  /// Largest size of a sprite, as a fraction of the image. Not in files.
  public var largestScale: Double = 1
  /// Largest shift from the centre beyond the room that the size leaves, as a fraction of the
  /// image.
  public var shift: Double
  /// Fraction of images that are mirrored, among those that `mayFlip` allows.
  public var flipFraction: Double
  /// Fraction of sprites on another background than white; the caption names it.
  public var coloredBackgroundFraction: Double

  private enum CodingKeys: String, CodingKey {
    case smallestScale = "smallest_scale"
    case shift
    case flipFraction = "flip_fraction"
    case coloredBackgroundFraction = "colored_background_fraction"
  }

  /// Makes an augmentation; the default changes nothing.
  public init(
    smallestScale: Double = 1, largestScale: Double = 1, shift: Double = 0,
    flipFraction: Double = 0, coloredBackgroundFraction: Double = 0
  ) {
    self.smallestScale = smallestScale
    self.largestScale = largestScale
    self.shift = shift
    self.flipFraction = flipFraction
    self.coloredBackgroundFraction = coloredBackgroundFraction
  }

  /// No change at all.
  public static let none = Augmentation()

  /// Reads the keys that are there; the others change nothing.
  ///
  /// - Throws: `DecodingError`.
  public init(from decoder: any Decoder) throws {
    let keys = try decoder.container(keyedBy: CodingKeys.self)
    func value(_ key: CodingKeys, _ neutral: Double) throws -> Double {
      try keys.contains(key) ? keys.decode(Double.self, forKey: key) : neutral
    }
    self.init(
      smallestScale: try value(.smallestScale, 1), shift: try value(.shift, 0),
      flipFraction: try value(.flipFraction, 0),
      coloredBackgroundFraction: try value(.coloredBackgroundFraction, 0))
  }

  /// Returns whether the caption still fits the mirrored image: no writing, no direction.
  public static func mayFlip(_ info: SampleInfo) -> Bool {
    if info.topGroup == "Symbols" && info.subgroup != "geometric" { return false }
    if let top = info.topGroup, ["Flags", "signs_and_symbols", "geography"].contains(top) {
      return false
    }
    if let subgroup = info.subgroup, unsafeSubgroups.contains(subgroup) { return false }
    let words = info.caption.lowercased().split { !$0.isLetter }
    return !words.contains { unsafeWords.contains(String($0)) }
  }

  private static let unsafeSubgroups: Set<String> = [
    "time", "money", "book-paper", "place-map", "award-medal", "roadsigns", "books",
  ]
  private static let unsafeWords: Set<String> = [
    "left", "right", "leftwards", "rightwards", "clockwise", "text", "letter", "letters", "word",
    "sign", "number", "clock", "watch", "calendar", "map", "globe", "keyboard", "calculator",
    "button", "banknote", "dollar", "euro", "pound", "yen", "ruler", "thermometer", "date", "logo",
    "chart", "receipt", "newspaper", "flag", "alphabet", "abacus", "dice", "card", "atm", "stop",
    "calender", "note", "notes", "clef", "score", "label", "quarter", "crescent",
  ]
}
