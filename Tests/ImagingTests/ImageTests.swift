import Imaging
import Testing

@Suite struct ImageTests {
  @Test func compositesAsPillow() throws {
    let cases = try ImageCases.all.get()
    let source = Image(
      width: 32, height: 256, channels: 4, pixels: try cases.compositeSource.bytes)
    for golden in cases.composite {
      let image = source.composited(over: (golden.color[0], golden.color[1], golden.color[2]))
      expectSamples(image.pixels, try golden.expected.bytes)
    }
  }

  @Test func greysAsPillow() throws {
    let golden = try ImageCases.all.get().grey
    let source = Image(width: 31, height: 31, channels: 3, pixels: try golden.source.bytes)
    #expect(source.converted(toChannels: 1).pixels == (try golden.expected.bytes))
  }

  @Test func convertsBetweenAllChannelCounts() {
    let full = Image(width: 1, height: 1, channels: 4, pixels: [10, 20, 30, 40])
    #expect(full.converted(toChannels: 3).pixels == [10, 20, 30])
    #expect(full.converted(toChannels: 2).pixels == [18, 40])
    #expect(full.converted(toChannels: 1).pixels == [18])
    let grey = Image(width: 1, height: 1, channels: 2, pixels: [7, 9])
    #expect(grey.converted(toChannels: 4).pixels == [7, 7, 7, 9])
    #expect(grey.converted(toChannels: 3).pixels == [7, 7, 7])
    #expect(grey.converted(toChannels: 1).pixels == [7])
    let plain = Image(width: 1, height: 1, channels: 1, pixels: [5])
    #expect(plain.converted(toChannels: 2).pixels == [5, 255])
    #expect(plain.converted(toChannels: 4).pixels == [5, 5, 5, 255])
    #expect(grey.composited(over: (0, 0, 255)).pixels == [0, 0, 246])
    #expect(plain.composited(over: (0, 0, 255)).pixels == [5, 5, 5])
  }

  @Test func crops() {
    let image = Image(width: 3, height: 2, channels: 1, pixels: [1, 2, 3, 4, 5, 6])
    #expect(image.cropped(x: 1, y: 0, width: 2, height: 2).pixels == [2, 3, 5, 6])
    #expect(image.cropped(x: 2, y: 1, width: 1, height: 1).pixels == [6])
    #expect(image.croppedToSquare().pixels == [1, 2, 4, 5])
    #expect(image[1, 1] == [5])
  }

  @Test func pads() {
    let image = Image(width: 2, height: 1, channels: 1, pixels: [1, 2])
    #expect(
      image.padded(left: 1, bottom: 1, color: [9])
        == Image(width: 3, height: 2, channels: 1, pixels: [9, 1, 2, 9, 9, 9]))
    #expect(image.paddedToSquare(color: [0]).pixels == [1, 2, 0, 0])
    let tall = Image(width: 1, height: 3, color: [1, 2, 3])
    #expect(tall.paddedToSquare(color: [0, 0, 0])[1, 0] == [1, 2, 3])
  }

  @Test func flips() {
    let image = Image(width: 3, height: 2, channels: 1, pixels: [1, 2, 3, 4, 5, 6])
    #expect(image.flippedHorizontally().pixels == [3, 2, 1, 6, 5, 4])
    #expect(image.flippedVertically().pixels == [4, 5, 6, 1, 2, 3])
    let color = ImagingTests.image(5, 4, 3)
    #expect(color.flippedHorizontally().flippedHorizontally() == color)
  }
}
