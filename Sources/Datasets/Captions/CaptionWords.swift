public import Foundation

/// Words to vary captions with: `words.json` in a data set folder.
///
/// A text encoder trained on names alone knows nothing else: "a photo of an apple" was recognised
/// in 3 of 100 cases where "apple" was in 95. Twenty fixed phrases teach twenty phrases; some
/// thousand random words teach that the words around the name do not matter.
public struct CaptionWords: Codable, Sendable, Equatable {
  /// Words before a name: `beautiful`.
  public var adjectives: [String]
  /// Words after a name and a preposition: `table`.
  public var places: [String]
  /// Synonyms by caption, each of which can replace it.
  public var synonyms: [String: [String]]

  /// Groups the words.
  public init(adjectives: [String], places: [String], synonyms: [String: [String]]) {
    self.adjectives = adjectives
    self.places = places
    self.synonyms = synonyms
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
      let bytes = try FileBytes.read(url)
      let more: CaptionWords
      do {
        more = try JSONDecoder().decode(CaptionWords.self, from: Data(bytes))
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

  /// Finds synonyms for each image: its own keywords and WordNet's synonyms of its name, where no
  /// other image fits better.
  ///
  /// A word goes to the image of that name; else to those whose names mean the same, such as `car`
  /// for `automobile`; else to those whose names contain it, such as `tree` for `palm tree`; else
  /// to those that have it as a keyword, if they are few.
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

  /// The most images that a keyword may belong to.
  private static let mostClaimants = 3
  /// The most names that a word may be part of.
  private static let mostHolders = 8
}
