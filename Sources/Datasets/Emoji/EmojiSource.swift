public import Foundation
import Imaging

/// Noto Color Emoji with the names and keywords of Unicode: one sample per base emoji.
public struct EmojiSource: IndexedSampleSource, Sendable {
  /// The files that an emoji set is made of.
  public struct Files: Sendable {
    /// `NotoColorEmoji.ttf`.
    public var font: URL
    /// `emoji-test.txt`.
    public var list: URL
    /// CLDR files, as `annotations/en.xml` and `annotationsDerived/en.xml`.
    public var annotations: [URL]

    /// Names the files.
    public init(font: URL, list: URL, annotations: [URL]) {
      self.font = font
      self.list = list
      self.annotations = annotations
    }

    /// Finds the files of three Debian packages, downloading them when needed.
    ///
    /// - Throws: `DataError.package` if a package cannot be had.
    public init(from packages: PackageStore) throws(DataError) {
      let font = "usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
      let list = "usr/share/unicode/emoji/emoji-test.txt"
      let folder = "usr/share/unicode/cldr/common"
      let texts = ["\(folder)/annotations/en.xml", "\(folder)/annotationsDerived/en.xml"]
      self.font = try packages.root(of: "fonts-noto-color-emoji", containing: [font])
        .appendingPathComponent(font)
      self.list = try packages.root(of: "unicode-data", containing: [list])
        .appendingPathComponent(list)
      let root = try packages.root(of: "unicode-cldr-core", containing: texts)
      annotations = texts.map(root.appendingPathComponent)
    }
  }

  /// The base emoji that the font has, in the order of the list.
  public let entries: [EmojiEntry]
  private let font: EmojiFont
  private let annotations: EmojiAnnotations

  /// Reads the files and keeps the base emoji; `coreOnly` drops signs, letters and clock faces.
  ///
  /// - Throws: `DataError.unreadable`, `.malformed`, or `.empty` if the font has none of the list.
  public init(_ files: Files, coreOnly: Bool = false) throws(DataError) {
    let font = try EmojiFont(contentsOf: files.font)
    annotations = try EmojiAnnotations(contentsOf: files.annotations)
    entries = try EmojiList.read(files.list).filter { entry in
      (coreOnly ? entry.isCore : entry.isBase) && font.png(for: entry.sequence) != nil
    }
    self.font = font
    guard !entries.isEmpty else {
      throw .empty(
        directory: files.font.path, reason: "the font has an image for no emoji of the list")
    }
  }

  /// Returns the words that captions of these emoji are varied with.
  public func captionWords(from wordNet: WordNet) -> CaptionWords {
    let images = entries.filter(\.isCore).map { entry in
      (
        name: annotations.name(for: entry.sequence) ?? entry.name,
        keywords: annotations.keywords(for: entry.sequence)
      )
    }
    let synonyms = CaptionWords.synonyms(of: images, in: wordNet)
    return CaptionWords(
      adjectives: wordNet.adjectives, places: wordNet.places, synonyms: synonyms,
      hyponyms: CaptionWords.hyponyms(of: images.map(\.name), besides: synonyms, in: wordNet))
  }

  /// The longest side of an image, in pixels.
  static let largestImage = 2048

  /// Number of emoji.
  public var count: Int { entries.count }

  /// Returns the emoji at `index`, its image padded with transparency to a square.
  ///
  /// - Throws: `DataError.malformed` if the font's PNG cannot be decoded.
  public func sample(at index: Int) throws(DataError) -> Sample {
    let entry = entries[index]
    guard let png = font.png(for: entry.sequence) else {
      throw .malformed(
        file: "font", entry: entry.code, problem: "the image has gone from the font")
    }
    let image: Image
    do throws(ImageError) {
      image = try ImageDecoder.decode(png, name: entry.code)
    } catch {
      throw .malformed(file: "font", entry: entry.code, problem: "\(error)")
    }
    guard max(image.width, image.height) <= Self.largestImage else {
      throw .malformed(
        file: "font", entry: entry.code,
        problem: "the image has \(image.width)x\(image.height) pixels; emoji have at most"
          + " \(Self.largestImage) a side")
    }
    let words = annotations.keywords(for: entry.sequence).filter { $0 != entry.name }
    return Sample(
      key: "noto_" + entry.code,
      image: image.converted(toChannels: 4).paddedToSquare(color: [0, 0, 0, 0]),
      caption: annotations.name(for: entry.sequence) ?? entry.name, keywords: words,
      source: "noto-emoji", licence: "OFL-1.1", group: "\(entry.group)/\(entry.subgroup)",
      style: "emoji", isCore: entry.isCore)
  }
}
