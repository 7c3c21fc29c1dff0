import CLIP
import Diffusion
import Foundation
import TestSupport
import Testing
import Torch
import TorchNN
import UnCLIP

@Suite struct PriorTests {
  private func network() throws -> (PriorTransformer, Golden) {
    let golden = Golden("unclip/prior")
    let prior = PriorTransformer(
      try PriorConfig.read(at: Golden.url("unclip/prior.json")), using: RandomSource(seed: 0))
    try prior.load(golden.tensors("weights"))
    prior.eval()
    return (prior, golden)
  }

  private func text(_ golden: Golden) throws -> TextConditioning {
    try TextConditioning(
      embedding: golden.tensor("embedding"), encodings: golden.tensor("encodings"),
      mask: golden.tensor("mask"))
  }

  @Test func matchesDiffusers() throws {
    let (prior, golden) = try network()
    let output = try prior(
      golden.tensor("sample"), timesteps: golden.tensor("timesteps"), text: text(golden))
    expectClose(output, try golden.tensor("output"), .network(.float32))
    expectClose(
      prior.restored(try golden.tensor("sample")), try golden.tensor("restored"), .elements)
  }

  /// The prediction sees every token; a text token sees none after it.
  @Test func paddingDoesNotMatter() throws {
    let (prior, golden) = try network()
    let text = try text(golden)
    var changed = text
    changed.encodings = Tensor.where(text.mask.unsqueezed(-1), text.encodings, text.encodings + 7)
    let x = try golden.tensor("sample")
    let t = try golden.tensor("timesteps")
    expectClose(
      prior(x, timesteps: t, text: changed), prior(x, timesteps: t, text: text), .exact)
  }

  /// What is padding in every row may be left out.
  @Test func trimmedTextGivesTheSame() throws {
    let (prior, golden) = try network()
    var text = try text(golden)
    let (b, length) = text.mask.shape2
    let rows = (0..<b).flatMap { row in (0..<length).map { $0 < (row == 0 ? 3 : 2) } }
    text.mask = Tensor(rows, shape: [b, length])
    let short = text.trimmed()
    #expect(length > 3 && short.mask.shape == [b, 3])
    #expect(short.encodings.shape == [b, 3, text.encodings.dim(2)])
    let x = try golden.tensor("sample")
    let t = try golden.tensor("timesteps")
    expectClose(
      prior(x, timesteps: t, text: short), prior(x, timesteps: t, text: text),
      .network(.float32))
    text.mask = Tensor.ones([b, length], dtype: .bool)
    #expect(text.trimmed().mask.shape == [b, length])
    text.mask = Tensor.zeros([b, length], dtype: .bool)
    #expect(text.trimmed().mask.shape == [b, 1])
  }

  @Test func standardisingInvertsRestoring() throws {
    let random = RandomSource(seed: 3)
    let config = PriorConfig(
      heads: 2, headWidth: 4, layers: 1, embeddingWidth: 6, textLength: 5, dropout: 0)
    let prior = PriorTransformer(config, using: random)
    let z = random.normal([50, 6]) * 3 + 2
    prior.setStatistics(from: z)
    let standardised = prior.standardised(z)
    expectClose(standardised.mean(over: 0), Tensor.zeros([6]), Tolerance(1e-5))
    expectClose(prior.restored(standardised), z, .products)
  }

  /// With guidance 1 the negative prompt has no effect.
  @Test func guidanceOneIgnoresTheNegative() throws {
    let (transformer, golden) = try network()
    let prior = DiffusionPrior(transformer: transformer, scheduler: .prior)
    let all = try text(golden)
    func row(_ i: Int) -> TextConditioning {
      TextConditioning(
        embedding: all.embedding[i..<i + 1], encodings: all.encodings[i..<i + 1],
        mask: all.mask[i..<i + 1])
    }
    func draw(_ negative: TextConditioning, _ guidance: Double) throws -> Tensor {
      try prior.embedding(
        of: PromptConditioning(text: row(0), negative: negative),
        sampling: StageSampling(steps: 5, guidance: guidance), candidates: 2,
        using: RandomSource(seed: 5))
    }
    expectClose(try draw(row(0), 1), try draw(row(1), 1), .exact)
    #expect(try draw(row(0), 3).array(of: Float.self) != draw(row(1), 3).array(of: Float.self))
  }

