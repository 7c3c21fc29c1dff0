import TestSupport
import Testing
import Torch
import TorchNN

@testable import Classics

/// The autoencoders against PyTorch.
@Suite struct AutoencoderTests {
  private let config = AutoencoderConfig(
    imageSize: 8, channels: 3, widths: [4, 6], latentDim: 5)

  @Test func matchesPyTorch() throws {
    let golden = Golden("classics/autoencoder")
    let model = Autoencoder(config, using: RandomSource(seed: 0))
    try model.load(golden.tensors("weights"))
    let x = try golden.tensor("x")
    let z = model.encode(x)
    expectClose(z, try golden.tensor("z"), .network(.float32), "z")
    expectClose(model.decode(z), try golden.tensor("made"), .network(.float32), "made")
    let loss = model.loss(x)
    expectClose(loss, try golden.tensor("loss"), .network(.float32), "loss")
    loss.backward()
    try expectGradients(of: model, golden)
  }

  /// Its keys are an autoencoder's, and its target is the clean image.
  @Test func denoisesTowardsTheCleanImage() throws {
    let corruption = Corruption(kind: .gaussian, amount: 0.7, patch: 1)
    let denoiser = DenoisingAutoencoder(
      DenoisingAutoencoderConfig(
        imageSize: 8, channels: 3, widths: [4, 6], latentDim: 5, corruption: corruption),
      using: RandomSource(seed: 0))
    let golden = Golden("classics/autoencoder")
    try denoiser.load(golden.tensors("weights"))
    let x = try golden.tensor("x")
    let noisy = x + RandomSource(seed: 4).normal(x.shape) * 0.7
    expectClose(
      denoiser.corrupted(x, using: RandomSource(seed: 4)), noisy, .exact, "noisy")
    let model = Autoencoder(config, using: RandomSource(seed: 0))
    try model.load(golden.tensors("weights"))
    expectClose(
      denoiser.loss(x, using: RandomSource(seed: 4)), (model(noisy) - x).square().mean(),
      .network(.float32), "loss")
    // Without corruption it is the autoencoder's loss.
    var plain = denoiser.config
    plain.corruption.amount = 0
    let copy = DenoisingAutoencoder(plain, using: RandomSource(seed: 0))
    try copy.load(golden.tensors("weights"))
    expectClose(
      copy.loss(x, using: RandomSource(seed: 4)), try golden.tensor("loss"), .network(.float32),
      "plain")
  }

  @Test func refusesWhatCannotBe() {
    #expect(refusedKey(config) == "no error")
    var bad = config
    bad.latentDim = 193
    #expect(refusedKey(bad) == "model.latent_dim")
    bad.latentDim = 192
    #expect(refusedKey(bad) == "no error")
    (bad.latentDim, bad.imageSize) = (5, 10)
    #expect(refusedKey(bad) == "model.image_size")
    (bad.imageSize, bad.channels) = (8, 2)
    #expect(refusedKey(bad) == "model.channels")
    (bad.channels, bad.widths) = (3, [])
    #expect(refusedKey(bad) == "model.widths")
    let corrupted = DenoisingAutoencoderConfig(
      imageSize: 8, channels: 1, widths: [4], latentDim: 5,
      corruption: Corruption(kind: .maskPatches, amount: 0.5, patch: 3))
    #expect(refusedKey(corrupted) == "model.corruption.patch")
    let fraction = DenoisingAutoencoderConfig(
      imageSize: 8, channels: 1, widths: [4], latentDim: 5,
      corruption: Corruption(kind: .maskPixels, amount: 1.5, patch: 1))
    #expect(refusedKey(fraction) == "model.corruption.amount")
  }
}

/// What is corrupted, and how much of it.
@Suite struct CorruptionTests {
  private let x = RandomSource(seed: 1).uniform([40, 3, 16, 16], in: 0.2..<0.9)

  private func fraction(_ hit: Tensor) -> Double { hit.to(.float32).mean().item() }

  @Test func noiseHasItsDeviation() {
    let noisy = Corruption(kind: .gaussian, amount: 0.5, patch: 1)(x, using: RandomSource(seed: 2))
    let noise = noisy - x
    #expect(abs(noise.standardDeviation().item() - 0.5) < 0.01)
    #expect(abs(noise.mean().item()) < 0.01)
  }

  @Test func masksHitTheirFractionOfWholePixels() {
    let masked = Corruption(kind: .maskPixels, amount: 0.3, patch: 1)(
      x, using: RandomSource(seed: 2))
    let hit = masked .== 0
    #expect(abs(fraction(hit) - 0.3) < 0.02)
    expectClose(hit[0][0].to(.float32), hit[0][2].to(.float32), .exact, "all channels")
    expectClose(Tensor.where(hit, x, masked), x, .exact, "the rest")
  }

  @Test func patchesAreSquares() {
    let masked = Corruption(kind: .maskPatches, amount: 0.5, patch: 4)(
      x, using: RandomSource(seed: 2))
    let hit = (masked .== 0).to(.float32)
    let fractions = F.averagePool2d(hit, kernel: 4, stride: 4)
    #expect(fraction((fractions * (1 - fractions)) .== 0) == 1)
    #expect(abs(hit.mean().item() - 0.5) < 0.06)
  }

  @Test func saltAndPepperAreBlackAndWhite() {
    let corrupted = Corruption(kind: .saltAndPepper, amount: 0.4, patch: 1)(
      x, using: RandomSource(seed: 2))
    #expect(abs(fraction(corrupted .== 1) - 0.2) < 0.02)
    #expect(abs(fraction(corrupted .== -1) - 0.2) < 0.02)
    #expect(abs(fraction(corrupted .== x) - 0.6) < 0.02)
  }

  @Test func wordsAreDroppedAndMoveALittle() {
    let words = Array(0..<400)
    let corrupted = WordCorruption(dropRate: 0.25, shuffleDistance: 3)(
      words, using: RandomSource(seed: 3))
    #expect(abs(Double(corrupted.count) - 300) < 30)
    #expect(Set(corrupted).count == corrupted.count)
    // No kept word moves further than three positions.
    let positions = Dictionary(
      uniqueKeysWithValues: corrupted.sorted().enumerated().map { ($1, $0) })
    let moves = corrupted.enumerated().map { abs($0 - (positions[$1] ?? -9)) }
    #expect((moves.max() ?? 9) <= 3)
    #expect(moves.contains { $0 > 0 })
    let kept = WordCorruption(dropRate: 0, shuffleDistance: 0)
    #expect(kept("a red apple", using: RandomSource(seed: 1)) == "a red apple")
    let lost = WordCorruption(dropRate: 1, shuffleDistance: 2)
    #expect(lost([7, 8, 9], using: RandomSource(seed: 1)).count == 1)
    #expect(lost([Int](), using: RandomSource(seed: 1)).isEmpty)
  }
}
