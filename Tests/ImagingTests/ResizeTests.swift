import Imaging
import Testing

@Suite struct ResizeTests {
  @Test(arguments: try ImageCases.all.get().resize)
  func matchesPillow(_ golden: ImageCases.Resize) throws {
    let source = Image(
      width: golden.sourceWidth, height: golden.sourceHeight, channels: golden.channels,
      pixels: try golden.source.bytes)
    let image = source.resized(width: golden.width, height: golden.height, filter: golden.filter)
    #expect(image.width == golden.width)
    #expect(image.height == golden.height)
    expectSamples(image.pixels, try golden.expected.bytes)
  }

  @Test(arguments: ResizeFilter.allCases) func keepsPlainColors(_ filter: ResizeFilter) {
    for (width, height) in [(1, 1), (3, 50), (64, 7), (100, 100)] {
      for color in [[200], [10, 255], [1, 2, 254], [255, 0, 128, 255]] as [[UInt8]] {
        let image = Image(width: 20, height: 20, color: color)
        let expected = Image(width: width, height: height, color: color)
        #expect(image.resized(width: width, height: height, filter: filter) == expected)
      }
    }
  }

  @Test func sameSizeIsTheSameImage() {
    let image = image(9, 7, 4)
    #expect(image.resized(width: 9, height: 7, filter: .lanczos) == image)
  }

  @Test func boxHalvesByTheMean() {
    let image = Image(width: 4, height: 2, channels: 1, pixels: [0, 100, 7, 9, 50, 50, 8, 8])
    #expect(image.resized(width: 2, height: 1, filter: .box).pixels == [50, 8])
  }

  @Test func hiddenColorsDoNotBleed() {
    // Clear red beside opaque blue: no red may show.
    let image = Image(
      width: 2, height: 1, channels: 4, pixels: [255, 0, 0, 0, 0, 0, 255, 255])
    let wide = image.resized(width: 8, height: 1, filter: .bilinear)
    for x in 0..<8 where wide[x, 0].last != 0 {
      #expect(wide[x, 0].first == 0)
    }
  }

  @Test func turnedAndThenResizedIsResizedAndThenTurned() {
    let image = image(33, 21, 3)
    for filter in ResizeFilter.allCases {
      let a = image.flippedVertically().resized(width: 10, height: 40, filter: filter)
      let b = image.resized(width: 10, height: 40, filter: filter).flippedVertically()
      expectSamples(a.pixels, b.pixels, within: 1)
    }
  }

  @Test func fitsInASquare() {
    let wide = image(100, 40, 3).fitted(inSquareOf: 20)
    #expect((wide.width, wide.height) == (20, 8))
    let line = image(100, 1, 1).fitted(inSquareOf: 10)
    #expect((line.width, line.height) == (10, 1))
    let grown = image(3, 4, 1).fitted(inSquareOf: 8)
    #expect((grown.width, grown.height) == (6, 8))
  }

  @Test(arguments: ResizeFilter.allCases) func aPartIsTheCropOfTheWhole(_ filter: ResizeFilter) {
    for channels in 1...4 {
      let image = image(50, 30, channels)
      for (width, height) in [(17, 90), (200, 30), (50, 7), (50, 30), (9, 8)] {
        let whole = image.resized(width: width, height: height, filter: filter)
        let part = PixelRect(x: width / 3..<width - 1, y: 2..<height / 2)
        let expected = whole.cropped(
          x: part.x.lowerBound, y: part.y.lowerBound, width: part.x.count, height: part.y.count)
        let found = image.resized(width: width, height: height, filter: filter, part: part)
        #expect(found == expected, "\(channels) channels to \(width)x\(height)")
      }
    }
  }

  /// Whole, the result would have 64 thousand million pixels.
  @Test func theMiddleOfAThinImageNeedsNoMoreThanASquare() {
    let tall = Image(width: 1, height: 1_000_000, color: [10, 20, 30])
    let part = PixelRect(x: 0..<64, y: 32_000_000..<32_000_064)
    let found = tall.resized(width: 64, height: 64_000_000, part: part)
    #expect(found == Image(width: 64, height: 64, color: [10, 20, 30]))
    let wide = Image(width: 1_000_000, height: 1, color: [10, 20, 30, 255])
    let turned = PixelRect(x: part.y, y: part.x)
    let other = wide.resized(width: 64_000_000, height: 64, part: turned)
    #expect(other == Image(width: 64, height: 64, color: [10, 20, 30, 255]))
  }

  @Test func reducingMoreThanAThousandfoldIsQuick() {
    let half = [UInt8](repeating: 200, count: 8_000_000)
    let image = Image(
      width: 16_000_000, height: 1, channels: 1,
      pixels: half + [UInt8](repeating: 100, count: 8_000_000))
    let taken = ContinuousClock().measure {
      let line = image.resized(width: 512, height: 1, filter: .lanczos)
      #expect(line[10, 0].first == 200 && line[500, 0].first == 100)
    }
    #expect(taken < .seconds(20))
  }
}
