import CLIP
import Diffusion
import Foundation
import TestSupport
import Testing
import Torch
import TorchNN
import UnCLIP

@Suite struct PresetTests {
  /// Tensors and values of a module's state.
  private func size(_ module: some Module) -> [Int] {
    let state = module.stateDict()
    return [state.count, state.values.reduce(0) { $0 + $1.count }]
  }

  /// Karlo's files have these many tensors and values; no weight is initialised or read here.
  @Test func karloHasTheSizeOfItsFiles() {
    let karlo = UnCLIPPreset.karlo
    let random = RandomSource(seed: 0)
    withoutInitialization {
      #expect(size(PriorTransformer(karlo.prior, using: random)) == [338, 1_022_030_080])
      #expect(size(TextProjection(karlo.textProjection, using: random)) == [11, 7_878_400])
      #expect(size(UNet(karlo.decoder, using: random)) == [716, 885_439_686])
      #expect(size(UNet(karlo.upsampler, using: random)) == [408, 691_579_523])
    }
  }

  @Test(arguments: UnCLIPPreset.all.map(\.name))
  func partsFitTogether(name: String) throws {
    let preset = try #require(UnCLIPPreset.all.first { $0.name == name })
    try preset.clip.validate(file: name)
    try preset.prior.validate(file: name)
    try preset.decoder.validate(file: name)
    try preset.upsampler.validate(file: name)
    for scheduler in [preset.priorScheduler, preset.decoderScheduler, preset.upsamplerScheduler] {
      try scheduler.validate()
    }
    let width = preset.clip.embeddingWidth
    #expect(preset.clip.text.hiddenSize == width, "the prior reads encodings as wide as embeddings")
    #expect(preset.prior.embeddingDim == width)
    #expect(preset.prior.numEmbeddings == preset.clip.text.maxPositionEmbeddings)
    #expect(preset.textProjection.clipEmbeddingsDim == width)
    #expect(preset.textProjection.crossAttentionDim == preset.decoder.crossAttentionDim)
    #expect(preset.textProjection.timeEmbedDim == preset.decoder.timeEmbedWidth)
    #expect(preset.decoder.addsCondition == (preset.imageHint != nil))
    try preset.imageHint?.validate(file: name)
    #expect(preset.imageHint.map { $0.clipEmbeddingsDim == width } ?? true)
    #expect(
      preset.decoder.predictionChannels
        == (preset.decoderScheduler.variance == .learnedRange ? 6 : 3))
  }

  /// The bundled model fits into 40 MB in half precision.
  @Test func smallStaysSmall() {
    let small = UnCLIPPreset.small
    let random = RandomSource(seed: 0)
    let weights = withoutInitialization {
      CLIPModel(small.clip, using: random).parameterCount
        + PriorTransformer(small.prior, using: random).parameterCount
        + TextProjection(small.textProjection, using: random).parameterCount
        + (small.imageHint.map { ImageHint($0, using: random).parameterCount } ?? 0)
        + UNet(small.decoder, using: random).parameterCount
        + UNet(small.upsampler, using: random).parameterCount
    }
    #expect(weights * 2 < 40_000_000, "\(weights) weights")
  }
}
