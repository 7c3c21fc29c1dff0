import Imaging
import TestSupport
import Testing

/// Broken preconditions end the process with the values that broke them.
@Suite struct TrapTests {
  @Test func sizeAndByteCount() async {
    expectTrap(
      "1 bytes do not fill 2x2x3",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = Image(width: 2, height: 2, channels: 3, pixels: [0])
      })
    expectTrap(
      "an image of 0x2 has no pixels",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = Image(width: 0, height: 2, color: [0])
      })
    expectTrap(
      "an image has 1 to 4 channels, not 5",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = Image(width: 1, height: 1, color: [0, 0, 0, 0, 0])
      })
  }

  @Test func geometry() async {
    expectTrap(
      "crop of 2x1 at (1, 0) does not lie inside 2x2",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = Image(width: 2, height: 2, color: [0]).cropped(x: 1, y: 0, width: 2, height: 1)
      })
    expectTrap(
      "cannot resize to 0x1 pixels",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = Image(width: 2, height: 2, color: [0]).resized(width: 0, height: 1)
      })
    expectTrap(
      "a colour of 3 samples for 1 channels",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = Image(width: 2, height: 2, color: [0]).paddedToSquare(color: [0, 0, 0])
      })
  }

  @Test func qualityAndSheets() async {
    expectTrap(
      "JPEG quality 0 is not 1 to 100",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = try JPEGEncoder.encode(Image(width: 1, height: 1, color: [0]), quality: 0)
      })
    expectTrap(
      "a contact sheet needs at least one image",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = ContactSheet.grid([], columns: 2)
      })
  }

  @Test func librariesNeverPrint() async throws {
    let result = await #expect(
      processExitsWith: .success, observing: [\.standardErrorContent, \.standardOutputContent]
    ) {
      for file in ["png-profile.png", "png-texts.png", "jpeg-420.jpg", "jpeg-cmyk.jpg"] {
        let data = try ImageCases.bytes(file)
        // A damaged byte in the headers or the data warns or fails in the libraries.
        for position in stride(from: 8, to: data.count, by: 7) {
          var damaged = data
          damaged[position] ^= 0x55
          _ = try? ImageDecoder.decode(damaged, name: file, limits: ImageLimits(pixels: 1 << 14))
          _ = try? PNGText.read(damaged, limits: ImageLimits(pixels: 1 << 14))
        }
      }
    }
    #expect(try #require(result).standardErrorContent.isEmpty)
    #expect(try #require(result).standardOutputContent.isEmpty)
  }
}
