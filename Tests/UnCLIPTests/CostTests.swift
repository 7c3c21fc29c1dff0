import CLIP
import Diffusion
import TestSupport
import Testing
import Torch
import TorchNN

@testable import UnCLIP

/// Counts of weights and operations are those of the networks and of PyTorch's counter.
@Suite struct CostTests {
  /// What transformers and diffusers count, by network and size.
  private struct Counts: Decodable {
    let parameters: Int
    let forward, training, kept: Double
  }

  private static func counts(_ network: String, _ size: String) throws -> Counts {
    let all: [String: [String: Counts]] = try Golden("cost/counts").json()
    return try #require(all[network]?[size])
  }

  private func expect(
    _ cost: NetworkCost, _ parameters: Int, _ network: String, _ size: String
  ) throws {
    let counts = try Self.counts(network, size)
    let name = "\(network) \(size)"
    #expect(parameters == counts.parameters, "\(name)")
    #expect(abs(cost.forward / counts.forward - 1) < 1e-4, "\(name): \(cost.forward)")
    #expect(abs(cost.training / counts.training - 1) < 1e-4, "\(name): \(cost.training)")
    // Activations are estimated: diffusers and transformers keep a little more or less.
    #expect(abs(cost.kept / counts.kept - 1) < 0.08, "\(name): \(cost.kept / counts.kept)")
  }

  private static let sizes: [(String, UnCLIPPreset)] = [
    ("small", .small), ("karlo", .karlo), ("paper", .paper),
  ]

  @Test(arguments: sizes.map(\.0)) func transformersCostWhatTheyCostInPyTorch(_ size: String) throws
  {
    let preset = try #require(Self.sizes.first { $0.0 == size }).1
    let clip = preset.clip
    try expect(
      clip.text.cost, parameterCount { CLIPTextModelWithProjection(clip.text, using: $0) }, "text",
      size)
    try expect(
      clip.vision.cost, parameterCount { CLIPVisionModelWithProjection(clip.vision, using: $0) },
      "vision", size)
    try expect(
      preset.prior.cost,
      // diffusers counts the mean and the deviation of CLIP's embeddings as weights.
      parameterCount { PriorTransformer(preset.prior, using: $0) } + 2 * preset.prior.embeddingDim,
      "prior", size)
  }

