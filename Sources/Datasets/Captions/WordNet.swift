public import Foundation

/// Words of WordNet: common adjectives, places and things, synonyms and hyponyms of nouns.
public struct WordNet: Sendable {
  /// Adjectives that occur in WordNet's tagged texts, in alphabetical order.
  public let adjectives: [String]
  /// Nouns for artifacts, natural objects, locations and plants that occur there.
  public let places: [String]
  /// The most frequent sense of each noun, as a synset's offset.
  private let senses: [String: String]
  private let synsets: [String: Synset]
  /// Nouns that occur there in some sense.
  private let tagged: Set<String>

  /// Nouns of one meaning.
  private struct Synset {
    let nouns: [String]
    let field: Int
    /// The offsets of more general synsets.
    let hypernyms: [String]
  }

  /// WordNet's index and data files.
  public struct Files: Sendable {
    /// `index.adj`.
    public var adjectives: URL
    /// `index.noun`.
    public var nouns: URL
    /// `data.noun`.
    public var nounData: URL

    /// Names the files.
    public init(adjectives: URL, nouns: URL, nounData: URL) {
      self.adjectives = adjectives
      self.nouns = nouns
      self.nounData = nounData
    }

    /// Finds the files of a Debian package, downloading it when needed.
    ///
    /// - Throws: `DataError.package` if it cannot be had.
    public init(from packages: PackageStore) throws(DataError) {
      let folder = "usr/share/wordnet"
      let files = ["index.adj", "index.noun", "data.noun"].map { "\(folder)/\($0)" }
      let root = try packages.root(of: "wordnet-base", containing: files)
      self.init(
        adjectives: root.appendingPathComponent(files[0]),
        nouns: root.appendingPathComponent(files[1]),
        nounData: root.appendingPathComponent(files[2]))
    }
  }

  /// Reads the files.
  ///
  /// - Throws: `DataError.unreadable`, or `.malformed` for a line of another form.
  ///
  /// Source: the manual page wndb(5WN).
  public init(_ files: Files) throws(DataError) {
    let nouns = try Self.index(files.nouns)
    adjectives = try Self.index(files.adjectives).filter(\.isCommonWord).map(\.lemma)
    var synsets: [String: Synset] = [:]
    for line in try Self.lines(files.nounData) {
      guard let (offset, synset) = Self.synset(line) else {
        throw Self.malformed(files.nounData, line)
      }
      synsets[offset] = synset
    }
    places = nouns.filter {
      $0.isCommonWord && Self.placeFields.contains(synsets[$0.firstSense]?.field ?? -1)
    }.map(\.lemma)
    senses = Dictionary(nouns.map { ($0.lemma, $0.firstSense) }, uniquingKeysWith: { a, _ in a })
    tagged = Set(nouns.filter(\.isTagged).map(\.lemma))
    self.synsets = synsets
  }

  /// Reads a line of `data.noun`; nil if it has another form.
  private static func synset(_ line: String) -> (offset: String, Synset)? {
    // offset lexicographer-file type word-count (hexadecimal), then word and sense by turns,
    // pointer-count, then symbol, offset, type and words of each pointer
    let parts = line.split(separator: " ")
    guard parts.count > 4, let field = Int(parts[1]), let count = Int(parts[3], radix: 16),
      (0..<parts.count).contains(count), parts.count > 4 + 2 * count,
      let pointers = Int(parts[4 + 2 * count]),
      pointers >= 0, (parts.count - 5 - 2 * count) / 4 >= pointers
    else { return nil }
    let first = 5 + 2 * count
    let hypernyms = (0..<pointers).filter { parts[first + 4 * $0] == "@" }
    return (
      String(parts[0]),
      Synset(
        nouns: (0..<count).map { plain(parts[4 + 2 * $0]) }, field: field,
        hypernyms: hypernyms.map { String(parts[first + 4 * $0 + 1]) })
    )
  }

  /// Returns synonyms for the most frequent sense of a noun; none if WordNet lacks it.
  ///
  /// A word that means something else more often is none: a railway car is a car too, but a car is
  /// an automobile.
  public func synonyms(of noun: String) -> [String] {
    guard let sense = senses[noun.lowercased()] else { return [] }
    return (synsets[sense]?.nouns ?? []).filter { word in
      word.lowercased() != noun.lowercased() && senses[word.lowercased()] ?? sense == sense
    }
  }

