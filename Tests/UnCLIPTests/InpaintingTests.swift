import CLIP
import Diffusion
import Foundation
import Imaging
import TestSupport
import Testing
import Torch

@testable import UnCLIP

/// Editing with the tiny model, whose images are 8 and 32 pixels.
@Suite struct InpaintingTests {
  static let folder = ModelFolder(Golden.url("pipeline/model"))
  private let pipeline: UnCLIPPipeline

  init() throws { pipeline = try UnCLIPPipeline(Self.folder) }

  static func settings(_ prompt: String = "", size: Int = 32) -> GenerationSettings {
    var sampling = SamplingSettings()
    sampling.priorSteps = 2
    sampling.decoderSteps = 3
    sampling.upsamplerSteps = 2
    sampling.resamplingJumps = 1
    return GenerationSettings(prompt: prompt, seed: 3, size: size, sampling: sampling)
  }

  /// An image of random samples, with any number of channels.
  static func noise(_ width: Int, _ height: Int, channels: Int = 3, seed: UInt64 = 1) -> Image {
    let samples = RandomSource(seed: seed).integers(in: 0..<256, [width * height * channels])
    return Image(
      width: width, height: height, channels: channels,
      pixels: samples.array(of: Int64.self).map { UInt8($0) })
  }

  /// A mask that is white in a rectangle.
  static func mask(_ width: Int, _ height: Int, x: Range<Int>, y: Range<Int>) -> Image {
    var mask = Image(width: width, height: height, color: [0])
    mask.paste(
      Image(width: x.count, height: y.count, color: [255]), x: x.lowerBound, y: y.lowerBound)
    return mask
  }

  /// Expects the pixels outside a rectangle to be the same, bit for bit, and most inside not.
  private func expectChanged(
    _ old: Image, _ new: Image, x: Range<Int>, y: Range<Int>,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect((new.width, new.height) == (old.width, old.height), sourceLocation: sourceLocation)
    let old = old.converted(toChannels: new.channels)
    var (outside, inside) = (0, 0)
    for row in 0..<old.height {
      for column in 0..<old.width where old[column, row] != new[column, row] {
        if x.contains(column), y.contains(row) { inside += 1 } else { outside += 1 }
      }
    }
    #expect(outside == 0, "pixels outside the part differ", sourceLocation: sourceLocation)
    #expect(inside > x.count * y.count / 2, sourceLocation: sourceLocation)
  }

  @Test(
    arguments: [(32, 32), (100, 61), (17, 90), (9, 11)], ["", "a red apple"])
  func whatIsOutsideStaysBitForBit(size: (width: Int, height: Int), prompt: String) throws {
    let (width, height) = size
    let (x, y) = (width / 4..<width / 2, height / 3..<height / 3 + 3)
    let image = Self.noise(width, height)
    let inpainting = try Inpainting(image, mask: Self.mask(width, height, x: x, y: y))
    let result = try pipeline.inpainted(inpainting, Self.settings(prompt))
    expectChanged(image, result, x: x, y: y)
    #expect(try pipeline.inpainted(inpainting, Self.settings(prompt)) == result)
  }

  @Test(arguments: 1...4) func imagesOfAnyChannelsAndBothSizes(channels: Int) throws {
    let image = Self.noise(40, 30, channels: channels)
    let mask = Self.mask(40, 30, x: 30..<40, y: 0..<20)
    for size in [8, 32] {
      let result = try pipeline.inpainted(
        Inpainting(image, mask: mask), Self.settings(size: size))
      expectChanged(image, result, x: 30..<40, y: 0..<20)
      #expect(result.channels == (image.hasAlpha ? 4 : 3))
      #expect(result[35, 10].last == 255 || !image.hasAlpha, "what is new is opaque")
    }
  }

