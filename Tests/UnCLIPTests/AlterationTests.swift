import CLIP
import Diffusion
import Foundation
import Imaging
import TestSupport
import Testing
import Torch

@testable import UnCLIP

@Suite struct AlterationTests {
  private let pipeline: UnCLIPPipeline

  init() throws { pipeline = try UnCLIPPipeline(InpaintingTests.folder) }

  private func distance(_ a: Image, _ b: Image) -> Double {
    zip(a.pixels, b.pixels).map { pow(Double($0) - Double($1), 2) }.reduce(0, +)
      / Double(a.pixels.count)
  }

  /// A photograph-like image: waves of different lengths.
  private func waves(_ width: Int, _ height: Int) -> Image {
    var pixels: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width {
        for frequency in [0.3, 0.17, 0.05] {
          let wave: Double = sin(Double(x) * frequency) * cos(Double(y) * 0.21)
          pixels.append(UInt8(127 + 90 * wave))
        }
      }
    }
    return Image(width: width, height: height, channels: 3, pixels: pixels)
  }

  @Test func strengthGoesFromTheImageToThePrompt() throws {
    let original = waves(48, 32)
    let square = original.croppedToSquare()
    let settings = InpaintingTests.settings("a red apple")
    func start(_ strength: Double) throws -> Image {
      try pipeline.image(settings, startingFrom: original, strength: strength)
    }
    #expect(try start(1) == pipeline.image(settings), "at 1 only the prompt matters")
    let distances = try [0.01, 0.3, 0.8].map { distance(try start($0), square) }
    #expect(distances == distances.sorted(), "\(distances)")
    #expect(distances[0] < distances[2] / 4, "\(distances)")
    for strength in [0, 1.1, -.infinity, .nan] {
      #expect(throws: RequestError.self) { try start(strength) }
    }
  }

  /// Tiles of the bundled model against the whole in one: each layer's norms see a tile alone, so
  /// they differ by little, and no more at the borders of tiles than elsewhere.
  @Test func tilesAreTheWhole() throws {
    let small = try UnCLIPPipeline(ModelFolder(Golden.url("../../Models/small")))
    let image = waves(96, 80)
    func large(_ tile: Int) throws -> Tensor {
      let result = try small.upscaled(image, seed: 5, tile: tile)
      #expect((result.width, result.height) == (384, 320))
      return Tensor(images: [result], range: .symmetric)
    }
    let whole = try large(96)
    let error = (try large(64) - whole).square()
    let everywhere = error.mean().item().squareRoot()
    // The first tile alone, and where it fades into the next.
    let inside = error.narrowed(2, start: 0, count: 48).narrowed(3, start: 0, count: 112)
    let between = error.narrowed(3, start: 128, count: 128)
    #expect(inside.mean().item().squareRoot() < 0.02, "\(inside.mean().item().squareRoot())")
    #expect(everywhere < 0.02, "\(everywhere)")
    #expect(between.mean().item() < 2 * inside.mean().item())
  }

  @Test func anUpscaleKeepsSmallImagesAndTransparency() throws {
    let sampling = InpaintingTests.settings().sampling
    for (width, height, tile) in [(1, 1, nil), (3, 20, nil), (8, 8, 4096)] as [(Int, Int, Int?)] {
      let result = try pipeline.upscaled(
        waves(width, height), sampling: sampling, seed: 1, tile: tile)
      #expect((result.width, result.height) == (4 * width, 4 * height))
    }
    var clear = waves(10, 10).converted(toChannels: 4)
    clear.paste(Image(width: 5, height: 10, color: [9, 9, 9, 0]), x: 0, y: 0)
    let large = try pipeline.upscaled(clear, sampling: sampling, seed: 1)
    #expect(large.channels == 4)
    #expect(large[2, 20].last == 0 && large[37, 20].last == 255)
    let again = try pipeline.upscaled(
      clear.composited(over: (255, 255, 255)), sampling: sampling, seed: 1)
    #expect(Array(large[37, 20].prefix(3)) == Array(again[37, 20]))
  }

  @Test func refusesTilesAndSizesThatCannotBe() throws {
    let sampling = InpaintingTests.settings().sampling
    let multiple = try pipeline.tileMultiple()
    for tile in [0, 7, 4097, 8 + multiple / 2] where tile % multiple != 0 || tile < 8 {
      #expect(throws: RequestError.self) {
        try pipeline.upscaled(waves(9, 9), sampling: sampling, seed: 1, tile: tile)
      }
    }
    let huge = Image(width: 4000, height: 4000, color: [0])
    let error = #expect(throws: RequestError.self) { try pipeline.upscaled(huge, seed: 1) }
    #expect(error?.description.contains("16000x16000 pixels") == true)
  }

  @Test func theBestIsFirst() throws {
    let request = ImageRequest(
      prompt: "a red apple", count: 4, seed: 9, sampling: InpaintingTests.settings().sampling)
    let ranked = try pipeline.rankedImages(for: request)
    #expect(ranked.map(\.score) == ranked.map(\.score).sorted(by: >))
    #expect(Set(ranked.map(\.settings.seed)) == [9, 10, 11, 12])
    let best = try #require(ranked.first)
    #expect(try pipeline.image(best.settings) == best.image)
    #expect(try pipeline.clipScore(of: best.image, for: "a red apple") == best.score)
    #expect(ranked.allSatisfy { abs($0.score) <= 100 })
  }

  /// What `progress` throws ends each of them.
  @Test func progressCanEndEachOfThem() throws {
    struct Stop: Error {}
    let settings = InpaintingTests.settings("a cat")
    let image = waves(32, 32)
    func stop(_ step: GenerationProgress) throws { if step.stage == .upsampler { throw Stop() } }
    #expect(throws: Stop.self) {
      try pipeline.inpainted(Inpainting(extending: image, left: 8), settings, progress: stop)
    }
    #expect(throws: Stop.self) {
      try pipeline.image(settings, startingFrom: image, strength: 0.5, progress: stop)
    }
    // Between two tiles, not only between two steps.
    var tiles = 0
    #expect(throws: Stop.self) {
      try pipeline.upscaled(image, sampling: settings.sampling, seed: 1) {
        tiles += 1
        #expect($0.stepCount == 2 * 25)
        if $0.step == 3 { throw Stop() }
      }
    }
    #expect(tiles == 3)
  }
}
