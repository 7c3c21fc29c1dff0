import CLIP
import Diffusion
import Foundation
import Imaging
import TestSupport
import Testing
import Torch

@testable import UnCLIP

/// Edits through the two-part latent, on a tiny model with random weights.
@Suite struct EditingTests {
  private let folder = ModelFolder(Golden.url("pipeline/model"))
  private let pipeline: UnCLIPPipeline

  init() throws { pipeline = try UnCLIPPipeline(folder) }

  private static func image(_ seed: UInt64, side: Int = 12) -> Image {
    let noise = RandomSource(seed: seed).integers(in: 0..<256, [side * (side + 4) * 3])
    return Image(
      width: side + 4, height: side, channels: 3,
      pixels: noise.array(of: Int64.self).map { UInt8($0) })
  }

  private let first = Self.image(1)
  private let second = Self.image(2)

  /// Few steps, by inverted noise's sampler, at the decoder's size.
  private func request(
    _ seed: UInt64 = 3, count: Int = 1, eta: Double = 0, size: Int = 8
  ) -> ImageRequest {
    var sampling = SamplingSettings()
    sampling.priorSteps = 2
    sampling.decoderSteps = 4
    sampling.upsamplerSteps = 2
    sampling.decoderSampler = .ddim
    sampling.decoderGuidance = 1
    sampling.decoderEta = eta
    return ImageRequest(prompt: "", count: count, seed: seed, size: size, sampling: sampling)
  }

  // MARK: Inversion

  /// In float64 nothing but the number of steps is left of the error, and it is of first order.
  ///
  /// The network has random weights. As the velocity of the process, its output has no error that
  /// the schedule's ends would multiply, as they do those of an untrained ε or clean image.
  @Test func theDecodersRoundTripConvergesAtFirstOrder() throws {
    let pipeline = try UnCLIPPipeline(folder, dtype: .float64)
    let networks = try pipeline.decoder.loaded()
    let decoder = Decoder(
      unet: networks.unet, projection: networks.projection,
      scheduler: SchedulerConfig(
        prediction: .v, variance: .learnedRange, clipSampleRange: nil))
    let image = RandomSource(seed: 5).uniform([1, 3, 8, 8], in: -0.5..<0.5, dtype: .float64)
    let conditioning = Decoder.Conditioning(
      imageEmbedding: try pipeline.embedding(of: first), prompt: pipeline.conditioning(""))
    let errors = try [25, 50, 100, 200].map { steps in
      let noise = try decoder.noise(of: image, conditioning, sampling: .init(steps: steps))
      let back = try decoder.sample(
        from: noise, conditioning, sampling: StageSampling(steps: steps, sampler: .ddim),
        using: RandomSource(seed: 1))
      #expect(back.dtype == .float64)
      return (back - image).square().mean().item().squareRoot()
    }
    for (coarse, fine) in zip(errors, errors.dropFirst()) {
      #expect((1.7...2.3).contains(coarse / fine), "\(errors)")
    }
  }

  /// With one bound there and back the error is that of the steps; with another it is larger.
  @Test(arguments: [ThresholdKind.none, .static, .dynamic])
  func inversionBoundsPredictionsAsDecodingDoes(_ kind: ThresholdKind) throws {
    let pipeline = try UnCLIPPipeline(folder, dtype: .float64)
    let networks = try pipeline.decoder.loaded()
    let decoder = Decoder(
      unet: networks.unet, projection: networks.projection,
      scheduler: SchedulerConfig(prediction: .v, variance: .learnedRange, clipSampleRange: 1))
    let conditioning = Decoder.Conditioning(
      imageEmbedding: try pipeline.embedding(of: first), prompt: pipeline.conditioning(""))
    func decoded(_ noise: Tensor, _ steps: Int) throws -> Tensor {
      try decoder.sample(
        from: noise, conditioning,
        sampling: StageSampling(steps: steps, threshold: kind, sampler: .ddim),
        using: RandomSource(seed: 1))
    }
    let image = try decoded(RandomSource(seed: 5).normal([1, 3, 8, 8], dtype: .float64), 100)
    func error(_ there: ThresholdKind, _ steps: Int) throws -> Double {
      let noise = try decoder.noise(
        of: image, conditioning, sampling: StageSampling(steps: steps, threshold: there))
      return try (decoded(noise, steps) - image).square().mean().item().squareRoot()
    }
    let (coarse, fine) = (try error(kind, 50), try error(kind, 100))
    #expect(fine < 0.025 && fine < 0.7 * coarse, "\(coarse) at 50 steps, \(fine) at 100")
    for other in [ThresholdKind.none, .static, .dynamic] where other != kind {
      let crossed = try error(other, 100)
      #expect(crossed > 1.02 * fine, "\(crossed) with \(other) there and \(kind) back, not \(fine)")
    }
  }