  /// Returns words for kinds of these nouns, in alphabetical order: `goldfish` and `salmon` for `fish`,
  /// `school bus` for `bus`.
  ///
  /// A word goes to the nearest of the nouns above it, each in its most frequent sense. Of the tens
  /// of thousands of kinds these are what people know: words that occur in the tagged texts, those that
  /// end with the noun or a synonym, and those directly below it but for Latin names. Nouns for people
  /// have none, as many words for people insult.
  public func hyponyms(of nouns: [String]) -> [String: [String]] {
    var owners: [String: [String]] = [:]
    for noun in nouns {
      guard let sense = senses[noun.lowercased()], let synset = synsets[sense],
        Self.pictureFields.contains(synset.field)
      else { continue }
      owners[sense, default: []].append(noun)
    }
    var hyponyms: [String: [String]] = [:]
    for (word, sense) in senses where Self.isPlain(word) && owners[sense] == nil {
      guard let general = nearest(above: sense, where: { owners[$0] != nil }),
        tagged.contains(word) || isDirect(word, of: sense, below: general)
          || synsets[general]?.nouns.contains(where: {
            $0.count > 2 && word.hasSuffix($0.lowercased())
          }) ?? false
      else { continue }
      for noun in owners[general] ?? [] { hyponyms[noun, default: []].append(word) }
    }
    return hyponyms.mapValues { $0.sorted() }
  }

  /// Whether a synset is directly below another and has the word without capitals: Latin names and
  /// those of people and places are written with them.
  private func isDirect(_ word: String, of sense: String, below general: String) -> Bool {
    guard let synset = synsets[sense] else { return false }
    return synset.hypernyms.contains(general) && synset.nouns.contains(word)
  }

  /// The nearest of the more general synsets that fits: a puppy is both a pup and a dog.
  private func nearest(above sense: String, where fits: (String) -> Bool) -> String? {
    var level = synsets[sense]?.hypernyms ?? []
    // A file that is not WordNet's may go round in a circle.
    var seen: Set<String> = [sense]
    while !level.isEmpty {
      if let found = level.first(where: fits) { return found }
      level = level.filter { seen.insert($0).inserted }.flatMap { synsets[$0]?.hypernyms ?? [] }
    }
    return nil
  }

  /// Whether these are one or two words of small letters.
  private static func isPlain(_ words: String) -> Bool {
    words.utf8.count > 2 && words.split(separator: " ").count <= 2
      && words.utf8.allSatisfy { (97...122).contains($0) || " -'".utf8.contains($0) }
  }

  /// Lexicographer files of animals, artifacts, food, natural objects and plants.
  private static let pictureFields: Set<Int> = [5, 6, 13, 17, 20]

  /// Lexicographer files of artifacts, locations, natural objects and plants.
  private static let placeFields: Set<Int> = [6, 15, 17, 20]

  /// A line of an index file.
  private struct Entry {
    let lemma: String
    let firstSense: String
    /// Whether a sense of it occurs in the tagged texts.
    let isTagged: Bool

    var isCommonWord: Bool {
      isTagged && lemma.utf8.count > 2 && lemma.utf8.allSatisfy { (97...122).contains($0) }
    }
  }

  private static func index(_ url: URL) throws(DataError) -> [Entry] {
    var entries: [Entry] = []
    for line in try lines(url) {
      // lemma type senses pointer-count pointers… senses tagged-senses offsets…
      let parts = line.split(separator: " ")
      guard parts.count > 4, let pointers = Int(parts[3]), (0..<parts.count).contains(pointers),
        parts.count > 6 + pointers, let tagged = Int(parts[5 + pointers])
      else { throw malformed(url, line) }
      entries.append(
        Entry(
          lemma: plain(parts[0]), firstSense: String(parts[6 + pointers]), isTagged: tagged > 0))
    }
    return entries
  }

  /// Returns the lines of a file without its licence, whose lines begin with a space.
  private static func lines(_ url: URL) throws(DataError) -> [String] {
    try FileBytes.text(url).utf8.split(separator: UInt8(ascii: "\n"))
      .filter { $0.first != UInt8(ascii: " ") }.map { String(Substring($0)) }
  }

  private static func plain(_ word: Substring) -> String {
    String(word.map { $0 == "_" ? " " : $0 })
  }

  private static func malformed(_ url: URL, _ line: String) -> DataError {
    .malformed(
      file: url.path, entry: "line \(line.prefix(40))",
      problem: "it is not of WordNet's form; install the package wordnet-base again")
  }
}