  @Test(arguments: ["tiny", "karlo", "paper"])
  func uNetsCostWhatTheyCostInPyTorch(_ size: String) throws {
    let preset = try #require(UnCLIPPreset.all.first { $0.name == size })
    let length = size == "tiny" ? 16 : 4 + preset.clip.text.maxPositionEmbeddings
    let (decoder, upsampler) = (preset.decoder, preset.upsampler)
    try expect(
      decoder.cost(side: try #require(decoder.sampleSize), contextLength: length),
      parameterCount { UNet(decoder, using: $0) }, "decoder", size)
    try expect(
      upsampler.cost(side: try #require(upsampler.sampleSize)),
      parameterCount { UNet(upsampler, using: $0) }, "upsampler", size)
    guard let second = preset.secondUpsampler?.unet else { return }
    try expect(
      second.cost(side: 1024), parameterCount { UNet(second, using: $0) }, "upsampler",
      "paper_second")
  }

  /// The networks with weights have as many as are counted without.
  @Test func theWeightsAreThoseOfTheNetworks() {
    let tiny = UnCLIPPreset.tiny
    let random = RandomSource(seed: 0)
    let projection = TextProjectionConfig(
      embeddingWidth: 16, contextWidth: 16, timeWidth: 32,
      textEncoder: DecoderTextConfig(layers: 2, headWidth: 4))
    let stages = tiny.cost().stages.map(\.parameters)
    #expect(
      stages == [
        CLIPTextModelWithProjection(tiny.clip.text, using: random).parameterCount,
        PriorTransformer(tiny.prior, using: random).parameterCount,
        TextProjection(tiny.textProjection, using: random).parameterCount,
        UNet(tiny.decoder, using: random).parameterCount,
        UNet(tiny.upsampler, using: random).parameterCount,
      ])
    #expect(
      parameterCount { TextProjection(projection, using: $0) }
        == TextProjection(projection, using: random).parameterCount)
    #expect(
      TextProjection(projection, using: random).parameterCount
        == TextProjection(tiny.textProjection, using: random).parameterCount
        + 2 * (12 * 16 * 16 + 13 * 16))
  }

  /// Table 3, within what it rounds to: billions, hundreds of millions.
  @Test func thePaperHasThePapersSizes() throws {
    let paper = UnCLIPPreset.paper
    let stages = Dictionary(
      uniqueKeysWithValues: paper.cost().stages.map { ($0.name, $0.parameters) })
    func rounded(_ names: String..., to unit: Int) -> Int {
      let sum = names.reduce(0) { $0 + (stages[$1] ?? 0) }
      return (sum + unit / 2) / unit
    }
    #expect(rounded("prior", to: 1_000_000_000) == 1)
    #expect(parameterCount { CLIPModel(paper.clip, using: $0) } == 986_523_137)
    // The table says 3.5 billion, GLIDE's paper 2.3 for its U-Net and 1.2 for its text encoder.
    let decoder = rounded("decoder", "text_proj", to: 1_000_000)
    #expect(abs(Double(decoder) / 3500 - 1) < 0.015, "\(decoder)")
    #expect(rounded("super_res_first", to: 100_000_000) == 7)
    #expect(rounded("super_res_second", to: 100_000_000) == 3)
    let other = try #require(paper.autoregressivePriorShape)
    #expect((other.latentParameters + 500_000_000) / 1_000_000_000 == 1)
    #expect(other.parameters == 2_020_057_600)
  }

  /// Steps, guidance and candidates multiply what a stage costs; the context is projected once.
  @Test func samplingMultipliesTheCost() throws {
    let preset = UnCLIPPreset.karlo
    var sampling = SamplingSettings()
    func stages() -> [String: StageCost] {
      Dictionary(
        uniqueKeysWithValues: preset.cost(sampling: sampling).stages.map { ($0.name, $0) })
    }
    let before = stages()
    #expect(before["prior"]?.passes == 50 && before["decoder"]?.passes == 50)
    #expect(before["super_res_first"]?.passes == 6 && before["super_res_last"]?.passes == 1)
    #expect(before["prior"]?.operations == 50 * preset.prior.cost.forward)
    (sampling.priorCandidates, sampling.priorGuidance, sampling.decoderSteps) = (3, 1, 50)
    (sampling.decoderGuidance, sampling.guidanceEnd) = (4, 0.49)
    let after = stages()
    #expect(after["prior"]?.passes == 75 && after["decoder"]?.passes == 75)
    sampling.decoderGuidance = 1
    let (one, two) = (
      try #require(stages()["decoder"]),
      { () -> StageCost? in
        sampling.decoderSteps = 100
        return stages()["decoder"]
      }()
    )
    let context = preset.decoder.contextCost(length: 81).forward
    let double = 2 * one.operations - context
    #expect(abs((try #require(two)).operations / double - 1) < 1e-12)
  }

  @Test func thePresetOfTheBundledModelSamplesAsItsFileSays() throws {
    let folder = ModelFolder(Golden.url("../../Models/small"))
    #expect(try ModelDefaults.read(from: folder).sampling == UnCLIPPreset.small.sampling)
  }

  /// Every token of a text reads the whole text, and none reads padding.
  @Test func theDecodersTextEncoderReadsTheWholeText() throws {
    let config = TextProjectionConfig(
      embeddingWidth: 16, contextWidth: 16, timeWidth: 32,
      textEncoder: DecoderTextConfig(layers: 1, headWidth: 4))
    let projection = TextProjection(config, using: RandomSource(seed: 0))
    #expect(projection.stateDict().keys.contains("text_encoder.0.attn1.to_q.weight"))
    let random = RandomSource(seed: 1)
    let (image, encodings) = (random.normal([1, 16]), random.normal([1, 5, 16]))
    func words(changing position: Int?) -> [Tensor] {
      let change = Tensor.concatenated(
        (0..<5).map { Tensor.full([1, 1, 16], $0 == position ? 1 : 0) }, over: 1)
      let context = projection(
        imageEmbedding: image,
        text: TextConditioning(
          embedding: image, encodings: encodings + change,
          mask: Tensor([true, true, true, true, false], shape: [1, 5]))
      ).context
      return (4..<8).map { context.selected(1, $0) }
    }
    let whole = words(changing: nil)
    for (word, changed) in zip(whole, words(changing: 3)) {
      #expect((word - changed).abs().max().item() > 1e-4)
    }
    for (word, same) in zip(whole, words(changing: 4)) { expectClose(word, same, .elements) }
    let file = try TextProjectionConfig(
      embeddingWidth: 16, contextWidth: 16, timeWidth: 32
    ).encoded()
    #expect(!String(decoding: file, as: UTF8.self).contains("text_encoder"))
  }
}
