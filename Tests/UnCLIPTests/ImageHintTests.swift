import CLIP
import Config
import Diffusion
import Foundation
import TestSupport
import Testing
import Torch
import TorchNN
import UnCLIP

@Suite struct ImageHintTests {
  private func hint(_ seed: UInt64 = 1) -> ImageHint {
    ImageHint(
      ImageHintConfig(embeddingWidth: 6, hiddenWidth: 8, layers: 1, size: 4),
      using: RandomSource(seed: seed))
  }

  @Test func predictsAImageOfEachPairOfEmbeddings() {
    let hint = hint()
    let random = RandomSource(seed: 2)
    let (image, text) = (random.normal([3, 6]), random.normal([3, 6]))
    let images = hint(imageEmbedding: image, textEmbedding: text)
    #expect(images.shape == [3, 3, 4, 4])
    let one = hint(imageEmbedding: image[1..<2], textEmbedding: text[1..<2])
    expectClose(one, images[1..<2], .network(.float32))
    #expect(hint.coarse(imageEmbedding: image, textEmbedding: text).shape == [3, 3, 4, 4])
  }

  @Test func embeddingsEnterStandardised() {
    let hint = hint()
    let random = RandomSource(seed: 3)
    let (image, text) = (random.normal([64, 6]), random.normal([64, 6]))
    let before = hint(imageEmbedding: image, textEmbedding: text)
    let (moved, stretched) = (image * 3 + 5, text * 0.2 - 1)
    hint.setStatistics(imageEmbeddings: image, textEmbeddings: text)
    let own = hint(imageEmbedding: image, textEmbedding: text)
    hint.setStatistics(imageEmbeddings: moved, textEmbeddings: stretched)
    let other = hint(imageEmbedding: moved, textEmbedding: stretched)
    expectClose(other, own, .network(.float32))
    #expect((own - before).abs().max().item() > 1e-3)
  }

  @Test func aDroppedEmbeddingIsTheMeanOne() {
    let hint = hint()
    let random = RandomSource(seed: 4)
    let image = random.normal([5, 6]) + 2
    let text = random.normal([5, 6])
    hint.setStatistics(imageEmbeddings: image, textEmbeddings: text)
    let mean = image.mean(over: 0, keepingDims: true).expanded([5, 6])
    expectClose(
      hint(
        imageEmbedding: image, textEmbedding: text,
        imageDropped: Tensor([true, true, true, true, true])),
      hint(imageEmbedding: mean, textEmbedding: text), .network(.float32))
  }

  @Test func comesBackFromAFolder() throws {
    let root = try TemporaryFolder()
    let folder = ModelFolder(root.url)
    #expect(try folder.loadImageHint() == nil)
    let hint = hint()
    try folder.saveImageHint(hint, dtype: .float32)
    let read = try #require(try folder.loadImageHint())
    #expect(read.config == hint.config)
    let x = RandomSource(seed: 5).normal([1, 6])
    expectClose(
      read(imageEmbedding: x, textEmbedding: x), hint(imageEmbedding: x, textEmbedding: x), .exact)
  }

  @Test func refusesImpossibleSizes() {
    let config = ImageHintConfig(embeddingWidth: 6, hiddenWidth: 0, layers: 1, size: 4)
    #expect(throws: ConfigError.self) { try config.validate(file: "config.json") }
  }
}

@Suite struct ConditionAddingTests {
  private static let config = UNetConfig(
    sampleSize: 8, inChannels: 6, outChannels: 3, channels: [8, 8], layersPerBlock: 1,
    levels: [.residual, .residual], headWidth: 8, contextWidth: nil, groups: 4,
    timeShift: .scaleShift, dropout: 0, patchSize: 2, addsCondition: true)

  @Test func anUntrainedNetworkPredictsItsCondition() {
    let unet = UNet(Self.config, using: RandomSource(seed: 0))
    let sample = RandomSource(seed: 1).normal([2, 6, 8, 8])
    let output = unet(sample, timesteps: Tensor([Int64(3), 700]))
    expectClose(output, sample.narrowed(1, start: 3, count: 3), .exact)
  }

  @Test func theKeyIsWrittenOnlyWhereItMeansSomething() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("config.json")
    try Self.config.encoded().write(to: url)
    #expect(try UNetConfig.read(at: url) == Self.config)
    var plain = Self.config
    plain.addsCondition = false
    #expect(!String(decoding: try plain.encoded(), as: UTF8.self).contains("adds_condition"))
    var odd = Self.config
    odd.inChannels = 12
    let error = #expect(throws: ConfigError.self) { try odd.validate(file: "config.json") }
    #expect("\(try #require(error))".contains("adds_condition"))
  }

  /// An upsampler that has learned nothing gives the enlarged image, whatever the noise.
  @Test func anUntrainedUpsamplerIsBicubic() throws {
    let upsampler = Upsampler(
      unet: UNet(Self.config, using: RandomSource(seed: 0)),
      scheduler: SchedulerConfig(prediction: .start, variance: .fixedSmall, clipSampleRange: 1))
    let small = RandomSource(seed: 2).uniform([1, 3, 4, 4], in: -0.9..<0.9)
    let large = try upsampler.enlarged(
      small, sampling: StageSampling(steps: 2), using: RandomSource(seed: 3))
    let bicubic = LowResolution.enlarged(small, to: 16).clamped(min: -1, max: 1)
    #expect((large - bicubic).abs().max().item() < 1e-3)
  }
}