  @Test func transparencyIsFilled() throws {
    var image = Self.noise(40, 40).converted(toChannels: 4)
    let hole = Image(width: 10, height: 12, color: [1, 2, 3, 0])
    image.paste(hole, x: 5, y: 20)
    let result = try pipeline.inpainted(Inpainting(image), Self.settings())
    #expect(result.channels == 3)
    expectChanged(image.converted(toChannels: 3), result, x: 5..<15, y: 20..<32)
    // What hides in the hole has no influence.
    image.paste(Image(width: 10, height: 12, color: [250, 0, 99, 0]), x: 5, y: 20)
    #expect(try pipeline.inpainted(Inpainting(image), Self.settings()) == result)
  }

  /// From noise, what the mask covers has no influence on what a prompt puts there.
  @Test func whatTheMaskCoversMattersBelowStrengthOneAlone() throws {
    let mask = Self.mask(32, 32, x: 8..<24, y: 8..<24)
    let first = Self.noise(32, 32)
    var second = first
    second.paste(Image(width: 16, height: 16, color: [255, 0, 0]), x: 8, y: 8)
    func result(_ image: Image, _ strength: Double) throws -> Image {
      var inpainting = try Inpainting(image, mask: mask)
      inpainting.strength = strength
      return try pipeline.inpainted(inpainting, Self.settings("a cat"))
    }
    #expect(
      try result(first, 1).cropped(x: 8, y: 8, width: 16, height: 16)
        == result(second, 1).cropped(x: 8, y: 8, width: 16, height: 16))
    #expect(try result(first, 0.5) != result(second, 0.5).self)
    let near = try result(second, 0.01)
    #expect(near[16, 16].first.map { $0 > 150 } == true, "\(near[16, 16])")
  }

  @Test func masksAreReadAsDocumented() throws {
    let image = Self.noise(8, 8)
    let white = Self.mask(8, 8, x: 0..<3, y: 0..<8)
    let plain = try Inpainting(image, mask: white)
    #expect(plain.part == PixelRect(x: 0..<3, y: 0..<8))
    let inverted = try Inpainting(image, mask: white, isInverted: true)
    #expect(inverted.part == PixelRect(x: 3..<8, y: 0..<8))
    var clear = Image(width: 8, height: 8, color: [255, 255, 255, 255])
    clear.paste(Image(width: 2, height: 1, color: [0, 0, 0, 0]), x: 6, y: 7)
    #expect(try Inpainting(image, mask: clear).part == PixelRect(x: 6..<8, y: 7..<8))
    let feathered = try Inpainting(image, mask: white, feather: 2)
    #expect(feathered.weights[0..<4] == [255, 170, 85, 0])
    #expect(Array(plain.weights[0..<4]) == [255, 255, 255, 0])
  }

  @Test func refusesMasksThatSayNothing() throws {
    let image = Self.noise(16, 8)
    func fault(_ mask: Image?, of image: Image) -> String {
      do {
        _ = try Inpainting(image, mask: mask)
        return ""
      } catch { return "\(error)" }
    }
    #expect(
      fault(Self.mask(8, 8, x: 0..<2, y: 0..<2), of: image)
        == "the mask is 8x8 pixels, but the image is 16x8; resize the mask.")
    #expect(fault(Image(width: 16, height: 8, color: [0]), of: image).contains("keeps the whole"))
    #expect(fault(Image(width: 16, height: 8, color: [255]), of: image).contains("keeps nothing"))
    #expect(fault(nil, of: image).contains("no transparency"))
    #expect(
      fault(nil, of: Image(width: 2, height: 2, color: [0, 255])).contains("no transparency"))
    #expect(fault(nil, of: Image(width: 2, height: 2, color: [0, 0])).contains("keeps nothing"))
    #expect(throws: RequestError.self) { try Inpainting(extending: image) }
    for space in [-1, 8193] {
      #expect(throws: RequestError.self) { try Inpainting(extending: image, top: space) }
    }
    #expect(throws: RequestError.self) {
      try Inpainting(extending: image, left: 8192, top: 8192, right: 8192, bottom: 8192)
    }
    #expect(throws: RequestError.self) {
      try Inpainting(image, mask: Self.mask(16, 8, x: 0..<2, y: 0..<2), feather: -1)
    }
    var inpainting = try Inpainting(extending: image, left: 1)
    for strength in [0, 1.1, .nan, -1] {
      inpainting.strength = strength
      #expect(throws: RequestError.self) {
        try pipeline.inpainted(inpainting, Self.settings())
      }
    }
  }

  @Test func aWindowTooSmallForItsPartIsRefused() throws {
    var wide = try Inpainting(extending: Self.noise(8, 8), right: 4000, bottom: 4000)
    wide.window = 8
    let error = #expect(throws: RequestError.self) {
      try pipeline.inpainted(wide, Self.settings())
    }
    #expect(error?.description.contains("over the limit") == true)
    wide.window = 7
    #expect(throws: RequestError.self) { try pipeline.inpainted(wide, Self.settings()) }
  }

  @Test func anImageIsContinuedInWindows() throws {
    let image = Self.noise(40, 36)
    let wide = try Inpainting(extending: image, left: 50, top: 3, right: 0, bottom: 20)
    var seen: [GenerationProgress.Stage: [Int]] = [:]
    var counts: [GenerationProgress.Stage: Int] = [:]
    let result = try pipeline.inpainted(wide, Self.settings()) {
      seen[$0.stage, default: []].append($0.step)
      counts[$0.stage] = $0.stepCount
    }
    for (stage, steps) in seen {
      #expect(steps == Array(1...(counts[stage] ?? 0)), "each window of each step is reported")
    }
    // Three steps with two that are passed twice, and two with one; of several windows each.
    for (stage, steps) in [(GenerationProgress.Stage.decoder, 5), (.upsampler, 3)] {
      #expect((counts[stage] ?? 0) % steps == 0 && (counts[stage] ?? 0) > steps)
    }
    #expect((result.width, result.height) == (90, 59))
    #expect(result.cropped(x: 50, y: 3, width: 40, height: 36) == image)
    let clear = Self.noise(20, 20, channels: 4)
    let extended = try pipeline.inpainted(
      Inpainting(extending: clear, right: 9), Self.settings())
    #expect(extended.cropped(x: 0, y: 0, width: 20, height: 20) == clear)
    #expect(extended[25, 5].last == 255)
  }

  @Test func regionsHoldThePartAndWhatIsAround() {
    func region(_ x: Range<Int>, _ y: Range<Int>, _ w: Int, _ h: Int, _ window: Int) -> Region {
      Region(
        around: PixelRect(x: x, y: y), width: w, height: h, window: window, size: 32, multiple: 4)
    }
    let inner = region(500..<560, 300..<330, 1000, 700, 90)
    #expect((inner.x, inner.y, inner.width, inner.height) == (477, 270, 105, 90))
    #expect((inner.workWidth, inner.workHeight) == (40, 32))
    let corner = region(0..<10, 690..<700, 1000, 700, 64)
    #expect((corner.x, corner.y, corner.width, corner.height) == (0, 636, 64, 64))
    let thin = region(0..<100, 0..<10, 100, 10, 100)
    #expect((thin.x, thin.y, thin.width, thin.height) == (0, -45, 100, 100))
    #expect(thin.inner == PixelRect(x: 0..<100, y: 0..<10))
  }

  /// A mask too thin for a stage leaves it without work.
  @Test func aLineIsDrawnByTheStageThatSeesIt() throws {
    let image = Self.noise(32, 32)
    var seen: Set<GenerationProgress.Stage> = []
    let result = try pipeline.inpainted(
      Inpainting(image, mask: Self.mask(32, 32, x: 5..<6, y: 0..<32)), Self.settings()
    ) { seen.insert($0.stage) }
    #expect(seen == [.text, .upsampler])
    expectChanged(image, result, x: 5..<6, y: 0..<32)
  }
}
