import TestSupport
import Testing
import Torch

@testable import UnCLIP

/// How the small images are made that an upsampler is trained with.
@Suite struct TrainingConditioningTests {
  private let images = RandomSource(seed: 1).uniform([400, 3, 16, 16]) * 2 - 1

  /// For each image whether it is averaged only.
  private func clean(
    _ degradation: Upsampler.Degradation, _ fraction: Double
  ) -> [Bool] {
    let made = Upsampler.TrainingConditioning(
      images: images, degradation: degradation, cleanFraction: fraction
    ).degraded(using: RandomSource(seed: 2))
    let averaged = LowResolution.reduced(images, factor: Upsampler.factor)
    #expect(made.shape == [400, 3, 4, 4])
    return (0..<made.dim(0)).map { (made[$0] - averaged[$0]).abs().max().item() < 1e-6 }
  }

  @Test(arguments: [Upsampler.Degradation.blur, .bsrLight, .bsrFull])
  func theFractionIsAveragedOnly(_ degradation: Upsampler.Degradation) {
    #expect(clean(degradation, 1).allSatisfy { $0 })
    #expect(clean(degradation, 0).allSatisfy { !$0 })
    let count = clean(degradation, 0.25).count { $0 }
    // Four standard deviations of a binomial distribution.
    #expect(abs(count - 100) < 35, "\(count)")
  }
}
