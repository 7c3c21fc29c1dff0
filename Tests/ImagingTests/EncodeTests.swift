import CZlib
import Foundation
import Imaging
import Testing

@Suite struct EncodeTests {
  @Test(arguments: 1...4) func pngKeepsEverySample(_ channels: Int) throws {
    let image = image(31, 18, channels)
    let data = try PNGEncoder.encode(image)
    #expect(try ImageDecoder.decode(data, name: "png") == image)
    #expect(try PNGEncoder.encode(image) == data)
    #expect(try PNGText.read(data).isEmpty)
  }

  @Test func pngCompressionChangesOnlyTheSize() throws {
    let image = image(64, 64, 3)
    let fast = try PNGEncoder.encode(image, compression: 0)
    let small = try PNGEncoder.encode(image, compression: 9)
    #expect(small.count < fast.count)
    #expect(try ImageDecoder.decode(fast, name: "png") == image)
  }

  @Test func pngKeepsTexts() throws {
    let texts = [
      (key: "prompt", value: "a red panda, café"), (key: "Prompt 2", value: "一只红熊猫 🐼"),
      (key: "parameters", value: "steps 25\nscale 4"), (key: "empty", value: ""),
      (key: "tab", value: "a\tb"), (key: "Clé", value: "é"),
    ]
    let data = try PNGEncoder.encode(image(4, 4, 3), text: texts)
    #expect(
      try PNGText.read(data) == Dictionary(uniqueKeysWithValues: texts.map { ($0.key, $0.value) }))
    #expect(contains(data, "tEXtprompt\0"))
    #expect(contains(data, "iTXtPrompt 2\0"))
  }

  @Test func pngRefusesTextsItCannotHold() throws {
    for key in ["", " lead", "trail ", "two  spaces", "键", String(repeating: "k", count: 80)] {
      let error = try #require(throws: ImageError.self) {
        _ = try PNGEncoder.encode(image(2, 2, 1), text: [(key, "v")])
      }
      #expect(
        error.description
          == "the image cannot be saved as PNG: text key '\(key)' is not 1 to 79 Latin-1 "
          + "characters with single inner spaces")
    }
    let error = try #require(throws: ImageError.self) {
      _ = try PNGEncoder.encode(image(2, 2, 1), text: [("prompt", "a\0b")])
    }
    #expect(
      error.description
        == "the image cannot be saved as PNG: the text of 'prompt' holds a NUL character")
  }

  @Test func readsTextsOfEveryKind() throws {
    let texts = try PNGText.read(try ImageCases.bytes("png-texts.png"))
    #expect(texts["Title"] == "café")
    #expect(texts["Comment"] == String(repeating: "a long line, ", count: 40))
    #expect(texts["prompt"] == "一只红熊猫 🐼")
    #expect(texts["packed"] == String(repeating: "αβγ ", count: 40))
  }

  @Test func textsOfOtherFilesAreRefused() throws {
    let empty = try #require(throws: ImageError.self) {
      _ = try PNGText.read([UInt8](), name: "a.png")
    }
    #expect(empty == .empty(name: "a.png"))
    let jpeg = try #require(throws: ImageError.self) {
      _ = try PNGText.read(try ImageCases.bytes("jpeg-444.jpg"), name: "a.jpg")
    }
    #expect(jpeg == .unknownFormat(name: "a.jpg"))
    let cut = try #require(throws: ImageError.self) {
      _ = try PNGText.read(try ImageCases.bytes("png-texts.png").dropLast(20), name: "a.png")
    }
    #expect(cut == .damaged(name: "a.png", format: .png, reason: "the file ends early"))
  }

  @Test func jpegIsCloseAndQualityCounts() throws {
    // Smooth, so that little is lost.
    var pixels = [UInt8]()
    for y in 0..<40 {
      for x in 0..<48 { pixels += [UInt8(x * 5), UInt8(y * 6), UInt8(x + y)] }
    }
    let image = Image(width: 48, height: 40, channels: 3, pixels: pixels)
    let best = try JPEGEncoder.encode(image, quality: 100, fullColor: true)
    let small = try JPEGEncoder.encode(image, quality: 30)
    #expect(small.count < best.count)
    expectSamples(try ImageDecoder.decode(best, name: "jpeg").pixels, image.pixels, within: 3)
    expectSamples(try ImageDecoder.decode(small, name: "jpeg").pixels, image.pixels, within: 40)
    let grey = image.converted(toChannels: 1)
    let decoded = try ImageDecoder.decode(
      try JPEGEncoder.encode(grey, quality: 100), name: "jpeg")
    #expect(decoded.channels == 1)
    expectSamples(decoded.pixels, grey.pixels, within: 3)
  }

  @Test func jpegBlendsAlphaOverWhite() throws {
    let clear = Image(width: 8, height: 8, color: [0, 0, 0, 0])
    let image = try ImageDecoder.decode(try JPEGEncoder.encode(clear), name: "jpeg")
    #expect(image == Image(width: 8, height: 8, color: [255, 255, 255]))
  }

  @Test(arguments: 1...4) func losslessWebPKeepsEverySample(_ channels: Int) throws {
    let image = image(20, 33, channels)
    let data = try WebPEncoder.encode(image, lossless: true)
    let expected = image.converted(toChannels: channels.isMultiple(of: 2) ? 4 : 3)
    #expect(try ImageDecoder.decode(data, name: "webp") == expected)
  }

  @Test func lossyWebPIsClose() throws {
    let image = Image(width: 32, height: 32, color: [200, 120, 40])
    let data = try WebPEncoder.encode(image, quality: 80)
    expectSamples(try ImageDecoder.decode(data, name: "webp").pixels, image.pixels, within: 4)
  }

  @Test func formatsHaveLargestSides() throws {
    let wide = Image(width: 65_501, height: 1, color: [0, 0, 0])
    let webp = try #require(throws: ImageError.self) { _ = try WebPEncoder.encode(wide) }
    #expect(
      webp.description
        == "the image cannot be saved as WebP: a side is over 16383 pixels")
    let jpeg = try #require(throws: ImageError.self) { _ = try JPEGEncoder.encode(wide) }
    #expect(
      jpeg.description
        == "the image cannot be saved as JPEG: a side is over 65500 pixels")
    #expect(try ImageDecoder.decode(try PNGEncoder.encode(wide), name: "png") == wide)
  }

  private func contains(_ data: [UInt8], _ text: String) -> Bool {
    Data(data).range(of: Data(text.utf8)) != nil
  }

  /// A PNG file with `count` compressed texts of `size` equal letters each.
  func png(texts count: Int, of size: Int) throws -> [UInt8] {
    func big(_ number: Int) -> [UInt8] {
      (0..<4).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }
    let plain = [UInt8](repeating: 0xE9, count: size)
    var packedCount = compressBound(UInt(size))
    var packed = [UInt8](repeating: 0, count: Int(packedCount))
    try #require(compress2(&packed, &packedCount, plain, UInt(size), 9) == Z_OK)
    let content = Array("zTXtkey".utf8) + [0, 0] + packed[..<Int(packedCount)]
    let checksum = Int(crc32(0, content, UInt32(content.count)))
    let chunk = big(content.count - 4) + content + big(checksum)
    let whole = try PNGEncoder.encode(Image(width: 1, height: 1, color: [1]))
    return Array(whole[..<33]) + Array(repeatElement(chunk, count: count).joined()) + whole[33...]
  }

  @Test func manyLongTextsAreRefusedTogether() throws {
    let long = try PNGText.read(try png(texts: 1, of: 3_000_000))
    #expect(long["key"] == String(repeating: "é", count: 3_000_000))
    let file = try png(texts: 400, of: 4_000_000)
    #expect(file.count < 2_000_000)
    let taken = ContinuousClock().measure {
      #expect(
        throws: ImageError.damaged(
          name: "a.png", format: .png, reason: "its texts are longer than any program writes")
      ) { _ = try PNGText.read(file, name: "a.png") }
    }
    #expect(taken < .seconds(5))
    // Decoding the pixels alone never unpacks the texts.
    #expect(try ImageDecoder.decode(file, name: "a.png").pixels == [1])
  }
}
