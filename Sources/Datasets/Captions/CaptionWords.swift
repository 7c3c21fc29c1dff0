public import Foundation

/// Words that captions are varied with: `words.json` in a data set folder.
///
/// A text encoder trained on bare names understands nothing else: it matched "a photo of an apple"
/// in 3 of 100 cases, "apple" in 95. Twenty fixed phrases teach twenty phrases; thousands of random
/// words teach it to ignore what surrounds the name.
public struct CaptionWords: Codable, Sendable, Equatable {
  /// Words before a name: `beautiful`.
  public var adjectives: [String]
  /// Words after a name and a preposition: `table`.
  public var places: [String]
  /// Other words for what an image shows, by its caption, that stand alone.
  public var synonyms: [String: [String]]
  /// Words for kinds of what an image shows, by its caption: `goldfish` for `fish`.
  public var hyponyms: [String: [String]]

  /// Groups the four.
  public init(
    adjectives: [String], places: [String], synonyms: [String: [String]],
    hyponyms: [String: [String]] = [:]
  ) {
    self.adjectives = adjectives
    self.places = places
    self.synonyms = synonyms
    self.hyponyms = hyponyms
  }

  /// Reads words; data sets of earlier versions have no hyponyms.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    adjectives = try container.decode([String].self, forKey: .adjectives)
    places = try container.decode([String].self, forKey: .places)
    synonyms = try container.decode([String: [String]].self, forKey: .synonyms)
    hyponyms = try container.decodeIfPresent([String: [String]].self, forKey: .hyponyms) ?? [:]
  }

  /// Every word that may stand in a caption, beside those of names and phrases.
  package var all: [String] {
    adjectives + places + synonyms.values.joined() + hyponyms.values.joined()
  }

  /// The file's name in a data set folder.
  public static let fileName = "words.json"

  /// Reads the words of several data sets; nil if none has any.
  ///
  /// - Throws: `DataError.unreadable`, `.malformed`.
  static func read(in directories: [URL]) throws(DataError) -> CaptionWords? {
    var words: CaptionWords?
    for directory in directories {
      let url = directory.appendingPathComponent(fileName)
      guard FileBytes.exists(url) else { continue }
      let text = try FileBytes.text(url)
      let more: CaptionWords
      do {
        more = try JSONDecoder().decode(CaptionWords.self, from: Data(text.utf8))
      } catch {
        throw .malformed(
          file: url.path, entry: nil,
          problem: "these are no caption words; write the data set again")
      }
      guard var all = words else {
        words = more
        continue
      }
      all.adjectives += more.adjectives
      all.places += more.places
      all.synonyms.merge(more.synonyms) { $0 + $1 }
      all.hyponyms.merge(more.hyponyms) { $0 + $1 }
      words = all
    }
    return words
  }

  /// Writes the file into a data set folder.
  ///
  /// - Throws: `DataError.unwritable`.
  public func write(to directory: URL) throws(DataError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let url = directory.appendingPathComponent(Self.fileName)
    let data: Data
    do {
      data = try encoder.encode(self)
    } catch {
      preconditionFailure("words are strings, which JSON has a form for: \(error)")
    }
    try FileBytes.write(data, to: url)
  }

  /// Returns the synonyms of each name: the image's own keywords and WordNet's synonyms, unless
  /// they fit another image better.
  ///
  /// A word goes to the images whose name means the same, as `car` to `automobile`; else to those
  /// whose name contains it, as `tree` to `palm tree`; else to those that have it as a keyword, if
  /// they are few. A word that is itself an image's name is nobody's synonym.
  public static func synonyms(
    of images: [(name: String, keywords: [String])], in wordNet: WordNet
  ) -> [String: [String]] {
    let lowered = images.map { NounPhrase.plain($0.name).lowercased() }
    let names = Set(lowered)
    var equals: [String: [Int]] = [:]
    var holders: [String: [Int]] = [:]
    var others: [String: [Int]] = [:]
    for (index, image) in images.enumerated() {
      let name = lowered[index]
      let parts = Set(name.split(separator: " ").map(String.init))
      for word in wordNet.synonyms(of: name) {
        equals[word.lowercased(), default: []].append(index)
      }
      for word in parts { holders[word, default: []].append(index) }
      for word in Set(image.keywords.map { $0.lowercased() }).subtracting(parts) {
        others[word, default: []].append(index)
      }
    }
    var synonyms: [String: [String]] = [:]
    for word in Set(equals.keys).union(holders.keys).union(others.keys)
    where word.count > 2 && !names.contains(word) {
      let (owners, most) =
        equals[word].map { ($0, mostHolders) } ?? holders[word].map { ($0, mostHolders) }
        ?? (others[word] ?? [], mostClaimants)
      guard owners.count <= most else { continue }
      for owner in owners { synonyms[images[owner].name, default: []].append(word) }
    }
    return synonyms.mapValues { $0.sorted() }
  }

  /// Returns words for kinds of each name, of those that are neither a name nor a synonym.
  public static func hyponyms(
    of names: [String], besides synonyms: [String: [String]], in wordNet: WordNet
  ) -> [String: [String]] {
    let plain = names.map { NounPhrase.plain($0).lowercased() }
    let taken = Set(plain).union(synonyms.values.joined())
    let found = wordNet.hyponyms(of: plain)
    var hyponyms: [String: [String]] = [:]
    for (name, noun) in zip(names, plain) {
      let words = (found[noun] ?? []).filter { !taken.contains($0) }
      if !words.isEmpty { hyponyms[name] = words }
    }
    return hyponyms
  }

  /// A keyword of more images than this is too vague to be a synonym.
  private static let mostClaimants = 3
  /// A word in more names than this is too vague as well.
  private static let mostHolders = 8
}
