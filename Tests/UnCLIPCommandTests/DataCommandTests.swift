import Datasets
import Foundation
import Imaging
import TestSupport
import Testing

@testable import UnCLIPCommand

/// A small data set of single-coloured images.
func writeDataSet(to folder: URL, count: Int = 6) throws {
  var writer = try ShardWriter(directory: folder, name: "colours", samplesPerShard: 4)
  for index in 0..<count {
    let image = Image(width: 8, height: 8, color: [UInt8(index * 40 % 256), 0, 128, 255])
    try writer.append(
      Sample(
        key: "colour_\(index)", image: image, caption: "colour \(index)", keywords: ["paint"],
        source: "folder", licence: "CC0", group: "things/colours", style: "flat", isCore: true))
  }
  _ = try writer.finish()
}

@Suite struct DataCommandTests {
  @Test func inspectCountsAndWritesASheet() throws {
    let folder = try TemporaryFolder()
    let data = folder.path("data")
    try writeDataSet(to: URL(fileURLWithPath: data))
    let outcome = try BuiltCommand.run(
      "data", "inspect", data, "--sheet", folder.path("sheet.png"), "--count", "4")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.hasPrefix("images  6, of which "))
    #expect(outcome.output.contains("licences  CC0 6\n"))
    let sheet = try Image(contentsOf: folder.url.appendingPathComponent("sheet.png"))
    #expect(sheet.width == 2 * 96 + 6 && sheet.height == sheet.width)