  @Test func lossFallsWhenTrained() throws {
    let random = RandomSource(seed: 11)
    let config = PriorConfig(
      heads: 2, headWidth: 8, layers: 1, embeddingWidth: 8, textLength: 4, dropout: 0)
    let prior = DiffusionPrior(
      transformer: PriorTransformer(config, using: random), scheduler: .prior)
    let z = random.normal([16, 8])
    let text = TextConditioning(
      embedding: z, encodings: random.normal([16, 4, 8]),
      mask: Tensor.ones([16, 4], dtype: .bool))
    let none = TextConditioning(
      embedding: Tensor.zeros([1, 8]), encodings: Tensor.zeros([1, 4, 8]),
      mask: Tensor.ones([1, 4], dtype: .bool))
    func loss(_ seed: UInt64) -> Tensor {
      prior.loss(
        of: prior.transformer.standardised(z),
        .init(text: text, unconditional: none, textDropRate: 0), using: RandomSource(seed: seed)
      ).total
    }
    let before = noGrad { loss(99).item() }
    let optimizer = Adam(
      ParameterGroup.split(prior.transformer, weightDecay: 0), learningRate: 3e-3)
    for step in 0..<60 {
      loss(UInt64(step)).backward()
      optimizer.step()
      optimizer.zeroGradients()
    }
    let after = noGrad { loss(99).item() }
    #expect(after < 0.5 * before, "loss went from \(before) to \(after)")
  }
}

@Suite struct PriorBatchTests {
  private func parts() throws -> (TinyModel, DiffusionPrior, CLIPTextEncoder) {
    let model = try TinyModel()
    return (model, try model.folder.loadPrior(), try CLIPTextEncoder(CLIPFolder(model.folder.url)))
  }

  /// One caption in a batch of one is what sampling it alone gives.
  @Test(arguments: [1.0, 2.0]) func aBatchOfOneIsThePlainSample(guidance: Double) throws {
    let (_, prior, encoder) = try parts()
    let prompt = PromptConditioning(
      text: encoder.encode(["a red apple"]), negative: encoder.encode([""]))
    let sampling = StageSampling(steps: 3, guidance: guidance)
    let batch = try prior.embeddings(
      of: prompt.text, unconditional: prompt.negative, sampling: sampling,
      using: RandomSource(seed: 5))
    let alone = try prior.embedding(
      of: prompt, sampling: sampling, candidates: 1, using: RandomSource(seed: 5))
    expectClose(batch, alone, .network(.float32))
  }

  /// Without noise between the steps a caption's embedding is that of the same start alone.
  @Test func eachCaptionHasItsRow() throws {
    let (_, prior, encoder) = try parts()
    let captions = ["a red apple", "a blue star", "a cat face"]
    let negative = encoder.encode([""])
    let noise = RandomSource(seed: 1).normal([3, prior.transformer.config.embeddingDim])
    let sampling = StageSampling(steps: 2, guidance: 2, sampler: .ddim)
    func samples(_ noise: Tensor, _ captions: [String]) throws -> Tensor {
      try prior.sample(
        from: noise,
        PromptConditioning(
          text: encoder.encode(captions), negative: negative.repeated(captions.count)),
        sampling: sampling, using: RandomSource(seed: 0))
    }
    let all = try samples(noise, captions)
    for row in 0..<3 {
      expectClose(
        try samples(noise[row..<row + 1], [captions[row]]), all[row..<row + 1],
        .network(.float32))
    }
  }
}
