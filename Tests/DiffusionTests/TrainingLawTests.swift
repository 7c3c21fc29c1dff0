import Foundation
import TestSupport
import Testing
import Torch

@testable import Diffusion

/// What weightings, v and noise with an offset are by their definitions.
@Suite struct TrainingLawTests {
  private static let rules: [LossWeighting] = [
    .minSNR(gamma: 5), .truncatedSNR(gamma: 5), .p2(gamma: 1, k: 1), .p2(gamma: 0.5, k: 2),
  ]
  private static let steps = [0, 3, 20, 35, 48]

  private func process(_ prediction: Prediction) -> GaussianDiffusion {
    GaussianDiffusion(
      schedule: NoiseSchedule(.cosine, stepCount: 50), prediction: prediction, variance: .fixedSmall
    )
  }

  /// A prediction has one loss, whether it is said as noise, start or v.
  @Test(arguments: rules) func aWeightingDoesNotDependOnWhatIsPredicted(_ rule: LossWeighting) {
    let random = RandomSource(seed: 1)
    let (start, noise, guess) = (
      random.normal([5, 2, 3], dtype: .float64), random.normal([5, 2, 3], dtype: .float64),
      random.normal([5, 2, 3], dtype: .float64)
    )
    let sample = process(.start).noised(start, at: Self.steps, noise: noise)
    let losses = [Prediction.epsilon, .start, .v].map { prediction -> Double in
      let process = process(prediction)
      let epsilon = process.predictedEpsilon(start: guess, sample: sample, at: Self.steps)
      let output = process.target(start: guess, noise: epsilon, at: Self.steps)
      return process.trainingLosses(
        output, start: start, sample: sample, noise: noise, at: Self.steps, weighting: rule
      ).total.item()
    }
    for loss in losses { #expect(abs(loss / losses[0] - 1) < 1e-9, "\(rule): \(losses)") }
  }

  @Test func weightsAreThoseOfTheirDefinitions() {
    let process = process(.epsilon)
    for t in Self.steps {
      let ratio = process.schedule.signalToNoise(at: t)
      func expect(_ rule: LossWeighting, _ weight: Double) {
        #expect(abs(process.weight(at: t, rule) / weight - 1) < 1e-12, "\(rule) at \(t)")
      }
      expect(.minSNR(gamma: 5), min(ratio, 5) / ratio)
      expect(.p2(gamma: 1, k: 1), 1 / (1 + ratio))
      expect(.p2(gamma: 0.5, k: 2), 1 / (2 + ratio).squareRoot())
      expect(.p2(gamma: 0, k: 1), 1)
    }
  }

  /// v is perpendicular to the sample: both together are start and noise, turned.
  @Test func vTurnsStartAndNoise() {
    let random = RandomSource(seed: 2)
    let (start, noise) = (
      random.normal([5, 4], dtype: .float64), random.normal([5, 4], dtype: .float64)
    )
    let process = process(.v)
    let sample = process.noised(start, at: Self.steps, noise: noise)
    let v = process.target(start: start, noise: noise, at: Self.steps)
    expectClose(sample.square() + v.square(), start.square() + noise.square(), .elements)
    expectClose(process.predictedStart(v, sample: sample, at: Self.steps), start, .elements)
  }

  /// Without signal after the last step its sample is the noise, v is the start's opposite, and
  /// samplers that go to the last step begin there.
  @Test func theLastStepOfAZeroTerminalScheduleIsNoise() throws {
    var config = SchedulerConfig(prediction: .v, variance: .fixedSmall, clipSampleRange: 1)
    (config.algorithm, config.spacing, config.zeroTerminalSignal) = (.ddim, .trailing, true)
    try config.validate()
    let process = config.diffusion()
    let random = RandomSource(seed: 3)
    let (start, noise) = (
      random.normal([2, 3], dtype: .float64), random.normal([2, 3], dtype: .float64)
    )
    expectClose(process.noised(start, at: [999], noise: noise), noise, .elements)
    expectClose(process.target(start: start, noise: noise, at: [999]), -start, .elements)
    #expect(process.weight(at: 999, .p2(gamma: 1, k: 1)) == 0)
    let sampler = try config.sampler(.ddim, stepCount: 10)
    #expect(sampler.timesteps.first == 999)
    config.prediction = .epsilon
    #expect(throws: (any Error).self) { try config.validate() }
  }

  /// The mean of a channel has the offset's variance beside that of the mean of its pixels.
  @Test func offsetNoiseMovesTheMeanOfAChannel() {
    let noise = RandomSource(seed: 4).normal([2000, 3, 8, 8], dtype: .float64)
    func moments(_ deviation: Double) -> (mean: Double, whole: Double) {
      let moved = offset(noise, by: deviation, using: RandomSource(seed: 5))
      let means = moved.reshaped(6000, 64).mean(over: 1)
      return (means.square().mean().item(), moved.square().mean().item())
    }
    let (plain, moved) = (moments(0), moments(0.5))
    #expect(abs(plain.mean - 1 / 64) < 0.002 && abs(plain.whole - 1) < 0.01)
    #expect(abs(moved.mean - (0.25 + 1.0 / 64)) < 0.02, "\(moved)")
    #expect(abs(moved.whole - 1.25) < 0.02, "\(moved)")
    // Off, it takes no random numbers.
    let random = RandomSource(seed: 6)
    _ = offset(noise, by: 0, using: random)
    expectClose(random.normal([4]), RandomSource(seed: 6).normal([4]), .elements)
    let rows = offset(Tensor.zeros([4, 9]), by: 1, using: RandomSource(seed: 7))
    #expect(rows.shape == [4, 9])
  }

  @Test func weightingsAreReadAndWritten() throws {
    for rule in Self.rules + [.uniform] {
      let data = try JSONEncoder().encode(rule)
      #expect(try JSONDecoder().decode(LossWeighting.self, from: data) == rule)
    }
    for bad in [
      #"{"rule": "p2", "gamma": 11, "k": 1}"#, #"{"rule": "p2", "gamma": 1, "k": 0}"#,
      #"{"rule": "p2", "gamma": 1}"#, #"{"rule": "min_snr", "gamma": 0.5}"#,
    ] {
      #expect(throws: (any Error).self, "\(bad)") {
        try JSONDecoder().decode(LossWeighting.self, from: Data(bad.utf8))
      }
    }
  }
}
