import Foundation
import Imaging
import TestSupport
import Testing

/// What is not an image, or too large a one, is refused with a clear error.
@Suite struct RefusalTests {
  func refusal(_ data: [UInt8], name: String = "cat.png", limits: ImageLimits = .default) throws
    -> ImageError
  {
    try #require(throws: ImageError.self) {
      _ = try ImageDecoder.decode(data, name: name, limits: limits)
    }
  }

  /// A PNG header that announces a size, with nothing behind it.
  func pngHeader(_ width: UInt32, _ height: UInt32, colorType: UInt8 = 2) -> [UInt8] {
    func big(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> (24 - 8 * $0) & 255) } }
    return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + big(13) + Array("IHDR".utf8)
      + big(width) + big(height) + [8, colorType, 0, 0, 0] + big(0)
  }

  @Test func empty() throws {
    let error = try refusal([])
    #expect(error == .empty(name: "cat.png"))
    #expect(error.description == "image cat.png is empty: give a PNG, JPEG or WebP file")
  }

  @Test func garbage() throws {
    let error = try refusal(Array("GIF89a and then something".utf8))
    #expect(
      error.description
        == "cat.png is not an image this program reads: give a PNG, JPEG or WebP file")
    #expect(try refusal([0x89, 0x50]) == .unknownFormat(name: "cat.png"))
  }

  @Test func hugePNGHeader() throws {
    let error = try refusal(pngHeader(100_000, 100_000))
    #expect(
      error.description
        == "image cat.png is 100000x100000 pixels, over the limit of 67108864 pixels: "
        + "make it smaller")
  }

  @Test func hugeJPEGHeader() throws {
    let data: [UInt8] = [
      0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0xFF, 0xFF, 0xFF, 0xFF, 3, 1, 0x22, 0, 2, 0x11, 1, 3,
      0x11, 1, 0xFF, 0xDA, 0, 12,
    ]
    #expect(
      try refusal(data)
        == .tooManyPixels(name: "cat.png", width: 65535, height: 65535, limit: 64 << 20))
  }

  @Test func hugeWebPHeader() throws {
    // A lossless image of 16383x16383.
    let size: UInt32 = 16382 | 16382 << 14
    let bits = (0..<4).map { UInt8(size >> (8 * $0) & 255) }
    let chunk: [UInt8] = [0x2F] + bits + [UInt8](repeating: 0, count: 11)
    let data =
      Array("RIFF".utf8) + [28, 0, 0, 0] + Array("WEBPVP8L".utf8) + [16, 0, 0, 0] + chunk
    #expect(
      try refusal(data)
        == .tooManyPixels(name: "cat.png", width: 16383, height: 16383, limit: 64 << 20))
  }

  @Test func limitsAreExact() throws {
    let data = try ImageCases.bytes("png-8bit-3.png")
    _ = try ImageDecoder.decode(data, name: "a", limits: ImageLimits(pixels: 23 * 17))
    #expect(
      try refusal(data, limits: ImageLimits(pixels: 23 * 17 - 1))
        == .tooManyPixels(name: "cat.png", width: 23, height: 17, limit: 390))
    let error = try refusal(data, limits: ImageLimits(bytes: data.count - 1))
    #expect(
      error.description
        == "image cat.png has \(data.count) bytes, over the limit of \(data.count - 1): "
        + "make it smaller")
    _ = try ImageDecoder.decode(data, name: "a", limits: ImageLimits(bytes: data.count))
  }

  @Test func impossibleHeaders() throws {
    #expect(
      try refusal(pngHeader(0, 5)).description
        == "image cat.png is not a whole PNG file (its size is 0x5): fetch or save it again")
    #expect(
      try refusal(pngHeader(5, 5, colorType: 7))
        == .damaged(name: "cat.png", format: .png, reason: "colour type 7"))
    #expect(
      try refusal([0xFF, 0xD8, 0xFF, 0xD9])
        == .damaged(name: "cat.png", format: .jpeg, reason: "no frame header"))
    #expect(
      try refusal([0xFF, 0xD8, 0xFF, 0xE0, 0, 1])
        == .damaged(name: "cat.png", format: .jpeg, reason: "a marker of length 1"))
    #expect(
      try refusal([0xFF, 0xD8, 0xFF])
        == .damaged(name: "cat.png", format: .jpeg, reason: "the file ends early"))
    #expect(
      try refusal([0xFF, 0xD8, 0xFF, 0xC0, 0, 14, 8, 0, 4, 0, 4, 2, 1, 0x11, 0, 2, 0x11, 1])
        == .damaged(name: "cat.png", format: .jpeg, reason: "the file ends early"))
    #expect(
      try refusal([0xFF, 0xD8, 0xFF, 0xC0, 0, 9, 8, 0, 4, 0, 4, 2, 1, 0xFF, 0xD9])
        == .damaged(name: "cat.png", format: .jpeg, reason: "2 colour components"))
    #expect(
      try refusal([0xFF, 0xD8, 0xFF, 0xC0, 0, 9, 8, 0, 0, 0, 4, 1, 1, 0xFF, 0xD9])
        == .damaged(name: "cat.png", format: .jpeg, reason: "its size is 4x0"))
  }

  /// A grey progressive image of 8192x8192 with scans of 62 bytes, each of which changes nothing.
  func progressive(scans: Int) -> [UInt8] {
    let table = [0xFF, 0xDB, 0, 67, 0] + [UInt8](repeating: 1, count: 64)
    let frame: [UInt8] = [0xFF, 0xC2, 0, 11, 8, 32, 0, 32, 0, 1, 1, 0x11, 0]
    // One code: the end of 2^14 to 2^15 - 1 blocks.
    let codes = [0xFF, 0xC4, 0, 20, 0x10, 1] + [UInt8](repeating: 0, count: 15) + [0xE0]
    var bits = ""
    for _ in 0..<33 { bits += "0" + String(repeating: "1", count: 14) }
    while bits.count % 8 != 0 { bits += "1" }
    var run: [UInt8] = []
    for start in stride(from: 0, to: bits.count, by: 8) {
      let byte = UInt8(bits.dropFirst(start).prefix(8), radix: 2) ?? 0
      run += byte == 0xFF ? [0xFF, 0] : [byte]
    }
    let scan = [0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 1, 0] + run
    let all = Array(repeatElement(scan, count: scans).joined())
    return [0xFF, 0xD8] + table + frame + codes + all + [0xFF, 0xD9]
  }

  @Test func scansWithoutEnd() throws {
    let few = try ImageDecoder.decode(progressive(scans: 3), name: "a")
    #expect((few.width, few.height) == (8192, 8192))
    let many = progressive(scans: 490)
    var error: ImageError?
    let taken = try ContinuousClock().measure { error = try refusal(many) }
    #expect(
      error
        == .damaged(name: "cat.png", format: .jpeg, reason: "more scans than any honest file has"))
    #expect(taken < .seconds(10))
  }

  @Test func animation() throws {
    let error = try refusal(try ImageCases.bytes("animated.webp"), name: "film.webp")
    #expect(error.description == "image film.webp is an animated WebP: give a single frame")
  }

  @Test(arguments: [
    ("png-8bit-3.png", ImageFormat.png, "the file ends early"),
    ("jpeg-444.jpg", .jpeg, "Premature end of JPEG file"),
    ("jpeg-progressive.jpg", .jpeg, "Premature end of JPEG file"),
    ("webp-lossy.webp", .webp, "the file ends early"),
  ])
  func truncation(_ file: String, _ format: ImageFormat, _ reason: String) throws {
    let data = try ImageCases.bytes(file)
    let half = Array(data[..<(data.count * 2 / 3)])
    #expect(
      try refusal(half, name: file) == .damaged(name: file, format: format, reason: reason))
  }

  @Test func corruption() throws {
    var data = try ImageCases.bytes("png-8bit-3.png")
    data[29] ^= 1  // the header's checksum
    #expect(
      try refusal(data).description
        == "image cat.png is not a whole PNG file (IHDR: CRC error): fetch or save it again")
  }

  @Test func missingAndIrregularFiles() throws {
    try withTemporaryFolder { folder in
      let missing = folder.appending(path: "none.png")
      let absent = try #require(throws: ImageError.self) { _ = try Image(contentsOf: missing) }
      #expect(
        absent.description
          == "cannot read image \(missing.path): there is no such file or folder")
      let odd = try #require(throws: ImageError.self) { _ = try Image(contentsOf: folder) }
      #expect(
        odd.description == "cannot read image \(folder.path): it is not a plain file")
      let url = folder.appending(path: "big.png")
      try Data(count: 100).write(to: url)
      let large = try #require(throws: ImageError.self) {
        _ = try Image(contentsOf: url, limits: ImageLimits(bytes: 99))
      }
      #expect(large == .tooManyBytes(name: url.path, count: 100, limit: 99))
    }
  }
}