  @Test func aLatentSurvivesItsFile() throws {
    try withTemporaryFolder { folder in
      let latent = try pipeline.latent(of: first, prompt: "a cat", steps: 5, threshold: .dynamic)
      let file = folder.appendingPathComponent("a.safetensors")
      try latent.write(to: file)
      #expect(try ImageLatent(contentsOf: file) == latent)
      #expect(latent.steps == 5 && latent.size == 8 && latent.prompt == "a cat")
      #expect(latent.threshold == .dynamic)
      let its = pipeline.sampling(for: .variation(of: .latent(latent), noise: .inverted))
      #expect(its.threshold == .dynamic && its.decoderSteps == 5)
      // The image and its latent are the same source.
      let made = try pipeline.latent(of: first, steps: 4)
      let images = try [ImageSource.image(first), .latent(made)].map {
        try pipeline.images(for: request(), editing: .variation(of: $0, noise: .inverted))
      }
      #expect(images[0] == images[1])
      var sampling = pipeline.sampling(for: .variation(of: .latent(made), noise: .inverted))
      #expect(sampling.decoderSteps == 4 && sampling.decoderSampler == .ddim)
      sampling = pipeline.sampling(for: .variation(of: .image(first), noise: .inverted))
      #expect(sampling.decoderSteps == 50 && sampling.decoderGuidance == 1)
    }
  }

