import TestSupport
import Testing
import Torch
import TorchNN

@testable import Classics

/// The autoencoders against references in PyTorch.
@Suite struct AutoencoderTests {
  private let config = AutoencoderConfig(
    imageSize: 8, channels: 3, widths: [4, 6], latentDim: 5)

  @Test func matchesPeer() throws {
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
    // Nothing is spoilt: then it is the autoencoder's loss.
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
    let spoilt = DenoisingAutoencoderConfig(
      imageSize: 8, channels: 1, widths: [4], latentDim: 5,
      corruption: Corruption(kind: .maskPatches, amount: 0.5, patch: 3))
    #expect(refusedKey(spoilt) == "model.corruption.patch")
    let share = DenoisingAutoencoderConfig(
      imageSize: 8, channels: 1, widths: [4], latentDim: 5,
      corruption: Corruption(kind: .maskPixels, amount: 1.5, patch: 1))
    #expect(refusedKey(share) == "model.corruption.amount")
  }
}

/// What is spoilt, and how much of it.
@Suite struct CorruptionTests {
  private let x = RandomSource(seed: 1).uniform([40, 3, 16, 16], in: 0.2..<0.9)

  private func share(_ hit: Tensor) -> Double { hit.to(.float32).mean().item() }

  @Test func noiseHasItsDeviation() {
    let noisy = Corruption(kind: .gaussian, amount: 0.5, patch: 1)(x, using: RandomSource(seed: 2))
    let noise = noisy - x
    #expect(abs(noise.standardDeviation().item() - 0.5) < 0.01)
    #expect(abs(noise.mean().item()) < 0.01)
  }

  @Test func masksHitTheirShareOfWholePixels() {
    let masked = Corruption(kind: .maskPixels, amount: 0.3, patch: 1)(
      x, using: RandomSource(seed: 2))
    let hit = masked .== 0
    #expect(abs(share(hit) - 0.3) < 0.02)
    expectClose(hit[0][0].to(.float32), hit[0][2].to(.float32), .exact, "all channels")
    expectClose(Tensor.where(hit, x, masked), x, .exact, "the rest")
  }

  @Test func patchesAreSquares() {
    let masked = Corruption(kind: .maskPatches, amount: 0.5, patch: 4)(
      x, using: RandomSource(seed: 2))
    let hit = (masked .== 0).to(.float32)
    let shares = F.averagePool2d(hit, kernel: 4, stride: 4)
    #expect(share((shares * (1 - shares)) .== 0) == 1)
    #expect(abs(hit.mean().item() - 0.5) < 0.06)
  }

  @Test func saltAndPepperAreBlackAndWhite() {
    let spoilt = Corruption(kind: .saltAndPepper, amount: 0.4, patch: 1)(
      x, using: RandomSource(seed: 2))
    #expect(abs(share(spoilt .== 1) - 0.2) < 0.02)
    #expect(abs(share(spoilt .== -1) - 0.2) < 0.02)
    #expect(abs(share(spoilt .== x) - 0.6) < 0.02)
  }

  @Test func wordsAreLostAndMoveALittle() {
    let words = Array(0..<400)
    let spoilt = WordCorruption(dropRate: 0.25, shuffleDistance: 3)(
      words, using: RandomSource(seed: 3))
    #expect(abs(Double(spoilt.count) - 300) < 30)
    #expect(Set(spoilt).count == spoilt.count)
    // Among the words that are left none moves further than three places.
    let places = Dictionary(uniqueKeysWithValues: spoilt.sorted().enumerated().map { ($1, $0) })
    let moves = spoilt.enumerated().map { abs($0 - (places[$1] ?? -9)) }
    #expect((moves.max() ?? 9) <= 3)
    #expect(moves.contains { $0 > 0 })
    let kept = WordCorruption(dropRate: 0, shuffleDistance: 0)
    #expect(kept("a red apple", using: RandomSource(seed: 1)) == "a red apple")
    let lost = WordCorruption(dropRate: 1, shuffleDistance: 2)
    #expect(lost([7, 8, 9], using: RandomSource(seed: 1)).count == 1)
    #expect(lost([Int](), using: RandomSource(seed: 1)).isEmpty)
  }
}
