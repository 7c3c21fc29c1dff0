public import Foundation

/// Words of WordNet: common adjectives, places and things, and synonyms of nouns.
public struct WordNet: Sendable {
  /// Adjectives that occur in WordNet's tagged texts, in alphabetical order.
  public let adjectives: [String]
  /// Nouns for artifacts, natural objects, locations and plants that occur there.
  public let places: [String]
  private let senses: [String: String]
  private let synsets: [String: [String]]

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
    var fields: [String: Int] = [:]
    var synsets: [String: [String]] = [:]
    for line in try Self.lines(files.nounData) {
      // offset lexicographer-file type word-count (hexadecimal), then word and sense by turns
      let parts = line.split(separator: " ")
      guard parts.count > 4, let field = Int(parts[1]), let count = Int(parts[3], radix: 16),
        parts.count >= 4 + 2 * count
      else { throw Self.malformed(files.nounData, line) }
      fields[String(parts[0])] = field
      synsets[String(parts[0])] = (0..<count).map { Self.plain(parts[4 + 2 * $0]) }
    }
    places = nouns.filter {
      $0.isCommonWord && Self.placeFields.contains(fields[$0.firstSense] ?? -1)
    }.map(\.lemma)
    senses = Dictionary(nouns.map { ($0.lemma, $0.firstSense) }, uniquingKeysWith: { a, _ in a })
    self.synsets = synsets
  }

  /// Returns synonyms for the most frequent sense of a noun; none if WordNet lacks it.
  ///
  /// A word that means something else more often is none: a railway car is a car too, but a car is
  /// an automobile.
  public func synonyms(of noun: String) -> [String] {
    guard let sense = senses[noun.lowercased()] else { return [] }
    return (synsets[sense] ?? []).filter { word in
      word.lowercased() != noun.lowercased() && senses[word.lowercased()] ?? sense == sense
    }
  }

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
      guard parts.count > 4, let pointers = Int(parts[3]), parts.count > 6 + pointers,
        let tagged = Int(parts[5 + pointers])
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
