import Imaging
import TestSupport
import Testing

/// Damaged files give an image or an ``ImageError``, never a crash.
@Suite struct DamageTests {
  static let files = [
    "png-8bit-4.png", "png-grey4-interlaced.png", "png-palette8-alpha.png", "png-texts.png",
    "jpeg-420.jpg", "jpeg-progressive.jpg", "jpeg-turn6.jpg", "jpeg-cmyk.jpg",
    "webp-lossy-alpha.webp", "webp-lossless.webp", "animated.webp",
  ]

  /// Small enough that a header flipped to a large size costs nothing.
  static let limits = ImageLimits(pixels: 1 << 14)

  /// Whether the bytes decode; anything but an ``ImageError`` fails the test.
  func survives(_ data: [UInt8]) -> Bool {
    do throws(ImageError) {
      let image = try ImageDecoder.decode(data, name: "x", limits: Self.limits)
      #expect(image.pixels.count == image.width * image.height * image.channels)
      return true
    } catch {
      #expect(!error.description.isEmpty && !error.description.contains("\n"))
      return false
    }
  }

  @Test(arguments: files) func everyTruncation(_ file: String) throws {
    let data = try ImageCases.bytes(file)
    var whole = 0
    for count in 0..<data.count where survives(Array(data[..<count])) { whole += 1 }
    // JPEG may lack its end marker, WebP its trailing metadata, PNG its end with the last checksums;
    // nothing else may be missing.
    #expect(whole < data.count / 10)
    if file.hasSuffix("png") { #expect(whole <= 24) }
  }

  @Test(arguments: files) func doesNotCrashOnRandomFlips(_ file: String) throws {
    let data = try ImageCases.bytes(file)
    var random = SplitMix(seed: UInt64(data.count))
    for _ in 0..<500 {
      var damaged = data
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        damaged[Int.random(in: 0..<data.count, using: &random)] = .random(
          in: 0...255, using: &random)
      }
      _ = survives(damaged)
      if file == "png-texts.png" {
        do {
          _ = try PNGText.read(damaged, limits: Self.limits)
        } catch { #expect(!error.description.isEmpty) }
      }
    }
  }
}
