import Foundation
import Imaging
import Testing

@Suite struct MetadataTests {
  /// EXIF data with texts in the first directory and a comment in EXIF's own.
  private func exif(
    isLittleEndian: Bool, texts: [(tag: Int, text: String)] = [], comment: [UInt8]? = nil
  ) -> [UInt8] {
    func number(_ value: Int, _ count: Int) -> [UInt8] {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
      return isLittleEndian ? bytes : bytes.reversed()
    }
    let entryCount = texts.count + (comment == nil ? 0 : 1)
    var head = Array((isLittleEndian ? "II" : "MM").utf8) + number(42, 2) + number(8, 4)
    var data: [UInt8] = []
    let dataStart = 8 + 2 + 12 * entryCount + 4
    head += number(entryCount, 2)
    for (tag, text) in texts {
      let bytes = Array(text.utf8) + [0]
      head += number(tag, 2) + number(2, 2) + number(bytes.count, 4)
      if bytes.count <= 4 {
        head += bytes + [UInt8](repeating: 0, count: 4 - bytes.count)
      } else {
        head += number(dataStart + data.count, 4)
        data += bytes
      }
    }
    if let comment {
      let directory = dataStart + data.count
      head += number(0x8769, 2) + number(4, 2) + number(1, 4) + number(directory, 4)
      data += number(1, 2) + number(0x9286, 2) + number(7, 2) + number(comment.count, 4)
      data += number(directory + 18, 4) + number(0, 4) + comment
    }
    return head + number(0, 4) + data
  }

  private func jpeg(_ segments: [(marker: UInt8, body: [UInt8])]) throws -> [UInt8] {
    let file = try JPEGEncoder.encode(image(8, 6, 3))
    let extra = segments.flatMap { segment -> [UInt8] in
      let length = segment.body.count + 2
      return [0xFF, segment.marker, UInt8(length >> 8), UInt8(length & 255)] + segment.body
    }
    return Array(file[..<2]) + extra + file[2...]
  }

  private func webp(_ exif: [UInt8]) throws -> [UInt8] {
    func chunk(_ kind: String, _ body: [UInt8]) -> [UInt8] {
      Array(kind.utf8) + withUnsafeBytes(of: UInt32(body.count).littleEndian, Array.init) + body
        + (body.count % 2 == 1 ? [0] : [])
    }
    let still = try WebPEncoder.encode(image(8, 6, 3))
    return chunk(
      "RIFF",
      Array("WEBP".utf8) + chunk("VP8X", [8, 0, 0, 0, 7, 0, 0, 5, 0, 0]) + still[12...]
        + chunk("EXIF", exif))
  }

  private func utf16(_ text: String, isLittleEndian: Bool) -> [UInt8] {
    Array("UNICODE\0".utf8)
      + text.utf16.flatMap { unit in
        let bytes = [UInt8(unit >> 8), UInt8(unit & 255)]
        return isLittleEndian ? bytes.reversed() : bytes
      }
  }

  @Test(arguments: [false, true], [false, true])
  func commentsInEitherByteOrder(_ isLittleEndian: Bool, _ textIsLittleEndian: Bool) throws {
    let text = "a red apple, café\nSteps: 20, Seed: 7"
    let data = exif(
      isLittleEndian: isLittleEndian, texts: [(0x0131, "tool 1"), (0x0110, "abc")],
      comment: utf16(text, isLittleEndian: textIsLittleEndian))
    for file in [try jpeg([(0xE1, Array("Exif\0\0".utf8) + data)]), try webp(data)] {
      let metadata = try ImageMetadata.read(file, name: "x")
      #expect(metadata.texts == ["Software": "tool 1", "Model": "abc", "UserComment": text])
      #expect(metadata.header.width == 8 && !metadata.header.isAnimated)
    }
  }

  @Test func commentsInASCIIAndJPEGsOwn() throws {
    let data = exif(isLittleEndian: false, comment: Array("ASCII\0\0\0plain".utf8))
    let file = try jpeg([(0xE1, Array("Exif\0\0".utf8) + data), (0xFE, Array("by hand".utf8))])
    #expect(
      try ImageMetadata.read(file, name: "x").texts
        == ["UserComment": "plain", "comment": "by hand"])
    #expect(try ImageMetadata.read(jpeg([]), name: "x").texts.isEmpty)
  }

  @Test func readsPNGTexts() throws {
    let file = try PNGEncoder.encode(image(4, 4, 3), text: [("parameters", "a\nSteps: 1")])
    let metadata = try ImageMetadata.read(file, name: "x")
    #expect(metadata.texts == ["parameters": "a\nSteps: 1"])
    #expect(metadata.header.format == .png && !metadata.header.isAnimated)
  }

  @Test func tellsAnimations() throws {
    let animation = Animation([image(8, 8, 3), image(8, 8, 3, seed: 2)])
    for format in [AnimationFormat.png, .webp] {
      let file = try animation.encoded(as: format)
      #expect(try ImageMetadata.read(file, name: "x").header.isAnimated)
    }
  }

  /// Any data that is cut short or changed is read as far as it goes.
  @Test func brokenDirectoriesEnd() throws {
    let whole = exif(
      isLittleEndian: true, texts: [(0x010E, "a long description")],
      comment: utf16("text", isLittleEndian: true))
    var random = UInt64(1)
    for length in 0...whole.count {
      _ = try ImageMetadata.read(
        jpeg([(0xE1, Array("Exif\0\0".utf8) + whole.prefix(length))]), name: "x")
      var changed = whole
      for _ in 0..<4 {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        changed[Int(random >> 33) % changed.count] = UInt8(truncatingIfNeeded: random >> 20)
      }
      _ = try ImageMetadata.read(webp(changed), name: "x")
    }
    // A directory that leads to itself.
    var loop = whole
    loop.replaceSubrange(30..<34, with: [8, 0, 0, 0])
    #expect(try ImageMetadata.read(webp(loop), name: "x").texts["ImageDescription"] != nil)
  }
}
