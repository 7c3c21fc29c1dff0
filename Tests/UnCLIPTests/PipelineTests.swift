import CLIP
import Diffusion
import Foundation
import Imaging
import TestSupport
import Testing
import Torch
import TorchNN

@testable import UnCLIP

/// The whole chain against diffusers' pipelines: the same tiny folder, the same seeds.
@Suite struct PipelineTests {
  private let golden = Golden("pipeline/images")
  private let folder = ModelFolder(Golden.url("pipeline/model"))

  /// A call of diffusers' pipeline.
  struct Case: Sendable {
    let name: String
    let prompts: [String]
    let count: Int
    var decoderGuidance: Double?
    var usesDefaults = false
  }

  static let long = String(
    repeating: "a very long sentence about a red apple on a blue table under a green tree ",
    count: 3)

  static let cases = [
    Case(name: "one", prompts: ["a red apple"], count: 1),
    Case(name: "empty", prompts: [""], count: 1),
    Case(name: "long", prompts: [long], count: 1),
    Case(name: "several", prompts: ["a blue bird"], count: 3),
    Case(name: "batch", prompts: ["a cat", "two dogs in the snow"], count: 1),
    Case(
      name: "defaults", prompts: ["a green square"], count: 1, usesDefaults: true),
    Case(name: "unguided", prompts: ["a red apple"], count: 1, decoderGuidance: 1),
  ]

  private func sampling(_ of: Case) -> SamplingSettings {
    var sampling = SamplingSettings()
    guard !of.usesDefaults else { return sampling }
    sampling.priorSteps = 5
    sampling.decoderSteps = 6
    sampling.upsamplerSteps = 3
    if let guidance = of.decoderGuidance { sampling.decoderGuidance = guidance }
    return sampling
  }

  private func request(_ prompt: String, _ seed: UInt64, _ count: Int, _ of: Case) -> ImageRequest {
    ImageRequest(prompt: prompt, count: count, seed: seed, size: 32, sampling: sampling(of))
  }

  /// The seed of each image.
  private func seeds(_ name: String) throws -> [UInt64] {
    try golden.tensor("\(name).seeds").array(of: Int64.self).map(UInt64.init)
  }

