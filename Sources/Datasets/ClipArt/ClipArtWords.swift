import Foundation

/// Makes a caption and keywords from a clip art file's title, name and folder, and drops what is
/// not the English name of a thing.
struct ClipArtWords {
  /// Words of three letters and more that count as English, in lower case.
  let dictionary: Set<String>

  /// Folders that hold patterns, sets of near-equal icons, signs and maps.
  static let foldersLeftOut = [
    "shapes", "special", "computer", "recreation/games/cards", "buttons", "logos", "geography",
    "unsorted", "signs_and_symbols/led", "signs_and_symbols/flags",
    "signs_and_symbols/map_symbols", "transportation/aiga-symbols", "tools/weapons",
  ]

  /// Returns whether the file at this path, relative to the collection, may show a thing.
  static func isObject(_ path: String) -> Bool {
    !foldersLeftOut.contains { path.hasPrefix($0 + "/") }
  }

  /// Returns whether an image in this folder shows a thing rather than a sign or an ornament.
  static func isCore(_ folder: String) -> Bool {
    folder != "signs_and_symbols" && folder != "signs_and_symbols/hazard"
      && !folder.hasPrefix("transportation/roadsigns")
      && !folder.hasPrefix("transportation/boating") && !folder.hasPrefix("decorations")
  }

  /// Returns the caption, or nil if there is none in English.
  ///
  /// `titleCount` is how many files have this title: above 4 it names a collection.
  func caption(for path: String, _ metadata: ClipArtMetadata, titleCount: Int) -> String? {
    let title = Self.cleaned(metadata.title)
    let words =
      titleCount > 4 || title.isEmpty || Self.namesCollection(metadata.title)
      ? Self.fileWords(path, creators: metadata.creators) : title
    // Road signs and flags without keywords are named in other languages.
    let isNamelessSign = path.hasPrefix("signs_and_symbols/") && metadata.keywords.isEmpty
    guard !words.isEmpty, words.count <= 8, isEnglish(words), !isNamelessSign,
      !metadata.keywords.contains(where: { $0.lowercased().hasPrefix("flag") }),
      !words.contains(where: Self.blocked.contains)
    else { return nil }
    return words.joined(separator: " ")
  }

  /// Returns at most six keywords, with the folder's name and without the collection's own words.
  static func keywords(_ metadata: ClipArtMetadata, path: String, caption: String) -> [String] {
    var result: [String] = []
    let folders = path.split(separator: "/").dropLast().map {
      $0.replacingOccurrences(of: "_", with: " ")
    }
    for word in metadata.keywords + folders {
      let plain = word.lowercased().replacingOccurrences(of: "_", with: " ")
        .trimmingCharacters(in: .whitespaces)
      guard plain.count > 2, plain.count < 30, !plain.hasPrefix("hash"), plain != caption,
        !keywordsLeftOut.contains(plain), !result.contains(plain),
        !plain.contains(where: \.isNumber)
      else { continue }
      result.append(plain)
    }
    return Array(result.prefix(6))
  }

  private func isEnglish(_ words: [String]) -> Bool {
    let long = words.flatMap { $0.split { !$0.isLetter }.map(String.init) }.filter { $0.count > 2 }
    let known = long.filter { dictionary.contains($0) || dictionary.contains(Self.singular($0)) }
    guard words.allSatisfy({ $0.allSatisfy(\.isASCII) }) else { return false }
    return !long.isEmpty && known.count * 2 >= long.count
  }

  private static func singular(_ word: String) -> String {
    word.hasSuffix("s") ? String(word.dropLast()) : word
  }

  private static func namesCollection(_ title: String) -> Bool {
    let text = title.lowercased()
    return collectionMarks.contains { text.contains($0) }
      || text.split { !$0.isLetter }.contains { ["icon", "icons", "theme"].contains($0) }
  }

  /// Returns lower-case words without brackets, authors after `by`, numbers and file extensions.
  private static func cleaned(_ title: String) -> [String] {
    var text = title.lowercased().replacingOccurrences(of: "_", with: " ")
    if let bracket = text.firstIndex(where: { "([{".contains($0) }) {
      text = String(text[..<bracket])
    }
    if let by = text.firstRange(of: " by ") { text = String(text[..<by.lowerBound]) }
    for ending in [".svg", ".png", "clip art", "clipart"] {
      text = text.replacingOccurrences(of: ending, with: " ")
    }
    return tidy(text)
  }

  private static func fileWords(_ path: String, creators: [String]) -> [String] {
    let stem = path.split(separator: "/").last.map(String.init) ?? path
    let authors = creators.flatMap { $0.lowercased().split { !$0.isLetter }.map(String.init) }
    let words = tidy(stem.lowercased().replacingOccurrences(of: ".svg", with: ""))
    // File names are cut at a length, so the last word may be the start of an author's name.
    let own = words.filter { word in
      !authors.contains { $0 == word || (word.count > 2 && $0.hasPrefix(word)) }
    }
    return tidy(own.joined(separator: " "))
  }

  private static func tidy(_ text: String) -> [String] {
    var words = text.split { !$0.isLetter && !$0.isNumber && $0 != "'" && $0 != "-" }
      .map { String($0).trimmingCharacters(in: CharacterSet(charactersIn: "-'")) }
      .flatMap { word in
        let parts = word.split(separator: "-").map(String.init)
        return parts.allSatisfy { $0.count > 1 } ? parts : [word]  // keep t-shirt
      }
      .filter { word in !word.isEmpty && !word.contains(where: \.isNumber) }
    if words.suffix(2) == ["body", "part"], words.count > 2 { words.removeLast(2) }
    while let first = words.first, ["a", "an", "the", "simple"].contains(first), words.count > 1 {
      words.removeFirst()
    }
    while let last = words.last, endingsLeftOut.contains(last) || last.count == 1, words.count > 1 {
      words.removeLast()
    }
    return words
  }

  private static let collectionMarks = [
    "collection", "clipart by", "clip art by", "iconset", "sibmission", "submission", "aiga",
    "openclipart", "open clip art", "http", "@", "untitled", "unnamed", "drawing", "svg",
  ]
  private static let endingsLeftOut: Set<String> = [
    "bw", "bwh", "svg", "png", "ganson", "architetto", "remix", "version", "img", "pic", "image",
    "rpswb", "aj", "one", "clothing", "symbol", "symbols", "illustration", "in", "of", "the", "and",
    "with",
    "to", "for", "at", "from", "plain", "ii", "iii",
  ]
  private static let keywordsLeftOut: Set<String> = [
    "theme", "computer", "unsorted", "icon", "icons", "action", "mapsym", "menu", "clipart",
    "clip art", "special", "united nations member", "symbol", "signs and symbols", "image", "svg",
    "externalsource", "cartoon", "contour", "outline", "colour", "color",
  ]
  private static let blocked: Set<String> = [
    "sexy", "pantyhose", "cannabis", "marijuana", "gallows", "bullet", "hole", "nude", "naked",
    "gun", "rifle", "pistol", "cigarette", "smoking", "nazi", "swastika", "corpse", "blood",
    "pimp",
    "menu", "example", "test", "untitled", "page", "background", "pattern", "border", "frame",
    "creation", "stylized", "suivre", "eau", "obligatoire", "obligation", "interdiction", "ne",
    "pas",
    "secours", "lourde", "douche", "securite", "extremement", "ionisantes", "abitazione",
    "villa", "con", "gatto", "mpcad", "font", "fr", "aj", "fasten", "icon", "icons", "template",
    "di", "de", "del", "della", "il", "la", "le", "des",
  ]
}