  @Test func filesAndLatentsThatDoNotFitAreRefused() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("x.safetensors")
      func refused(_ sentence: String) {
        expectSentence(sentence) { _ = try ImageLatent(contentsOf: file) }
      }
      try Data("no".utf8).write(to: file)
      refused("damaged or of another format")
      try Safetensors.write(["a": .zeros([1])], to: file)
      refused("is not the latent of an image (its metadata do not say so)")
      let latent = try pipeline.latent(of: first, steps: 2)
      try Safetensors.write(
        ["embedding": latent.embeddingTensor(), "noise": latent.noiseTensor()],
        metadata: [
          "unclip": "image latent", "model": "a", "model_fingerprint": "b", "steps": "2",
          "threshold": "loose", "prompt": "",
        ], to: file)
      refused("its 'threshold' is 'loose'")
      var broken = latent
      broken.noise[7] = .nan
      try broken.write(to: file)
      refused("its 'noise' is not finite")
      broken = latent
      broken.steps = 0
      try broken.write(to: file)
      refused("its 'steps' is '0'")
      try Safetensors.write(
        ["embedding": .zeros([1, 3])], metadata: ["unclip": "image latent"], to: file)
      refused("it holds no tensor 'noise'")
    }
    let latent = try pipeline.latent(of: first, steps: 2)
    func refused(_ sentence: String, _ change: (inout ImageLatent) -> Void) {
      var other = latent
      change(&other)
      expectSentence(sentence) {
        _ = try pipeline.images(for: request(), editing: .variation(of: .latent(other)))
      }
    }
    refused("made by the model other, which is not the model model") {
      $0.model = .init(name: "other", fingerprint: "0")
    }
    refused("is not the one of that name") { $0.model.fingerprint = "0" }
    refused("its embedding has 1 elements") { $0.embedding = [1] }
    refused("its noise has 3 elements") { ($0.noise, $0.size) = ([1, 2, 3], 1) }
  }

  /// Weights that were trained further have another fingerprint; the same elsewhere have the same.
  @Test func theFingerprintIsThatOfTheWeights() throws {
    try withTemporaryFolder { copy in
      let other = ModelFolder(copy.appendingPathComponent("m"))
      try FileManager.default.copyItem(at: folder.url, to: other.url)
      #expect(try other.latentFingerprint() == folder.latentFingerprint())
      let weights = other.folder(of: .decoder)
        .appendingPathComponent("diffusion_pytorch_model.safetensors")
      var bytes = try Data(contentsOf: weights)
      bytes[bytes.count - 3] ^= 1
      try bytes.write(to: weights)
      #expect(try other.latentFingerprint() != folder.latentFingerprint())
    }
  }

  // MARK: Edits

  @Test func aFreshVariationIsTheVariation() throws {
    var request = request(count: 2, size: 32)
    request.sampling?.decoderGuidance = 8
    request.sampling?.decoderSampler = .ddpm
    #expect(
      try pipeline.images(for: request, editing: .variation(of: .image(first)))
        == pipeline.images(for: request, varying: first))
  }

  /// In one step the noise hardly shows, and variations would be alike.
  @Test func variationsOfAModelOfOneStepTakeThree() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "model")
      try FileManager.default.copyItem(at: self.folder.url, to: url)
      let model = ModelFolder(url)
      var defaults = try ModelDefaults.read(from: model)
      (defaults.sampling.priorSteps, defaults.sampling.decoderSteps) = (1, 1)
      defaults.sampling.upsamplerSteps = 1
      try model.writeDefaults(defaults)
      let pipeline = try UnCLIPPipeline(model)
      func steps(_ request: ImageRequest, varying image: Image?) throws -> Int {
        var count = 0
        _ = try pipeline.images(for: request, varying: image) {
          if $0.stage == .decoder { count += 1 }
        }
        return count
      }
      var request = ImageRequest(prompt: "")
      #expect(try steps(request, varying: nil) == 1)
      #expect(try steps(request, varying: Self.image(1)) == 3)
      let edit = ImageEdit.variation(of: .image(Self.image(1)))
      #expect(pipeline.sampling(for: edit).decoderSteps == 3)
      request.sampling = defaults.sampling
      #expect(try steps(request, varying: Self.image(1)) == 1, "as asked")
    }
  }

  @Test func etaLeadsFromTheImageToVariations() throws {
    func drawn(_ eta: Double, _ seed: UInt64) throws -> Image {
      try pipeline.images(
        for: request(seed, eta: eta), editing: .variation(of: .image(first), noise: .inverted))[0]
    }
    #expect(try drawn(0, 1) == drawn(0, 2), "no noise, no seed")
    #expect(try drawn(0.5, 1) != drawn(0.5, 2))
    let fresh = try pipeline.images(for: request(1), editing: .variation(of: .image(first)))
    #expect(try drawn(0, 1) != fresh[0])
  }

  /// The ends are the reconstructions, and a way of three inputs meets the one between.
  @Test func interpolationMeetsItsInputs() throws {
    let sources: [ImageSource] = [.image(first), .image(second), .prompt("a cat")]
    let way = try pipeline.images(
      for: request(), editing: .interpolation(between: sources, frames: 3))
    #expect(way.count == 5 && Set(way.map(\.pixels)).count == 5)
    for (index, source) in sources.enumerated() {
      let alone = try pipeline.images(
        for: request(), editing: .variation(of: source, noise: .inverted))
      #expect(way[2 * index] == alone[0])
    }
    let fixed = try pipeline.images(
      for: request(), editing: .interpolation(between: sources, frames: 3, noise: .fresh))
    #expect(
      try fixed[0] == pipeline.images(for: request(), editing: .variation(of: sources[0]))[0])
  }

  /// The noise of a prompt is that which generating it starts from.
  @Test func aPromptsLatentIsThatOfItsImage() throws {
    var request = request(7)
    request.prompt = "a cat"
    let generated = try pipeline.images(for: request)
    let edit = ImageEdit.variation(of: .prompt("a cat"), noise: .inverted)
    #expect(try pipeline.images(for: request, editing: edit) == generated)
    let fresh = ImageEdit.variation(of: .prompt("a cat"))
    #expect(try pipeline.images(for: request, editing: fresh) != generated)
  }

  @Test func aSquareHasItsInputsAtTheCorners() throws {
    let corners: [ImageSource] = [
      .image(first), .image(second), .prompt("a cat"), .prompt("a red apple"),
    ]
    let square = try ImageEdit.square(between: corners, side: 3)
    #expect(square.frames.count == 9)
    #expect([0, 2, 6, 8].map { square.frames[$0].weights.firstIndex(of: 1) } == [0, 1, 2, 3])
    #expect(square.frames[4].weights == [0.25, 0.25, 0.25, 0.25])
    let edge = try ImageEdit.interpolation(between: Array(corners[..<2]), frames: 3)
    let images = try pipeline.images(for: request(), editing: square)
    #expect(try Array(images[..<3]) == pipeline.images(for: request(), editing: edge))
  }

  @Test func equalTextsChangeNothing() throws {
    func moved(_ from: String, _ to: String, _ theta: Double) throws -> Image {
      try pipeline.images(
        for: request(),
        editing: .difference(of: .image(first), by: .init(from: from, to: to), theta: theta))[0]
    }
    let itself = try pipeline.images(
      for: request(), editing: .variation(of: .image(first), noise: .inverted))[0]
    #expect(try moved("a cat", "a cat", 0.9) == itself)
    #expect(try moved("a cat", "a red apple", 0) == itself)
    #expect(try moved("a cat", "a red apple", 0.5) != itself)
    let way = try pipeline.images(
      for: request(),
      editing: .difference(
        of: .image(first), by: .init(from: "a cat", to: "a red apple"), theta: 0.5, frames: 3))
    #expect(try way.count == 3 && way[0] == itself && way[2] == moved("a cat", "a red apple", 0.5))
  }

  @Test func mixturesDependOnTheRatiosOfWeightsAlone() throws {
    func mixed(_ weights: [Double]) throws -> Image {
      let sources: [ImageSource] = [.image(first), .prompt("a cat"), .image(second)]
      return try pipeline.images(
        for: request(), editing: .mixture(of: Array(zip(sources, weights))))[0]
    }
    let one = try mixed([0.6, 0.3, 0.1])
    #expect(try mixed([6, 3, 1]) == one)
    #expect(try mixed([0.1, 0.3, 0.6]) != one)
    #expect(
      try mixed([0, 0, 2])
        == pipeline.images(for: request(), editing: .variation(of: .image(second)))[0])
  }

  // MARK: Progress

  @Test func eachSourceIsEncodedAndInvertedOnce() throws {
    var steps: [GenerationProgress.Stage: Int] = [:]
    var last = (index: 0, count: 0)
    let sources: [ImageSource] = [.image(first), .prompt("a cat"), .image(second)]
    let images = try pipeline.images(
      for: request(), editing: .interpolation(between: sources, frames: 6)
    ) { step in
      steps[step.stage, default: 0] += 1
      last = (step.index, step.count)
      #expect((step.preview != nil) == (step.stage == .decoder))
    }
    #expect(images.count == 11 && last == (10, 11))
    #expect(steps == [.text: 11, .prior: 2, .inversion: 8, .decoder: 44])
  }

  @Test(arguments: [GenerationProgress.Stage.inversion, .decoder])
  func progressCanEndAnEdit(_ stage: GenerationProgress.Stage) throws {
    struct Stop: Error {}
    #expect(throws: Stop.self) {
      try pipeline.images(
        for: request(), editing: .variation(of: .image(first), noise: .inverted)
      ) { step in
        if step.stage == stage, step.step == 2 { throw Stop() }
      }
    }
  }

  @Test func theEngineMakesTheSameAndCanBeCancelled() async throws {
    let engine = UnCLIPEngine(folder)
    let edit = try ImageEdit.interpolation(between: [.image(first), .image(second)], frames: 3)
    let expected = try pipeline.images(for: request(), editing: edit)
    #expect(try await engine.images(for: request(), editing: edit) == expected)
    var images: [Image] = []
    for try await event in engine.events(for: request(), editing: edit) {
      if case .image(let image, let settings) = event {
        images.append(image)
        #expect(settings.seed == 3)
      }
    }
    #expect(images == expected)
    let long = request(count: 10_000)
    let task = Task { try await engine.images(for: long, editing: edit) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  // MARK: Refusals

  @Test func impossibleEditsAreRefused() throws {
    let source = ImageSource.image(first)
    let texts = ImageEdit.TextDifference(from: "a", to: "b")
    expectSentence("theta is 1.5, but it must be 0 to 1") {
      _ = try ImageEdit.difference(of: source, by: texts, theta: 1.5)
    }
    expectSentence("theta is nan") {
      _ = try ImageEdit.difference(of: source, by: texts, theta: .nan)
    }
    expectSentence("the number of frames is 1, but it must be 2 to 1000") {
      _ = try ImageEdit.interpolation(between: [source, source], frames: 1)
    }
    expectSentence("the number of inputs is 1") {
      _ = try ImageEdit.interpolation(between: [source], frames: 4)
    }
    expectSentence("the number of corners is 3") {
      _ = try ImageEdit.square(between: [source, source, source], side: 3)
    }
    for (weights, sentence) in [
      ([0, 0], "the sum of the weights is 0.0"), ([1, .nan], "weight 2 is nan"),
      ([-1, 2], "weight 1 is -1.0, but it must be a finite number of at least 0"),
      ([.infinity, 1], "weight 1 is inf"), ([], "the sum of the weights is 0.0"),
    ] as [([Double], String)] {
      expectSentence(sentence) {
        _ = try ImageEdit.mixture(of: weights.map { (source, $0) })
      }
    }
    let inverted = ImageEdit.variation(of: source, noise: .inverted)
    var request = request()
    request.sampling?.decoderSampler = .ddpm
    expectSentence("the decoder's sampler is ddpm, but it must be ddim where noise is inverted") {
      _ = try pipeline.images(for: request, editing: inverted)
    }
    request.sampling?.decoderEta = 0.5
    expectSentence("must be ddim where eta is not 0") { _ = try pipeline.images(for: request) }
    request.sampling?.decoderSampler = .ddim
    request.sampling?.decoderEta = 1.5
    expectSentence("eta is 1.5, but it must be 0 to 1") { _ = try pipeline.images(for: request) }
  }

  @Test func aMissingPartIsNamed() throws {
    try withTemporaryFolder { copy in
      let other = ModelFolder(copy.appendingPathComponent("m"))
      try FileManager.default.copyItem(at: folder.url, to: other.url)
      try FileManager.default.removeItem(at: other.folder(of: .imageEncoder))
      let pipeline = try UnCLIPPipeline(other)
      expectSentence("has no 'image_encoder' folder") {
        _ = try pipeline.images(for: request(), editing: .variation(of: .image(first)))
      }
    }
  }

  private func expectSentence(
    _ part: String, at location: SourceLocation = #_sourceLocation, _ body: () throws -> Void
  ) {
    do {
      try body()
      Issue.record("nothing was thrown", sourceLocation: location)
    } catch {
      #expect(error.localizedDescription.contains(part), sourceLocation: location)
    }
  }
}