  /// The toy model with a second upsampler, which draws as the first one does.
  @Test func threeUpsamplingsMakeThreeSizes() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "model")
      try FileManager.default.copyItem(at: Golden.url("pipeline/model"), to: url)
      let model = ModelFolder(url)
      let first = try model.loadUpsampler()
      var config = first.unet.config
      config.sampleSize = 128
      let unet = UNet(config, using: RandomSource(seed: 1))
      try model.saveUpsampler(
        Upsampler(unet: unet, scheduler: first.scheduler), as: .second, dtype: .float32)
      let pipeline = try UnCLIPPipeline(model)
      #expect(pipeline.sizes == [8, 32, 128])
      var sampling = SamplingSettings()
      (sampling.priorSteps, sampling.decoderSteps, sampling.upsamplerSteps) = (2, 2, 2)
      sampling.secondUpsamplerSteps = 3
      var stages: [GenerationProgress.Stage] = []
      let request = ImageRequest(prompt: "a red apple", seed: 3, sampling: sampling)
      let large = try #require(
        try pipeline.images(for: request) { stages.append($0.stage) }.first)
      #expect(large.width == 128)
      #expect(
        stages == [.text] + [.prior, .decoder, .upsampler].flatMap { [$0, $0] }
          + [.secondUpsampler, .secondUpsampler, .secondUpsampler])

      // The last stage by itself, from the random numbers as the first three leave them.
      let random = RandomSource(seed: 3)
      let prompt = pipeline.conditioning("a red apple")
      let embedding = try pipeline.embedding(of: prompt, settings: sampling, using: random)
      let small = try pipeline.decoded(embedding, prompt, settings: sampling, using: random)
      let middle = try pipeline.upsampled(small, settings: sampling, using: random)
      let last = try pipeline.upsampled(middle, by: .second, settings: sampling, using: random)
      #expect(Image(last) == large)

      // And without the others, of an image that fills one tile.
      let image = Image(middle)
      let alone = try pipeline.upscaled(image, by: .second, sampling: sampling, seed: 9)
      let tensor = Tensor(images: [image], range: .symmetric, device: .cpu)
      #expect(
        try alone
          == Image(
            pipeline.upsampled(
              tensor, by: .second, settings: sampling, using: RandomSource(seed: 9))))
      #expect(try alone != pipeline.upscaled(image, sampling: sampling, seed: 9))
    }
  }

  /// Every pixel within one level of diffusers'.
  private func expectSame(_ images: [Image], _ expected: Tensor) {
    #expect(images.count == expected.dim(0))
    for (index, image) in images.enumerated() {
      let generated = Tensor(image.pixels, shape: [image.height, image.width, 3]).to(.float32)
      let reference = expected.selected(0, index).permuted(1, 2, 0) * 255
      let largest = (generated - reference).abs().max().item()
      #expect(largest <= 1, "image \(index) is \(largest) of 255 off")
    }
  }

  @Test(arguments: cases.indices) func generatesDiffusersImages(index: Int) throws {
    let this = Self.cases[index]
    let pipeline = try UnCLIPPipeline(folder)
    var images: [Image] = []
    for (prompt, seed) in zip(this.prompts, try seeds(this.name)) {
      images += try pipeline.images(for: request(prompt, seed, this.count, this))
    }
    expectSame(images, try golden.tensor("\(this.name).image"))
  }

  /// Every stage by itself, so that a difference names its stage.
  @Test(arguments: cases.indices) func everyStageIsDiffusers(index: Int) throws {
    let this = Self.cases[index]
    let pipeline = try UnCLIPPipeline(folder)
    let embeddings = try golden.tensor("\(this.name).embedding")
    let enlarged = try golden.tensor("\(this.name).enlarged")
    for (row, seed) in try seeds(this.name).enumerated() {
      let settings = sampling(this)
      let random = RandomSource(seed: seed)
      let prompt = pipeline.conditioning(this.prompts[row % this.prompts.count])
      let embedding = try pipeline.embedding(of: prompt, settings: settings, using: random)
      expectClose(
        embedding, embeddings.narrowed(0, start: row, count: 1), .network(.float32))
      let small = try pipeline.decoded(embedding, prompt, settings: settings, using: random)
      #expect(small.shape == [1, 3, 8, 8])
      let larger = LowResolution.enlarged(small, to: 32)
      let expected = enlarged.narrowed(0, start: row, count: 1)
      let largest = (larger - expected).abs().max().item()
      #expect(largest < 1.0 / 255, "the decoder is \(largest * 127.5) of 255 off")
    }
  }

  /// The open verbs, one after the other, are the closed one.
  @Test func theStagesTogetherAreTheImage() throws {
    let pipeline = try UnCLIPPipeline(folder)
    let request = ImageRequest(prompt: "a cat", seed: 9, sampling: sampling(Self.cases[0]))
    let settings = try pipeline.settings(for: request)
    #expect(settings.size == 32, "the largest by default")
    let random = RandomSource(seed: 9)
    let prompt = pipeline.conditioning("a cat")
    let embedding = try pipeline.embedding(
      of: prompt, settings: settings.sampling, using: random)
    let small = try pipeline.decoded(
      embedding, prompt, settings: settings.sampling, using: random)
    let large = try pipeline.upsampled(small, settings: settings.sampling, using: random)
    #expect(try pipeline.images(for: request) == [Image(large)])
  }

  /// Given noise replaces the sampled noise.
  @Test func decodesFromGivenNoise() throws {
    let pipeline = try UnCLIPPipeline(folder)
    var settings = sampling(Self.cases[0])
    settings.setSampler(.ddim)
    let embedding = try golden.tensor("one.embedding")
    let prompt = pipeline.conditioning("a red apple")
    let noise = RandomSource(seed: 4).normal([1, 3, 8, 8])
    let sampled = try pipeline.decoded(
      embedding, prompt, settings: settings, using: RandomSource(seed: 4))
    let given = try pipeline.decoded(
      embedding, prompt, noise: noise, settings: settings, using: RandomSource(seed: 5))
    expectClose(given, sampled, .exact)
  }

  /// One network at a time, each released after its stage, generates the same images.
  @Test func littleMemoryDrawsTheSame() throws {
    var sampling = SamplingSettings()
    sampling.priorSteps = 2
    sampling.decoderSteps = 2
    sampling.upsamplerSteps = 2
    let request = ImageRequest(prompt: "a cat", count: 2, seed: 5, sampling: sampling)
    let lasting = try UnCLIPPipeline(folder).images(for: request)
    let least = NetworkMemory.process
    // From room for no weight to room for all.
    let residencies =
      [.oneAtATime]
      + [1, least, least + 400_000, 2 * least].map {
        UnCLIPPipeline.Residency.within($0)
      }
    for residency in residencies {
      let frugal = try UnCLIPPipeline(folder, residency: residency).images(for: request)
      #expect(lasting.map(\.pixels) == frugal.map(\.pixels), "\(residency)")
    }
  }

  @Test func variesImagesAsDiffusers() throws {
    let pipeline = try UnCLIPPipeline(folder, requiring: [.imageEncoder])
    let source = try golden.tensor("source")
    let original = Image(
      width: source.dim(1), height: source.dim(0), channels: 3, pixels: source.bytes())
    expectClose(
      try pipeline.embedding(of: original), try golden.tensor("vary.embedding"),
      .network(.float32))
    var sampling = SamplingSettings()
    sampling.decoderSteps = 6
    sampling.upsamplerSteps = 3
    for name in ["vary", "varySeveral"] {
      let seeds = try seeds(name)
      let images = try pipeline.images(
        for: ImageRequest(
          prompt: "", count: seeds.count, seed: seeds[0], sampling: sampling), varying: original)
      expectSame(images, try golden.tensor("\(name).image"))
    }
  }
}
