import Datasets
import Foundation
import Imaging
import TestSupport
import Testing

@Suite struct EmojiTests {
  @Test func fontFindsImagesOfSinglesAndLigatures() throws {
    let font = try EmojiFont(contentsOf: Fixture.url("font.ttf"))
    #expect(font.codePointCount == 4)
    #expect(font.imageCount == 4)
    let red = try #require(font.png(for: ["\u{1F7E5}"]))
    #expect(red.starts(with: [0x89, 0x50, 0x4E, 0x47]))
    let joined = try #require(font.png(for: ["\u{1F7E5}", "\u{200D}", "\u{1F7E2}", "\u{FE0F}"]))
    #expect(joined != red)
    #expect(font.png(for: ["\u{1F7E5}", "\u{1F7E2}"]) == nil)
    #expect(font.png(for: ["\u{200D}"]) == nil)
    #expect(font.png(for: ["A"]) == nil)
    #expect(font.png(for: []) == nil)
  }

  @Test func brokenFontsAreNamed() throws {
    let bytes = [UInt8](try Data(contentsOf: Fixture.url("font.ttf")))
    #expect(
      Fixture.message { _ = try EmojiFont(bytes: Array("no font at all".utf8), file: "x.ttf") }
        == "x.ttf: this is not a TrueType or OpenType font file.")
    let missing = bytes.map { $0 }
    var renamed = missing
    let tag = try #require(bytes.firstRange(of: Array("GSUB".utf8)))
    renamed.replaceSubrange(tag, with: Array("GXXX".utf8))
    #expect(
      Fixture.message { _ = try EmojiFont(bytes: renamed, file: "x.ttf") }
        == "x.ttf, table GSUB: the table is missing; a colour bitmap font such as"
        + " NotoColorEmoji.ttf is needed.")
    for count in stride(from: 0, to: bytes.count - 4, by: 31) {
      #expect(throws: DataError.self) {
        _ = try EmojiFont(bytes: Array(bytes[..<count]), file: "x.ttf")
      }
    }
    #expect(
      Fixture.message { _ = try EmojiFont(contentsOf: URL(fileURLWithPath: "/none/x.ttf")) }
        == "Cannot read /none/x.ttf: there is no such file or folder.")
  }

  /// Returns a font of these tables, each a list of 16-bit values.
  private func font(cmap: [Int]? = nil, gsub: [Int]? = nil, cblc: [Int]? = nil) -> [UInt8] {
    let tables: [(tag: String, numbers: [Int])] = [
      ("cmap", cmap ?? [0, 1, 3, 10, 0, 12, 12, 0, 0, 16, 0, 0, 0, 0]),
      ("GSUB", gsub ?? [1, 0, 0, 0, 10, 0]), ("CBLC", cblc ?? [3, 0, 0, 1, 0, 56, 0, 0, 0, 0]),
      ("CBDT", [3, 0]),
    ]
    func big(_ number: Int, _ count: Int) -> [UInt8] {
      (0..<count).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }
    var head = big(0x0001_0000, 4) + big(tables.count, 2) + big(0, 6)
    var body: [UInt8] = []
    for table in tables {
      head += Array(table.tag.utf8) + big(0, 4) + big(12 + tables.count * 16 + body.count, 4)
      head += big(table.numbers.count * 2, 4)
      body += Array(table.numbers.map { big($0, 2) }.joined())
    }
    return head + body
  }

  /// What a font that lists the same bytes many times is refused with, in good time.
  private func refusal(_ bytes: [UInt8]) -> String? {
    var text: String?
    let taken = ContinuousClock().measure {
      text = Fixture.message { _ = try EmojiFont(bytes: bytes, file: "x.ttf") }
    }
    #expect(taken < .seconds(5))
    return text
  }

  @Test func tablesThatListTheSameGlyphsAgainAndAgainAreRefused() throws {
    #expect(refusal(font()) == nil)
    // 8000 groups of all code points each.
    let group = [0, 0, 0x10, 0xFFFF, 0, 1]
    let groups = Array(repeatElement(group, count: 8000).joined())
    let overlapping = [0, 1, 3, 10, 0, 12, 12, 0, 0, 16, 0, 0, 0, 8000] + groups
    #expect(
      refusal(font(cmap: overlapping))
        == "x.ttf, table cmap: group 1 runs from 0 to 1114111, which is no code point range"
        + " after those before it.")
    let many = "x.ttf: its tables list more glyphs than the file can hold."
    // One lookup of 3000 times the same subtable, whose sets are one set of 3000 ligatures.
    let lookup = [4, 0, 3000] + [Int](repeating: 6006, count: 3000)
    let subtable = [1, 6 + 6000, 3000] + [Int](repeating: 6, count: 3000)
    let coverage = [2, 1, 0, 65535, 0]
    #expect(
      refusal(font(gsub: [1, 0, 0, 0, 10, 1, 4] + lookup + subtable + coverage)) == many)
    // The same bytes as the images of all glyphs, 500 times.
    let records = Array(repeatElement([0, 65535, 0, 4000], count: 500).joined())
    let header = [1, 17, 0, 0] + [Int](repeating: 0, count: 140_000)
    let strikes = [3, 0, 0, 1, 0, 56, 0, 0, 0, 500] + [Int](repeating: 0, count: 18)
    #expect(refusal(font(cblc: strikes + records + header)) == many)
  }

  /// Few bytes that cover all glyphs are right, as long as no more are listed than are used.
  @Test func aCoverageOfAllGlyphsIsRead() throws {
    let gsub = [1, 0, 0, 0, 10, 1, 4] + [4, 0, 1, 8] + [1, 8, 1, 18] + [2, 1, 0, 65535, 0] + [0]
    #expect(refusal(font(gsub: gsub)) == nil)
  }

  @Test func listKeepsGroupsAndQualifiedLines() throws {
    let entries = try EmojiList.read(Fixture.url("emoji-test.txt"))
    #expect(
      entries.map(\.name).prefix(3) == ["red square", "blue square", "yellow card: football"])
    #expect(entries.count == 6)
    #expect(entries[2].code == "1f7e5-200d-1f7e2")
    #expect(entries[3].code == "1f7e2")
    #expect(entries[3].group == "Food & Drink")
    #expect(entries[3].subgroup == "food-fruit")
    #expect(entries[5].isBase == false)
    #expect(entries.filter(\.isCore).count == 5)
  }

  @Test func brokenListNamesTheLine() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("list.txt")
      try "# group: A\n1F7E5 ; fully-qualified # nothing\n".write(
        to: url, atomically: true, encoding: .utf8)
      #expect(
        Fixture.message { _ = try EmojiList.read(url) }
          == "list.txt, line 2: expected `CODE POINTS ; status # emoji E1.0 name`.")
      try "# group: A\n".write(to: url, atomically: true, encoding: .utf8)
      #expect(
        Fixture.message { _ = try EmojiList.read(url) }
          == "list.txt: there is no fully-qualified emoji in this file.")
    }
  }

  @Test func annotationsIgnoreVariationSelectors() throws {
    let annotations = try EmojiAnnotations(contentsOf: [
      Fixture.url("annotations.xml"), Fixture.url("annotations-derived.xml"),
    ])
    #expect(annotations.name(for: ["\u{1F7E2}", "\u{FE0F}"]) == "green apple")
    #expect(annotations.keywords(for: ["\u{1F7E5}"]) == ["red", "square", "card & stop"])
    #expect(
      annotations.keywords(for: ["\u{1F7E5}", "\u{200D}", "\u{1F7E2}"]) == ["card", "referee"])
    #expect(annotations.name(for: ["A"]) == nil)
  }

  @Test func sourceYieldsSquareSamples() throws {
    let source = try EmojiSource(Fixture.emojiFiles)
    #expect(source.count == 4)
    let apple = try source.sample(at: 3)
    #expect(apple.key == "noto_1f7e2")
    #expect(apple.caption == "green apple")
    #expect(apple.keywords == ["apple", "fruit", "green"])
    #expect(apple.group == "Food & Drink/food-fruit")
    #expect(apple.source == "noto-emoji")
    #expect(apple.licence == "OFL-1.1")
    #expect((apple.image.width, apple.image.height, apple.image.channels) == (16, 16, 4))
    #expect(Array(apple.image[8, 8]) == [30, 160, 60, 255])
    #expect(Array(apple.image[0, 0])[3] == 0)
    #expect(Array(try source.sample(at: 1).image[8, 8]) == [30, 60, 220, 255])
  }

  @Test func fontWithoutTheListIsRefused() throws {
    try withTemporaryFolder { folder in
      let list = folder.appendingPathComponent("list.txt")
      try "1F34E ; fully-qualified # x E0.6 red apple\n".write(
        to: list, atomically: true, encoding: .utf8)
      var files = Fixture.emojiFiles
      files.list = list
      let text = try #require(Fixture.message { _ = try EmojiSource(files) })
      #expect(text.hasSuffix("font.ttf: the font has an image for no emoji of the list."))
    }
  }

  /// Returns the real font, when its packages are installed or unpacked.
  @Test(.enabled(if: RealData.emoji != nil))
  func realFontDrawsEveryBaseEmoji() throws {
    let files = try #require(RealData.emoji)
    let all = try EmojiSource(files)
    #expect(all.count == 1596)
    #expect(all.entries.filter(\.isCore).count == 1396)
    print("emoji: \(all.count) base, \(all.entries.filter(\.isCore).count) core")
    let apple = try #require(all.entries.firstIndex { $0.name == "red apple" })
    let sample = try all.sample(at: apple)
    #expect((sample.image.width, sample.image.height) == (136, 136))
    #expect(sample.keywords.contains("fruit"))
  }
}

/// Real packages, looked for where the command line would have put them; nothing is downloaded.
enum RealData {
  static var root: URL { PackageStore().directory.appendingPathComponent("packages") }

  static var emoji: EmojiSource.Files? {
    let font = root.appendingPathComponent(
      "fonts-noto-color-emoji/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
    let list = root.appendingPathComponent("unicode-data/usr/share/unicode/emoji/emoji-test.txt")
    let folder = root.appendingPathComponent("unicode-cldr-core/usr/share/unicode/cldr/common")
    let texts = ["annotations/en.xml", "annotationsDerived/en.xml"].map {
      folder.appendingPathComponent($0)
    }
    let all = [font, list] + texts
    guard all.allSatisfy({ FileManager.default.fileExists(atPath: $0.path) }) else { return nil }
    return EmojiSource.Files(font: font, list: list, annotations: texts)
  }
}
