/// English forms of an image's name: with an article, in the plural, without Unicode's colons.
public enum NounPhrase {
  /// Returns a name that reads as words: `man: beard` becomes `man with beard`.
  public static func plain(_ name: String) -> String {
    var text = name
    if let colon = text.firstRange(of: ": ") {
      let head = text[..<colon.lowerBound]
      let joint = head.contains(" with ") ? " and " : " with "
      text = head + joint + text[colon.upperBound...]
    }
    text.unicodeScalars.removeAll { "“”\"".unicodeScalars.contains($0) }
    return String(String.UnicodeScalarView(text.unicodeScalars.map { $0 == "’" ? "'" : $0 }))
  }

  /// Returns the name after `a` or `an`, or alone if it is a plural or a mass noun.
  public static func withArticle(_ name: String) -> String {
    let words = name.split(separator: " ")
    guard let first = words.first, let last = words.last else { return name }
    let start = first.lowercased()
    if leaders.contains(start) || isPlural(words[headIndex(words)])
      || masses.contains(last.lowercased())
    {
      return name
    }
    return (startsWithVowelSound(start) ? "an " : "a ") + name
  }

  /// Returns the name for several of the thing: `red apple` becomes `red apples`.
  public static func plural(_ name: String) -> String {
    var words = name.split(separator: " ")
    guard !words.isEmpty else { return name }
    let index = headIndex(words)
    if isPlural(words[index]) { return name }
    words[index] = pluralWord(words[index])[...]
    return words.joined(separator: " ")
  }

  /// Returns whether the word is a plural, as `grapes`.
  static func isPlural(_ word: Substring) -> Bool {
    let text = word.lowercased()
    if irregular.values.contains(text) && irregular[text] == nil { return true }
    guard text.count > 3, text.hasSuffix("s") else { return false }
    return !["ss", "us", "is", "as", "os"].contains { text.hasSuffix($0) }
      && !singularWithS.contains(text)
  }

  private static func pluralWord(_ word: Substring) -> String {
    let text = word.lowercased()
    if let known = irregular[text] { return known }
    if text.last == "y", let before = text.dropLast().last, !"aeiou".contains(before) {
      return word.dropLast() + "ies"
    }
    if ["s", "x", "z", "ch", "sh"].contains(where: { text.hasSuffix($0) }) { return word + "es" }
    if text.hasSuffix("fe") { return word.dropLast(2) + "ves" }
    return word + "s"
  }

  /// Returns the index of the noun before the first preposition: `cat` in `cat with wry smile`.
  private static func headIndex(_ words: [Substring]) -> Int {
    let end = words.indices.first {
      prepositions.contains(words[$0].lowercased()) || ($0 > 0 && isParticiple(words[$0]))
    }
    return max(0, (end ?? words.count) - 1)
  }

  /// True for `biking` in `woman biking`, not for `building` in `office building`.
  private static func isParticiple(_ word: Substring) -> Bool {
    let text = word.lowercased()
    return text.count > 5 && text.hasSuffix("ing") && !nounsWithIng.contains(text)
  }

  private static func startsWithVowelSound(_ word: String) -> Bool {
    guard let first = word.first else { return false }
    if ["uni", "use", "eu", "one", "ufo", "u-"].contains(where: { word.hasPrefix($0) }) {
      return false
    }
    if ["hour", "honest", "x-ray"].contains(where: { word.hasPrefix($0) }) { return true }
    return "aeiou8".contains(first)
  }

  private static let prepositions: Set<String> = [
    "with", "in", "on", "of", "at", "for", "from", "without", "behind", "over", "and", "to", "into",
    "under", "near",
  ]
  private static let leaders: Set<String> = [
    "a", "an", "the", "some", "two", "three", "four", "five", "six", "seven", "no", "my", "your",
  ]
  private static let masses: Set<String> = [
    "rice", "snow", "bread", "cheese", "butter", "meat", "milk", "water", "fire", "money", "sugar",
    "salt", "bacon", "garlic", "honey", "wood", "yarn", "thread", "soap", "luggage", "sake", "tea",
    "ice", "fog", "sand", "rain", "coral", "hay", "corn", "grass", "lightning", "sushi",
    "spaghetti", "people", "golf", "tennis", "football", "art", "food", "music",
  ]
  private static let singularWithS: Set<String> = [
    "lens", "mars", "christmas", "news", "series", "compass",
  ]
  private static let nounsWithIng: Set<String> = [
    "building", "string", "spring", "earring", "evening", "morning", "painting", "wedding",
    "lightning", "pudding", "drawing", "clothing", "ceiling", "dumpling", "duckling",
  ]
  private static let irregular: [String: String] = [
    "man": "men", "woman": "women", "child": "children", "person": "people", "mouse": "mice",
    "foot": "feet", "tooth": "teeth", "goose": "geese", "fish": "fish", "sheep": "sheep",
    "deer": "deer", "leaf": "leaves", "wolf": "wolves", "potato": "potatoes", "tomato": "tomatoes",
    "bus": "buses", "cactus": "cacti", "loaf": "loaves", "scarf": "scarves", "shrimp": "shrimp",
    "mango": "mangoes", "volcano": "volcanoes",
  ]
}
