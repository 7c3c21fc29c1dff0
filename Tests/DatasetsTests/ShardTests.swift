import Datasets
import Foundation
import Imaging
import TestSupport
import Testing

@Suite struct ShardTests {
  @Test func samplesComeBackUnchanged() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(17, to: folder)
      let reader = try ShardReader(directory: folder)
      #expect(reader.count == 17)
      #expect(reader.manifest?.samples == 17)
      #expect(reader.manifest?.shards.map(\.samples) == [7, 7, 3])
      #expect(reader.manifest?.sources == ["noto-emoji": 17])
      #expect(reader.manifest?.licences == ["OFL-1.1": 17])
      for index in 0..<17 { #expect(try reader.sample(at: index) == Fixture.sample(index)) }
      #expect(try reader.side(at: 3) == 16)
      var walked = 0
      try reader.forEachSample { _ in walked += 1 }
      #expect(walked == 17)
    }
  }

  @Test func writingTwiceGivesTheSameBytes() throws {
    try withTemporaryFolder { folder in
      let (a, b) = (folder.appendingPathComponent("a"), folder.appendingPathComponent("b"))
      try Fixture.write(9, to: a)
      try Fixture.write(9, to: b)
      for file in ["set-000000.tar", "set-000001.tar", "manifest.json"] {
        #expect(
          try Data(contentsOf: a.appendingPathComponent(file))
            == Data(contentsOf: b.appendingPathComponent(file)))
      }
    }
  }

  @Test func killedRunIsResumed() throws {
    try withTemporaryFolder { folder in
      let whole = folder.appendingPathComponent("whole")
      try Fixture.write(12, to: whole, perShard: 5)
      let broken = folder.appendingPathComponent("broken")
      do {
        var writer = try ShardWriter(directory: broken, name: "set", samplesPerShard: 5)
        for index in 0..<8 { try writer.append(Fixture.sample(index)) }
      }
      // Five samples lie in a finished shard, three in one that was never closed.
      #expect(throws: DataError.self) {
        _ = try ShardReader(directory: broken.appendingPathComponent("none"))
      }
      var writer = try ShardWriter(directory: broken, name: "set", samplesPerShard: 5)
      #expect(writer.count == 5)
      #expect(writer.contains("sample_4"))
      #expect(!writer.contains("sample_5"))
      for index in 0..<12 { try writer.append(Fixture.sample(index)) }
      _ = try writer.finish()
      let manifest = "manifest.json"
      #expect(
        try Data(contentsOf: whole.appendingPathComponent(manifest))
          == Data(contentsOf: broken.appendingPathComponent(manifest)))
      #expect(try ShardReader(directory: broken).keys == ShardReader(directory: whole).keys)
    }
  }

  @Test func finishedSetAndBadNamesAreRefused() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(2, to: folder)
      #expect(
        Fixture.message { _ = try ShardWriter(directory: folder, name: "set") }
          == "Cannot write \(folder.path): a finished data set lies there; remove it or choose"
          + " another folder.")
      let other = folder.appendingPathComponent("other")
      #expect(
        Fixture.message { _ = try ShardWriter(directory: other, name: "a b") }
          == "The setting name is a b; letters, digits, - and _ make the name of a data set.")
      #expect(
        Fixture.message {
          _ = try ShardWriter(directory: other, name: "a", samplesPerShard: 0)
        } == "The setting samplesPerShard is 0; at least 1 is needed.")
      var writer = try ShardWriter(directory: other, name: "a")
      var sample = Fixture.sample(1)
      sample.key = "../x"
      #expect(
        Fixture.message { try writer.append(sample) }
          == "The setting key is ../x; letters, digits, - and _, at most 90 bytes, make a key.")
    }
  }

  @Test func foreignWebDatasetIsRead() throws {
    try withTemporaryFolder { folder in
      let png = try PNGEncoder.encode(Fixture.square(200, 0, 0))
      var tar = Tar()
      tar.add("./000/a.png", png)
      tar.add("./000/a.txt", Array("a red thing\n".utf8))
      tar.addLong("000/" + String(repeating: "b", count: 120) + ".png", png)
      tar.addLong(
        "000/" + String(repeating: "b", count: 120) + ".json", Array(#"{"caption":"long"}"#.utf8))
      try tar.write(to: folder.appendingPathComponent("x.tar"))
      let reader = try ShardReader(directory: folder)
      #expect(reader.manifest == nil)
      #expect(reader.infos.map(\.caption) == ["a red thing", "long"])
      #expect(reader.keys[0] == "000/a")
      #expect(try reader.sample(at: 1).image == Fixture.square(200, 0, 0))
    }
  }

  /// The end mark alone may be missing, as it is where a writer was killed.
  @Test func truncationIsFoundInEveryEntry() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(2, to: folder)
      let bytes = try Data(contentsOf: folder.appendingPathComponent("set-000000.tar"))
      let whole = try TarReader.entries(of: bytes, file: "set.tar")
      #expect(whole.count == 4)
      for count in stride(from: 0, to: bytes.count - 1024, by: 256) {
        let left = whole.filter { $0.range.upperBound <= count }
        if let last = left.last, count - last.range.upperBound < 512 {
          #expect(try TarReader.entries(of: bytes.prefix(count), file: "set.tar") == left)
        } else {
          #expect(throws: DataError.self) {
            _ = try TarReader.entries(of: bytes.prefix(count), file: "set.tar")
          }
        }
      }
      #expect(
        Fixture.message {
          _ = try TarReader.entries(of: bytes.prefix(520), file: "set.tar")
        }?.hasPrefix("set.tar, entry sample_0.png: it needs") == true)
    }
  }

  @Test(arguments: [
    ("/etc/x.png", "entry /etc/x.png: the name is empty, absolute or holds `..`"),
    ("a/../../x.png", "entry a/../../x.png: the name is empty, absolute or holds `..`"),
    ("..", "entry ..: the name is empty, absolute or holds `..`"),
  ])
  func dangerousNamesAreRefused(name: String, text: String) {
    var tar = Tar()
    tar.add(name, [1, 2, 3])
    #expect(
      Fixture.message { _ = try TarReader.entries(of: tar.finished, file: "x.tar") }
        == "x.tar, \(text), which no shard may have.")
    var long = Tar()
    long.addLong(name, [1, 2, 3])
    #expect(throws: DataError.self) {
      _ = try TarReader.entries(of: long.finished, file: "x.tar")
    }
  }

  @Test func extendedHeadersBelongToTheNextFile() throws {
    let name = String(repeating: "n", count: 150) + ".png"
    var tar = Tar()
    tar.addRecord("size", "3")
    tar.addRecord("path", name)
    tar.addRecord("comment", "of the whole archive", type: "g")
    tar.add("short", [1, 2, 3])
    tar.add("other.png", [4, 5, 6, 7])
    let entries = try TarReader.entries(of: tar.finished, file: "x.tar")
    #expect(entries.map(\.name) == [name, "other.png"])
    #expect(entries.map(\.range.count) == [3, 4])
  }

  @Test func damagedHeadersAreRefusedAndLinksPassedOver() throws {
    var tar = Tar()
    tar.add("a.png", [1, 2, 3])
    var bytes = [UInt8](tar.finished)
    bytes[0] ^= 1
    #expect(
      Fixture.message { _ = try TarReader.entries(of: Data(bytes), file: "x.tar") }?
        .contains("the header's checksum is") == true)
    var link = Tar()
    for type in "12346K" { link.add("l.png", [], type: type) }
    link.add("dir", [], type: "5")
    link.add("a.png", [7])
    #expect(try TarReader.entries(of: link.finished, file: "x.tar").map(\.name) == ["a.png"])
    #expect(
      Fixture.message {
        _ = try TarReader.entries(of: Data(repeating: 65, count: 2048), file: "x.tar")
      }?.contains("not octal digits; this is no tar archive") == true)
  }

  @Test(arguments: [
    (["a.gif": "x", "a.txt": "x"], "x.tar, sample a: GIF images are not read"),
    (["a": "x"], "no tar file holds an image with a caption"),
    (["a.txt": "x"], "no tar file holds an image with a caption"),
    (["a.png": "x"], "x.tar, sample a: its caption (json or txt) is missing"),
    (["a.png": "x", "a.json": "{"], "x.tar, entry a.json: this is no caption of a sample"),
    (["a.png": "x", "a.json": "{}"], "x.tar, entry a.json: it has no caption, text or prompt"),
    (["a.png": "x", "a.json": #"{"caption":3}"#], "it has no caption, text or prompt"),
    (["a.png": "x", "a.txt": " "], "x.tar, entry a.txt: the caption is empty"),
    (["a.png": "x", "a.json": #"{"caption":"caf\uFFFD"}"#], "it holds U+FFFD"),
  ])
  func wrongContentsAreNamed(files: [String: String], text: String) throws {
    try withTemporaryFolder { folder in
      var tar = Tar()
      for (name, contents) in files.sorted(by: { $0.key < $1.key }) {
        tar.add(name, Array(contents.utf8))
      }
      try tar.write(to: folder.appendingPathComponent("x.tar"))
      let message = try #require(Fixture.message { _ = try ShardReader(directory: folder) })
      #expect(message.contains(text), "\(message)")
    }
  }

  @Test func undecodableImageIsNamed() throws {
    try withTemporaryFolder { folder in
      var tar = Tar()
      tar.add("a.png", [1, 2, 3])
      tar.add("a.txt", Array("x".utf8))
      try tar.write(to: folder.appendingPathComponent("x.tar"))
      let reader = try ShardReader(directory: folder)
      #expect(
        Fixture.message { _ = try reader.sample(at: 0) }?.contains("x.tar, entry a.png: ") == true)
    }
  }

  @Test func manifestsOfAnotherVersionAreRefused() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(3, to: folder)
      let url = folder.appendingPathComponent("manifest.json")
      let text = try String(contentsOf: url, encoding: .utf8)
      func message(_ old: String, _ new: String) throws -> String? {
        try text.replacingOccurrences(of: old, with: new)
          .write(to: url, atomically: true, encoding: .utf8)
        return Fixture.message { _ = try ShardReader(directory: folder) }
      }
      #expect(
        try message(#""version" : 1"#, #""version" : 2"#)?.contains(
          "the format is swift-unclip-dataset version 2 but swift-unclip-dataset version 1 is read")
          == true)
      #expect(
        try message("set-000000.tar", "../x.tar")?.contains(
          "shard ../x.tar: a shard is a file name in the same folder, not a path") == true)
      #expect(
        try message(#""samples" : 3"#, #""samples" : 4"#)?.contains(
          "it holds 3 samples but the manifest says 4") == true)
      #expect(
        try message("set-000000.tar", "set-000009.tar")?.contains(
          "there is no such file or folder") == true)
      #expect(try message("{", "[")?.contains("this is no data set manifest") == true)
    }
  }

  @Test func emptyAndMissingFoldersAreNamed() throws {
    try withTemporaryFolder { folder in
      #expect(
        Fixture.message { _ = try ShardReader(directory: folder) }
          == "No images to use in \(folder.path): there is no tar shard; write it with"
          + " `unclip data`.")
    }
    #expect(
      Fixture.message { _ = try ShardReader(directory: URL(fileURLWithPath: "/none")) }
        == "Cannot read /none: there is no such file or folder.")
  }
}