    let page = try BuiltCommand.run("data", "inspect", data, "--sheet", folder.path("sheet.html"))
    #expect(page.status == 0, "\(page.errors)")
    let html = try String(contentsOfFile: folder.path("sheet.html"), encoding: .utf8)
    #expect(html.contains("colour 5"))
  }

  @Test func inspectPrintsJSON() throws {
    let folder = try TemporaryFolder()
    try writeDataSet(to: folder.url)
    let outcome = try BuiltCommand.run("data", "inspect", folder.url.path, "--json")
    let json = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
    let report = try #require(json as? [String: Any])
    #expect(report["samples"] as? Int == 6)
    #expect(report["vocabulary"] as? Int == 8)
    #expect(report["groups"] as? [String: Int] == ["things": 6])
  }

  @Test func refusesFoldersWithoutData() throws {
    let folder = try TemporaryFolder()
    expectFailure(
      try BuiltCommand.run("data", "inspect", folder.url.path), status: 65,
      saying: "No images to use in")
    expectFailure(
      try BuiltCommand.run("data", "inspect", folder.path("missing")), status: 66,
      saying: folder.path("missing"))
  }

  @Test func refusesShardsThatAreCut() throws {
    let folder = try TemporaryFolder()
    try writeDataSet(to: folder.url)
    let shard = folder.url.appendingPathComponent("colours-000000.tar")
    let bytes = try Data(contentsOf: shard)
    try bytes.prefix(bytes.count / 3).write(to: shard)
    expectFailure(
      try BuiltCommand.run("data", "inspect", folder.url.path), status: 65,
      saying: "colours-000000.tar")
  }

  @Test func refusesAnImpossibleSheet() throws {
    let folder = try TemporaryFolder()
    try writeDataSet(to: folder.url)
    let data = folder.url.path
    expectFailure(
      try BuiltCommand.run("data", "inspect", data, "--sheet", data + "/no/sheet.png"),
      status: 73, saying: "no/sheet.png")
    expectFailure(
      try BuiltCommand.run("data", "inspect", data, "--sheet", data + "/no/sheet.html"),
      status: 73, saying: "no/sheet.html", "--sheet")
    expectFailure(
      try BuiltCommand.run("data", "inspect", data, "--sheet", "sheet.pdf"), status: 64,
      saying: "--sheet is sheet.pdf", ".html")
    let own = try folder.write("mine", to: "own.html")
    expectFailure(
      try BuiltCommand.run("data", "inspect", data, "--sheet", own), status: 73,
      saying: "own.html exists already", "--sheet")
    expectFailure(
      try BuiltCommand.run("data", "inspect", data, "--count", "0"), status: 64,
      saying: "--count is 0")
  }

  @Test func emojiNeedsAllItsFilesOrNone() throws {
    let folder = try TemporaryFolder()
    expectFailure(
      try BuiltCommand.run("data", "emoji", "--font", "x.ttf", "--out", folder.path("out")),
      status: 64, saying: "Give all of --font, --list and --annotations, or none")
    let font = try folder.write("no font", to: "x.ttf")
    let outcome = try BuiltCommand.run(
      "data", "emoji", "--out", folder.path("out"), "--font", font, "--list", font,
      "--annotations", font)
    expectFailure(outcome, status: 65, saying: "x.ttf")
    #expect(try folder.names == ["x.ttf"])
  }

  @Test func aFolderOfImagesBecomesShards() throws {
    let folder = try TemporaryFolder()
    let images = folder.url.appendingPathComponent("images")
    try FileManager.default.createDirectory(at: images, withIntermediateDirectories: true)
    for name in ["red_apple.png", "cat.jpg"] {
      try Image(width: 20, height: 10, color: [200, 30, 20])
        .write(to: images.appendingPathComponent(name))
    }
    _ = try folder.write("a sleeping cat", to: "images/cat.txt")
    let outcome = try BuiltCommand.run(
      "data", "folder", images.path, "--licence", "CC0", "--out", folder.path("data"))
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output == "2 images in 1 shards in \(folder.path("data"))\n")
    let reader = try ShardReader(directory: folder.url.appendingPathComponent("data"))
    #expect(reader.infos.map(\.caption).sorted() == ["a sleeping cat", "red apple"])
    expectFailure(
      try BuiltCommand.run("data", "folder", images.path, "--out", folder.path("data")),
      status: 73, saying: "data exists already; choose another name with --out, or")
    expectFailure(
      try BuiltCommand.run("data", "folder", folder.path("none"), "--out", folder.path("x")),
      status: 66, saying: folder.path("none"))
  }

  @Test func anImportSaysWhereCaptionsCameFromAndWhatWasSkipped() throws {
    let folder = try TemporaryFolder()
    let images = folder.url.appendingPathComponent("images/red")
    try FileManager.default.createDirectory(at: images, withIntermediateDirectories: true)
    for name in ["cat.png", "img_1.png", "latin.png"] {
      try Image(width: 1200, height: 10, color: [200, 30, 20])
        .write(to: images.appendingPathComponent(name))
    }
    _ = try folder.write("a cat", to: "images/red/cat.TXT")
    try Data([0x63, 0xE9]).write(to: images.appendingPathComponent("latin.txt"))
    for name in ["a.gif", "bad.jpg"] { _ = try folder.write("x", to: "images/red/\(name)") }
    let path = folder.path("images")
    let outcome = try BuiltCommand.run(
      "data", "folder", path, "--max-side", "600", "--out", folder.path("data"), "--json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    for line in [
      "captions: 1 from .txt\n",
      "warning: no caption was found for 1 (red/img_1.png); the folder name is used instead.\n",
      "warning: skipped GIF image: 1 (red/a.gif): GIF images are not read; convert it to PNG, JPEG or",
      "warning: skipped file that is no image: 1 (red/bad.jpg): it is no image; give a PNG, JPEG or",
      "warning: skipped caption that is not UTF-8: 1 (red/latin.txt): it is Latin-1 (Windows-1252) text",
    ] {
      #expect(outcome.errors.contains(line), "\(outcome.errors)")
    }
    let json = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
    let report = try #require(json as? [String: Any])
    #expect(report["samples"] as? Int == 2)
    let skipped = try #require(report["skipped"] as? [[String: Any]])
    #expect(skipped.compactMap { $0["count"] as? Int } == [1, 1, 1])
    let reader = try ShardReader(directory: folder.url.appendingPathComponent("data"))
    #expect(reader.infos.map(\.caption) == ["a cat", "red"])
    #expect(try reader.side(at: 0) == 600)

    expectFailure(
      try BuiltCommand.run("data", "folder", path, "--strict", "--out", folder.path("strict")),
      status: 65, saying: "a.gif: GIF images are not read; convert it to PNG, JPEG or WebP.")
    expectFailure(
      try BuiltCommand.run("data", "folder", path, "--max-side", "0", "--out", folder.path("x")),
      status: 64, saying: "--max-side is 0, but it must be 1 to 65536")
    try FileManager.default.removeItem(at: images.appendingPathComponent("cat.png"))
    try FileManager.default.removeItem(at: images.appendingPathComponent("img_1.png"))
    expectFailure(
      try BuiltCommand.run("data", "folder", path, "--out", folder.path("none")),
      status: 65, saying: "all images were skipped")
    #expect(try folder.names == ["data", "images"])
  }

  @Test func aDataSetReplacesNothingButADataSet() throws {
    let folder = try TemporaryFolder()
    func images(_ names: [String], in path: String) throws {
      try FileManager.default.createDirectory(
        at: folder.file(path), withIntermediateDirectories: true)
      for name in names {
        try Image(width: 9, height: 9, color: [200, 30, 20]).write(
          to: folder.file("\(path)/\(name).png"))
      }
    }
    func data(_ input: String, _ out: String, _ more: String...) throws -> BuiltCommand.Outcome {
      try BuiltCommand.run(["data", "folder", input, "--out", out] + more, in: folder.url)
    }
    func captions(_ path: String) throws -> [String] {
      try ShardReader(directory: folder.file(path)).infos.map(\.caption)
    }
    try images(["red", "rose"], in: "one")
    try images(["cat", "dog", "owl"], in: "two")
    try FileManager.default.createSymbolicLink(
      at: folder.file("link"), withDestinationURL: folder.file("data"))
    #expect(try data("one", "data").status == 0)
    expectFailure(try data("two", "data"), status: 73, saying: "exists already", "--force")
    // A run that fails leaves the old data set.
    _ = try folder.write("x", to: "bad.png")
    try FileManager.default.createDirectory(
      at: folder.file("broken"), withIntermediateDirectories: true)
    try FileManager.default.moveItem(at: folder.file("bad.png"), to: folder.file("broken/bad.png"))
    expectFailure(
      try data("broken", "data", "--force"), status: 65, saying: "all images were skipped")
    #expect(try captions("data") == ["red", "rose"])
    let forced = try data("two", "link", "--force")
    #expect(forced.status == 0, "\(forced.errors)")
    #expect(try captions("data") == ["cat", "dog", "owl"])
    #expect(try folder.names == ["broken", "data", "link", "one", "two"])

    // What is no data set is never replaced, nor written into.
    _ = try folder.write("mine", to: "data/notes.txt")
    for out in ["data", "one"] {
      let outcome = try data("two", out, "--force")
      expectFailure(outcome, status: 73, saying: "a data set needs a folder of its own")
    }
    #expect(try captions("data").count == 3)
    expectFailure(try data("two", "two/data"), status: 64, saying: "lies in the input two")
    let file = try folder.write("mine", to: "file")
    expectFailure(try data("two", file, "--force"), status: 73, saying: "a data set is a folder")
  }

  @Test func anUnfinishedRunIsGoneOnWithOnlyByTheSame() throws {
    let folder = try TemporaryFolder()
    for name in ["one", "two"] {
      try FileManager.default.createDirectory(
        at: folder.file(name), withIntermediateDirectories: true)
      for index in 0..<3 {
        try Image(width: 9, height: 9, color: [200, 30, 20])
          .write(to: folder.file("\(name)/\(name)-\(index).png"))
      }
    }
    func data(_ input: String, _ more: String...) throws -> BuiltCommand.Outcome {
      try BuiltCommand.run(
        ["data", "folder", input, "--out", "data", "--samples-per-shard", "2"] + more,
        in: folder.url)
    }
    // As a kill between the last shard and the manifest leaves it.
    #expect(try data("one").status == 0)
    try FileManager.default.removeItem(at: folder.file("data/manifest.json"))
    let origin = [
      "folder", folder.file("one").resolvingSymlinksInPath().path, "unknown", "512", "auto", "2",
    ]
    _ = try folder.write(origin.joined(separator: "\n"), to: "data/.unfinished")
    expectFailure(try data("two"), status: 73, saying: "an unfinished run on other data", "--force")
    let again = try data("one")
    #expect(again.status == 0, "\(again.errors)")
    #expect(try ShardReader(directory: folder.file("data")).count == 3)
    #expect(!FileManager.default.fileExists(atPath: folder.path("data/.unfinished")))
    try FileManager.default.removeItem(at: folder.file("data/manifest.json"))
    #expect(try data("two", "--force").status == 0)
    #expect(try ShardReader(directory: folder.file("data")).infos.map(\.caption).first == "two 0")
  }

  /// As `embed --images` and `classify` list them.
  @Test func foldersOfImagesAreWalkedThroughLinksWithoutHiddenFiles() throws {
    let folder = try TemporaryFolder()
    for path in ["real/old.png", "other"] {
      try FileManager.default.createDirectory(
        at: folder.file(path), withIntermediateDirectories: true)
    }
    for path in ["real/a.png", "real/._a.png", "real/old.png/b.JPG", "other/c.webp"] {
      _ = try folder.write("x", to: path)
    }
    try FileManager.default.createSymbolicLink(
      at: folder.file("link"), withDestinationURL: folder.file("real"))
    try FileManager.default.createSymbolicLink(
      at: folder.file("real/more"), withDestinationURL: folder.file("other"))
    #expect(
      try ImageFiles([folder.path("link") + "/", folder.path("other")]).paths == [
        folder.path("link/a.png"), folder.path("link/more/c.webp"),
        folder.path("link/old.png/b.JPG"), folder.path("other/c.webp"),
      ])
  }

  @Test func aBrokenImageDoesNotEndARunOnItsSet() throws {
    let folder = try TemporaryFolder()
    try writeDataSet(to: folder.url)
    let shard = folder.url.appendingPathComponent("colours-000000.tar")
    var bytes = try Data(contentsOf: shard)
    bytes.replaceSubrange(512..<520, with: Data(repeating: 7, count: 8))  // of the first PNG
    try bytes.write(to: shard)
    let outcome = try BuiltCommand.run(
      "data", "inspect", folder.url.path, "--sheet", folder.path("sheet.png"))
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.hasPrefix("images  5, of which "))
    #expect(outcome.output.contains("\nskipped   file that is no image: 1 (colour_0)\n"))
  }
}
