import CLIP
import Foundation
import Imaging
import TestSupport
import Testing
import Torch
import UnCLIP

/// The whole chain against diffusers' pipelines: the same tiny folder, the same seeds.
@Suite struct PipelineTests {
  private let golden = Golden("pipeline/pictures")
  private let folder = ModelFolder(Golden.url("pipeline/model"))

  /// A call of the peer's pipeline.
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

  private func request(_ prompt: String, _ seed: UInt64, _ count: Int, _ of: Case) -> ImageRequest {
    of.usesDefaults
      ? ImageRequest(prompt: prompt, count: count, seed: seed, size: 32)
      : ImageRequest(
        prompt: prompt, count: count, seed: seed, size: 32, prior: .init(steps: 5),
        decoder: .init(steps: 6, guidance: of.decoderGuidance), upsampler: .init(steps: 3))
  }

  /// The seed of each picture.
  private func seeds(_ name: String) throws -> [UInt64] {
    try golden.tensor("\(name).seeds").array(of: Int64.self).map(UInt64.init)
  }

  /// Every pixel within one level of the peer's.
  private func expectSame(_ images: [Image], _ expected: Tensor) {
    #expect(images.count == expected.dim(0))
    for (index, image) in images.enumerated() {
      let drawn = Tensor(image.pixels, shape: [image.height, image.width, 3]).to(.float32)
      let peer = expected.selected(0, index).permuted(1, 2, 0) * 255
      let largest = (drawn - peer).abs().max().item()
      #expect(largest <= 1, "picture \(index) is \(largest) of 255 off")
    }
  }

  @Test(arguments: cases.indices) func drawsThePeersPictures(index: Int) throws {
    let this = Self.cases[index]
    let pipeline = try UnCLIPPipeline(folder)
    var images: [Image] = []
    for (prompt, seed) in zip(this.prompts, try seeds(this.name)) {
      images += try pipeline.images(for: request(prompt, seed, this.count, this))
    }
    expectSame(images, try golden.tensor("\(this.name).picture"))
  }

  /// Every stage by itself, so that a difference names its stage.
  @Test(arguments: cases.indices) func everyStageIsThePeers(index: Int) throws {
    let this = Self.cases[index]
    let pipeline = try UnCLIPPipeline(folder)
    let prior = try #require(pipeline.prior).loaded()
    let embeddings = try golden.tensor("\(this.name).embedding")
    let enlarged = try golden.tensor("\(this.name).enlarged")
    for (row, seed) in try seeds(this.name).enumerated() {
      let prompt = this.prompts[row % this.prompts.count]
      let settings = pipeline.resolved(request(prompt, seed, 1, this))
      let random = RandomSource(seed: seed)
      let text = pipeline.textEncoder.encode([prompt])
      let negative = pipeline.textEncoder.encode([""])
      let embedding = try prior.sample(
        text: text, negative: negative,
        sampling: .init(
          steps: try #require(settings.prior.steps),
          guidance: try #require(settings.prior.guidance), candidates: 1), using: random)
      expectClose(
        embedding, embeddings.narrowed(0, start: row, count: 1), .network(.float32))
      let small = try pipeline.decoder.loaded().sample(
        imageEmbedding: embedding, text: text, negative: negative, size: 8,
        steps: try #require(settings.decoder.steps),
        guidance: try #require(settings.decoder.guidance), using: random)
      let larger = LowResolution.enlarged(small, to: 32)
      let expected = enlarged.narrowed(0, start: row, count: 1)
      let largest = (larger - expected).abs().max().item()
      #expect(largest < 1.0 / 255, "the decoder is \(largest * 127.5) of 255 off")
    }
  }

  /// One network at a time, each let go after its stage, draws the same pictures.
  @Test func littleMemoryDrawsTheSame() throws {
    let request = ImageRequest(
      prompt: "a cat", count: 2, seed: 5, size: 32, prior: .init(steps: 2),
      decoder: .init(steps: 2), upsampler: .init(steps: 2))
    let lasting = try UnCLIPPipeline(folder).images(for: request)
    let frugal = try UnCLIPPipeline(folder, residency: .oneAtATime).images(for: request)
    #expect(lasting.map(\.pixels) == frugal.map(\.pixels))
  }

  @Test func variesPicturesAsThePeer() throws {
    let pipeline = try UnCLIPPipeline(folder, drawingFrom: [.pictures])
    #expect(pipeline.prior == nil, "variations need no prior")
    let source = try golden.tensor("source")
    let original = Image(
      width: source.dim(1), height: source.dim(0), channels: 3, pixels: source.bytes())
    let encoder = try #require(pipeline.imageEncoder).loaded()
    expectClose(
      encoder([original]), try golden.tensor("vary.embedding"), .network(.float32))
    for name in ["vary", "varySeveral"] {
      let seeds = try seeds(name)
      let images = try pipeline.images(
        for: ImageRequest(
          prompt: "", count: seeds.count, seed: seeds[0], size: 32, decoder: .init(steps: 6),
          upsampler: .init(steps: 3)), varying: original)
      expectSame(images, try golden.tensor("\(name).picture"))
    }
  }
}