/// Tar archives written by hand, right and wrong.
struct Tar {
  private var bytes: [UInt8] = []

  mutating func add(_ name: String, _ contents: [UInt8], type: Character = "0") {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, _ at: Int) {
      for (index, byte) in text.utf8.enumerated() { header[at + index] = byte }
    }
    put(name, 0)
    put("0000644", 100)
    let size = String(contents.count, radix: 8)
    put(String(repeating: "0", count: 11 - size.count) + size, 124)
    put("        ", 148)
    put(String(type), 156)
    put("ustar", 257)
    put("00", 263)
    let sum = String(header.reduce(0) { $0 + Int($1) }, radix: 8)
    put(String(repeating: "0", count: 6 - sum.count) + sum, 148)
    header[154] = 0
    bytes += header + contents
    bytes += [UInt8](repeating: 0, count: (512 - contents.count % 512) % 512)
  }

  /// Adds a file whose name stands in a pax header before it.
  mutating func addLong(_ name: String, _ contents: [UInt8]) {
    addRecord("path", name)
    add("short", contents)
  }

  /// Adds a pax header of one record.
  mutating func addRecord(_ key: String, _ value: String, type: Character = "x") {
    let body = " \(key)=\(value)\n"
    var length = body.utf8.count + 1
    while String(length).utf8.count + body.utf8.count != length { length += 1 }
    add("pax", Array("\(length)\(body)".utf8), type: type)
  }

  var finished: Data { Data(bytes + [UInt8](repeating: 0, count: 1024)) }

  func write(to url: URL) throws { try finished.write(to: url) }
}
