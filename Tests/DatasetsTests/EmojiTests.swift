import Datasets
import Foundation
import Imaging
import TestSupport
import Testing

@Suite struct EmojiTests {
  @Test func fontFindsPicturesOfSinglesAndLigatures() throws {
    let font = try EmojiFont(contentsOf: Fixture.url("font.ttf"))
    #expect(font.codePointCount == 4)
    #expect(font.pictureCount == 4)
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
      #expect(text.hasSuffix("font.ttf: the font has a picture for no emoji of the list."))
    }
  }

  /// The real font, when its packages are installed or unpacked.
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
