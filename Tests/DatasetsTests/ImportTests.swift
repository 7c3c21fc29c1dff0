import Foundation
import Imaging
import TestSupport
import Testing

@testable import Datasets

@Suite struct ImportTests {
  /// A folder of small images at these paths, and files with these contents.
  private func importing(
    _ images: [String], _ files: [String: Data] = [:], fallback: FolderSource.Fallback = .auto
  ) throws -> (captions: [String: String], report: ImportReport) {
    try withTemporaryFolder { folder in
      try write(images, files, to: folder)
      let source = try FolderSource(directory: folder, fallback: fallback)
      var captions: [String: String] = [:]
      let report = try source.forEachSample(strict: false) { (sample) throws(DataError) in
        captions[sample.key] = sample.caption
      }
      return (captions, report)
    }
  }

  private func write(_ images: [String], _ files: [String: Data], to folder: URL) throws {
    let png = Data(try PNGEncoder.encode(Fixture.square(0, 90, 200)))
    for (path, data) in files.merging(images.map { ($0, png) }, uniquingKeysWith: { a, _ in a }) {
      let url = folder.appendingPathComponent(path)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try data.write(to: url)
    }
  }

  private func text(_ text: String) -> Data { Data(text.utf8) }

  @Test func captionsComeFromEveryKindOfFile() throws {
    let (captions, report) = try importing(
      ["A.PNG", "b.png", "c.png", "d.png", "e.png", "f.png", "g/h.png", "I.png", "j.png"],
      [
        "A.TXT": text("a fluffy\n cat\r\n"), "b.caption": text("a dog"),
        "c.json": text(#"{"url": "x", "text": "a hen", "source": {"a": 1}, "part": "val"}"#),
        "d.png.txt": text("a cow"), "i.txt": text("an ox"),
        "metadata.jsonl": text(
          #"{"file_name": "e.png", "text": "a pig"}"# + "\n"
            + #"{"file_name": "g/h.png", "caption": ["a bee", "an insect"]}"# + "\n\n"),
        "metadata.csv": text(
          "file_name,text\r\nf.png,\"a \"\"big\"\", red\nfox\"\r\nzz.png,none\n"),
        "j.txt": text(""), "j.json": text(#"{"caption": "a yak"}"#), "README.txt": text("hello"),
      ])
    #expect(
      captions == [
        "file_A": "a fluffy cat", "file_b": "a dog", "file_c": "a hen", "file_d": "a cow",
        "file_I": "an ox", "file_e": "a pig", "file_g_h": "a bee",
        "file_f": #"a "big", red fox"#, "file_j": "a yak",
      ])
    let counts = Dictionary(uniqueKeysWithValues: report.captions.map { ($0.kind, $0.count) })
    #expect(
      counts == [
        ".txt": 3, ".caption": 1, ".json": 2, "metadata.jsonl": 2,
        "metadata.csv": 1,
      ])
    #expect(report.skipped.isEmpty)
    #expect(report.unused.map(\.kind) == ["text file of no image", "row of no image"])
    #expect(report.unused.map(\.examples) == [["README.txt"], ["zz.png"]])
  }

  @Test func encodingsAreReadOrRefusedAndNeverRepaired() throws {
    let marked = Data([0xEF, 0xBB, 0xBF]) + text("a cat")
    let utf16 =
      Data([0xFF, 0xFE]) + Data("a café".utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] })
    let big =
      Data([0xFE, 0xFF]) + Data("a hen".utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] })
    let (captions, report) = try importing(
      ["a.png", "b.png", "c.png", "d.png", "e.png", "f.png"],
      [
        "a.txt": marked, "b.txt": utf16, "c.txt": big, "d.txt": text("caf") + Data([0xE9]),
        "e.txt": text("lost \u{FFFD}"), "f.txt": utf16.dropFirst(2),
      ])
    #expect(captions == ["file_a": "a cat", "file_b": "a café", "file_c": "a hen"])
    #expect(report.skipped.map(\.kind) == ["caption that is not UTF-8"])
    #expect(report.skipped.first?.examples == ["d.txt", "e.txt", "f.txt"])
  }

  /// Those of img2dataset repeat what the tar file beside them holds.
  @Test func parquetTablesAreNamed() throws {
    let (_, report) = try importing(
      ["a.png"], ["metadata.parquet": text("PAR1"), "b.parquet": text("PAR1")])
    #expect(report.skipped.map(\.kind) == ["Parquet table"])
    #expect(report.skipped.first?.examples == ["b.parquet", "metadata.parquet"])
    #expect(
      report.warnings.first?.contains(
        "Parquet tables are not read; write the captions to metadata.csv")
        == true)
  }

  @Test func whatCannotBeReadIsSkippedAndNamed() throws {
    let png = Data(try PNGEncoder.encode(Fixture.square(0, 90, 200)))
    let heic = Data([0, 0, 0, 24]) + text("ftypheic") + Data(count: 12)
    let files = [
      "anim.gif": text("GIF89a"), "photo.heic": heic, "x.avif": Data(), "y.tiff": Data(),
      "broken.png": png.prefix(70), "empty.jpg": Data(), "page.jpg": text("<html>"),
      "phone.jpg": heic, "blank.txt": text(" \n"), "metadata.jsonl": text("{]\n"),
      "huge.png": png.prefix(16) + Data([0, 1, 0, 0, 0, 1, 0, 0]) + png.dropFirst(24),
    ]
    let (captions, report) = try importing(["good_dog.png", "blank.png"], files)
    #expect(captions == ["file_good_dog": "good dog"])
    let names = report.skipped.reduce(into: [String: [String]]()) { $0[$1.kind] = $1.examples }
    #expect(
      names == [
        "GIF image": ["anim.gif"], "HEIC image": ["photo.heic", "phone.jpg"],
        "AVIF image": ["x.avif"], "TIFF image": ["y.tiff"],
        "broken image": ["broken.png", "empty.jpg"], "file that is no image": ["page.jpg"],
        "empty caption": ["blank.txt"], "image that is too large": ["huge.png"],
        "row of a caption table that cannot be read": ["metadata.jsonl line 1"],
      ])
    #expect(
      report.warnings.contains(
        "skipped HEIC image: 2 (photo.heic, phone.jpg): HEIC images are not read; convert it to"
          + " PNG, JPEG or WebP"))
  }

  @Test(arguments: [
    (["good.png", "a.gif"], ["a.gif": "GIF"], "a.gif: GIF images are not read; convert it"),
    (["good.png"], ["bad.png": "x"], "bad.png: it is no image; give a PNG, JPEG or WebP file"),
    (["good.png"], ["good.txt": ""], "good.txt: the caption is empty"),
    (["good.png"], ["metadata.csv": "a,b\n"], "metadata.csv, line 1: the columns are a, b;"),
    (["good.png"], ["metadata.csv": "file_name,text\n\"x"], "line 2: a quote is not closed"),
    (["good.png"], ["s.tar": "x"], "s.tar: the archive is cut short"),
  ])
  func strictStopsAtTheFirst(images: [String], files: [String: String], message: String) throws {
    try withTemporaryFolder { folder in
      try write(images, files.mapValues(text), to: folder)
      let source = try FolderSource(directory: folder)
      let found = Fixture.message {
        _ = try source.forEachSample(strict: true) { (_) throws(DataError) in }
      }
      #expect(found?.contains(message) == true, "\(found ?? "nothing")")
    }
  }

  @Test func imagesWithoutCaptionTakeANameThatSaysSomething() throws {
    let images = ["red/img_001.png", "red/big_apple.png", "2019/IMG_7.png", "0007.png"]
    let expected: [FolderSource.Fallback: [String: String]] = [
      .auto: [
        "file_red_img_001": "red", "file_red_big_apple": "big apple", "file_2019_IMG_7": "IMG 7",
        "file_0007": "0007",
      ],
      .folder: [
        "file_red_img_001": "red", "file_red_big_apple": "red", "file_2019_IMG_7": "2019",
        "file_0007": "0007",
      ],
      .name: [
        "file_red_img_001": "img 001", "file_red_big_apple": "big apple",
        "file_2019_IMG_7": "IMG 7", "file_0007": "0007",
      ],
      .skip: [:],
    ]
    #expect(expected.count == FolderSource.Fallback.allCases.count)
    for (fallback, captions) in expected {
      let found = try importing(images, fallback: fallback)
      #expect(found.captions == captions, "\(fallback)")
      if fallback == .auto {
        #expect(found.report.withoutCaption.map(\.count) == [3, 1])
      }
      if fallback == .skip {
        #expect(found.report.skipped.map(\.count) == [4])
      }
    }
    #expect(!NameCaption("3f2b8c1e-90aa-4c1d-8d6e-aabbccddeeff").isDescriptive)
  }

  @Test func linksHiddenFilesAndFoldersNamedAsImages() throws {
    try withTemporaryFolder { folder in
      let (real, other) = (
        folder.appendingPathComponent("real"), folder.appendingPathComponent("o")
      )
      try write(
        ["cat.png", "._cat.png", ".hidden/x.png", "old.png/in.png"],
        ["._cat.txt": Data([0, 5])], to: real)
      try write(["dog.png"], [:], to: other)
      let files = FileManager.default
      let link = folder.appendingPathComponent("link")
      try files.createSymbolicLink(at: link, withDestinationURL: real)
      try files.createSymbolicLink(
        at: real.appendingPathComponent("more"), withDestinationURL: other)
      try files.createSymbolicLink(
        at: real.appendingPathComponent("again"), withDestinationURL: real)
      try files.createSymbolicLink(
        at: other.appendingPathComponent("up"), withDestinationURL: folder)
      let paths = try FolderSource(directory: link).paths
      #expect(paths == ["cat.png", "more/dog.png", "old.png/in.png"])
    }
  }

  @Test func shardsOfOtherToolsAreImported() throws {
    try withTemporaryFolder { folder in
      let png = try PNGEncoder.encode(Fixture.square(200, 0, 0))
      for shard in ["00000", "00001"] {
        var tar = Tar()
        tar.add("__meta__", [1])
        tar.add("README", [1])
        tar.add("._000.png", [0, 5])
        tar.add("000.png", png)
        tar.add("000.seg.png", [1])
        tar.add("000.cls", [51])
        tar.add("000.txt", Array("\u{FEFF}a red\n thing".utf8))
        tar.add("000.json", Array(#"{"url": "x", "caption": null, "keywords": "a"}"#.utf8))
        tar.add("001.gif", [1])
        tar.add("001.txt", Array("x".utf8))
        tar.add("002.png", Array(png.prefix(50)))
        tar.add("002.txt", Array("broken".utf8))
        tar.add("003.png", png)
        tar.add("003.txt", [0x63, 0xE9])
        tar.add("photo.1.png", png)
        try tar.write(to: folder.appendingPathComponent("\(shard).tar"))
      }
      try Data("{}".utf8).write(to: folder.appendingPathComponent("00000_stats.json"))
      try Data([0, 5]).write(to: folder.appendingPathComponent("._00000.tar"))
      let reader = try ShardReader(directory: folder)
      #expect(reader.keys == ["00000/000", "00000/002", "00001/000", "00001/002"])
      #expect(reader.report.skipped.map(\.kind) == ["GIF image", "caption that is not UTF-8"])
      #expect(throws: DataError.self) { try ShardReader(directory: folder, strict: true) }
      let inspection = DatasetInspection(reader, captionCount: 1)
      #expect(inspection.samples == 4)
      #expect(try DatasetInspection.contactSheet(of: reader, count: 9, side: 8).width > 8)

      let source = try FolderSource(directory: folder, licence: "CC0", largestSide: 8)
      var samples: [Sample] = []
      let report = try source.forEachSample(strict: false) { (sample) throws(DataError) in
        samples.append(sample)
      }
      #expect(samples.map(\.key) == ["file_00000_000", "file_00001_000"])
      #expect(samples.allSatisfy { $0.caption == "a red thing" && $0.licence == "CC0" })
      #expect(samples.allSatisfy { $0.image.width == 8 })
      #expect(report.captions.map(\.kind) == ["tar"])
      #expect(report.skipped.map(\.count) == [2, 2, 2])
    }
  }

  @Test func keysOfManyEqualNamesAreMadeAtOnce() throws {
    let names = (0..<20_000).map { _ in "яблоко.png" }
    let start = ContinuousClock.now
    let keys = UniqueKeys.make(names.map { ("s", $0) })
    #expect(Set(keys).count == names.count)
    #expect(ContinuousClock.now - start < .seconds(5))
  }

  @Test func rowsOfCSV() throws {
    func rows(_ text: String) throws -> [[String]] { try CSV.rows(text, file: "x").map(\.fields) }
    #expect(try rows("a,b\n1,\"x,y\"\n") == [["a", "b"], ["1", "x,y"]])
    #expect(try rows("a;b\r\n\"1\n2\";3") == [["a", "b"], ["1\n2", "3"]])
    #expect(try rows("a\tb\n,\n") == [["a", "b"], [","]])
    #expect(try rows("a,b,\n") == [["a", "b", ""]])
    #expect(try rows("").isEmpty)
    #expect(try CSV.rows("a\n\"b\nc\"\nd", file: "x").map(\.line) == [1, 2, 4])
  }
}
