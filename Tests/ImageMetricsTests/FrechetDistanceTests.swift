import ImageMetrics
import TestSupport
import Testing
import Torch

@Suite struct FrechetDistanceTests {
  /// torch-fidelity's value for the same features.
  @Test func matchesTorchFidelity() throws {
    let golden = Golden("metrics/frechet")
    for name in ["near", "far", "flat"] {
      let found = FrechetDistance(
        try golden.tensor("\(name).a"), try golden.tensor("\(name).b"))
      let expected = try golden.tensor("\(name).distance").item()
      #expect(abs(found.value - expected) < 1e-4 * max(1, expected), "\(name)")
    }
  }

  @Test func equalSetsAreNotApart() {
    let features = RandomSource(seed: 1).normal([200, 8])
    let distance = FrechetDistance(features, features)
    #expect(distance.value < 1e-9)
    #expect(distance.ofMeans == 0)
  }

  /// A shift by v adds ‖v‖², and nothing else.
  @Test func aShiftCountsByItsSquare() {
    let features = RandomSource(seed: 2).normal([300, 4])
    let moved = features + Tensor([3, 0, 4, 0] as [Float], shape: [4])
    let distance = FrechetDistance(features, moved)
    #expect(abs(distance.value - 25) < 1e-4)
    #expect(abs(distance.ofMeans - 25) < 1e-4)
  }

  /// Of Gaussians with equal axes it is the sum of the squared differences of the deviations.
  @Test func aScaleCountsByItsDeviations() {
    let features = RandomSource(seed: 3).normal([400, 3])
    let centred = features - features.mean(over: 0)
    let deviations = centred.standardDeviation(over: 0).square().sum().item()
    let distance = FrechetDistance(centred, centred * 3)
    // Σ₂ = 9 Σ₁, so the distance is Tr(Σ₁) (3 − 1)².
    #expect(abs(distance.value - 4 * deviations) < 1e-3)
  }
}
