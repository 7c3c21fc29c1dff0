import Diffusion
import Foundation
import TestSupport
import Testing
import Torch

@Suite struct GaussianDiffusionTests {
  static let golden = Golden("diffusion/training")
  private let random = RandomSource(seed: 4)

  private func process(_ prediction: Prediction, _ variance: Variance) -> GaussianDiffusion {
    GaussianDiffusion(
      schedule: NoiseSchedule(.cosine, stepCount: 50), prediction: prediction, variance: variance)
  }

  @Test(arguments: [("epsilon", Prediction.epsilon), ("start", .start), ("v", .v)])
  func lossesMatchTheFormulas(_ name: String, _ prediction: Prediction) throws {
    let golden = Self.golden
    let diffusion = process(prediction, .learnedRange)
    let t = try golden.ints("timesteps")
    let (start, noise, output) = try (golden["start"], golden["noise"], golden["output"])
    let sample = diffusion.noised(start, at: t, noise: noise)
    expectClose(sample, try golden["sample"], .schedule)
    expectClose(
      diffusion.predictedStart(output, sample: sample, at: t),
      try golden["\(name).predicted_start"], Tolerance(1e-10))
    expectClose(
      diffusion.predictedEpsilon(
        start: try golden["\(name).predicted_start"], sample: sample, at: t),
      try golden["\(name).epsilon"], Tolerance(1e-9))
    expectClose(
      diffusion.target(start: start, noise: noise, at: t), try golden["\(name).target"], .schedule)
    expectClose(
      diffusion.logVariance(output, sample: sample, at: t), try golden["log_variance"], .schedule)
    expectClose(
      diffusion.posterior(start: start, sample: sample, at: t).mean, try golden["posterior.mean"],
      .schedule)
    expectClose(
      diffusion.variationalBound(output, start: start, sample: sample, at: t),
      try golden["\(name).bound"], Tolerance(1e-9))
    let losses = diffusion.trainingLosses(
      output, start: start, sample: sample, noise: noise, at: t)
    expectClose(losses.squaredError, try golden["\(name).error"], .schedule)
    expectClose(try #require(losses.bound), try golden["\(name).bound"], Tolerance(1e-9))
    expectClose(losses.total.reshaped(1), try golden["\(name).total"], Tolerance(1e-9))
    let weighted = diffusion.trainingLosses(
      output, start: start, sample: sample, noise: noise, at: t, weighting: .minSNR(gamma: 5))
    expectClose(weighted.total.reshaped(1), try golden["\(name).weighted_total"], Tolerance(1e-9))
    let weights = t.map { diffusion.weight(at: $0, .minSNR(gamma: 5)) }
    try expectTable(weights, golden["\(name).weight"], 1e-12, "weights")
  }

  @Test func float32StaysWithinItsRounding() throws {
    let golden = Self.golden
    let diffusion = process(.epsilon, .learnedRange)
    let t = try golden.ints("timesteps").map { $0 == 49 ? 48 : $0 }
    func single(_ key: String) throws -> Tensor { try golden[key].to(.float32) }
    func losses(_ type: DType) throws -> DiffusionLosses {
      let (start, noise) = try (golden["start"].to(type), golden["noise"].to(type))
      let sample = diffusion.noised(start, at: t, noise: noise)
      #expect(sample.dtype == type)
      return diffusion.trainingLosses(
        try golden["output"].to(type), start: start, sample: sample, noise: noise, at: t)
    }
    let (single, double) = try (losses(.float32), losses(.float64))
    expectClose(single.squaredError.to(.float64), double.squaredError, .products)
    let half = diffusion.noised(
      try golden["start"].to(.bfloat16), at: t, noise: try golden["noise"].to(.bfloat16))
    #expect(half.dtype == .float32)
  }

  @Test func largeVariance() throws {
    let t = try Self.golden.ints("timesteps")
    let sample = try Self.golden["sample"]
    let large = process(.epsilon, .fixedLarge).logVariance(sample, sample: sample, at: t)
    expectClose(large.reshaped(t.count), try Self.golden["large"], .schedule)
  }

  @Test func noisingEndsAtTheStartAndAtTheNoise() {
    let diffusion = GaussianDiffusion(schedule: NoiseSchedule(.cosine))
    let (start, noise) = (random.normal([4, 3]), random.normal([4, 3]))
    // √(1 − ᾱ_0) is 0.0064.
    expectClose(diffusion.noised(start, at: [0], noise: noise), start, Tolerance(0.03))
    expectClose(diffusion.noised(start, at: [999], noise: noise), noise, Tolerance(2e-4))
    let still = diffusion.noised(start, at: [300], noise: start.zerosLike())
    expectClose(still, start * diffusion.schedule.alphaBars[300].squareRoot(), .elements)
  }

  @Test func aTimestepForEachRowEqualsRowsAlone() {
    let diffusion = process(.v, .learnedRange)
    let (start, noise) = (random.normal([3, 2, 4]), random.normal([3, 2, 4]))
    let t = [0, 20, 49]
    let together = diffusion.noised(start, at: t, noise: noise)
    for (i, t) in t.enumerated() {
      let row = diffusion.noised(
        start.narrowed(0, start: i, count: 1), at: [t], noise: noise.narrowed(0, start: i, count: 1)
      )
      #expect(row.array(of: Float.self) == together.selected(0, i).array(of: Float.self))
    }
  }

  /// Data that are themselves Gaussian make every conditional a Gaussian in closed form.
  @Test func posteriorIsBayesRule() {
    let schedule = NoiseSchedule(.cosine)
    let diffusion = GaussianDiffusion(schedule: schedule)
    for t in [1, 17, 400, 998] {
      let before = schedule.alphaBars[t - 1]
      let (start, sample) = (0.7, -0.3)
      // q(x_{t-1} | x_0) = N(√ᾱ_{t−1} x_0, 1 − ᾱ_{t−1}); q(x_t | x_{t−1}) = N(√α x_{t−1}, β).
      let beta = schedule.betas[t]
      let precision = 1 / (1 - before) + (1 - beta) / beta
      let mean =
        (before.squareRoot() * start / (1 - before) + (1 - beta).squareRoot() * sample / beta)
        / precision
      let posterior = diffusion.posterior(
        start: Tensor([start], shape: [1, 1]), sample: Tensor([sample], shape: [1, 1]), at: [t])
      #expect(isClose(posterior.mean.item(), mean, 1e-9))
      #expect(isClose(posterior.variance.item(), 1 / precision, 1e-9))
    }
  }

  @Test(arguments: Prediction.allCases)
  func predictionsInvertTheirTargets(_ prediction: Prediction) {
    let diffusion = process(prediction, .fixedSmall)
    let start = random.normal([5, 3, 2], dtype: .float64)
    let noise = random.normal([5, 3, 2], dtype: .float64)
    let t = [0, 5, 20, 40, 47]
    let sample = diffusion.noised(start, at: t, noise: noise)
    let target = diffusion.target(start: start, noise: noise, at: t)
    let back = diffusion.predictedStart(target, sample: sample, at: t)
    expectClose(back, start, Tolerance(1e-9))
    expectClose(diffusion.predictedEpsilon(start: back, sample: sample, at: t), noise, .elements)
  }

  @Test func exactPredictionsHaveNoSquaredErrorAndNoDivergence() throws {
    let diffusion = process(.epsilon, .learnedRange)
    let (start, noise) = (
      random.normal([2, 3, 4], dtype: .float64), random.normal([2, 3, 4], dtype: .float64)
    )
    let sample = diffusion.noised(start, at: [10, 30], noise: noise)
    // ν = −1 is the posterior's own variance.
    let output = Tensor.concatenated([noise, -noise.onesLike()], over: 1)
    let losses = diffusion.trainingLosses(
      output, start: start, sample: sample, noise: noise, at: [10, 30])
    #expect(losses.total.item() < 1e-12)
    #expect(try #require(losses.bound).abs().max().item() < 1e-12)
  }

  @Test func theBoundTrainsTheVarianceAlone() {
    let diffusion = process(.epsilon, .learnedRange)
    let (start, noise) = (random.normal([2, 3, 4]), random.normal([2, 3, 4]))
    for t in [[0, 0], [12, 40]] {
      let sample = diffusion.noised(start, at: t, noise: noise)
      let output = random.normal([2, 6, 4]).requiringGrad()
      let bound = diffusion.variationalBound(output, start: start, sample: sample, at: t)
      let gradient = gradients(of: bound.sum(), withRespectTo: [output])[0]
      #expect(gradient.narrowed(1, start: 0, count: 3).abs().max().item() == 0)
      #expect(gradient.narrowed(1, start: 3, count: 3).abs().max().item() > 0)
      #expect(gradient.isFinite().all().item() == 1)
    }
  }

  @Test func likelihoodsOfEveryValueAddUpToOne() {
    // e^{−bits · ln 2} over the 256 values a pixel can take, at t = 0.
    let diffusion = process(.start, .learnedRange)
    let values = Tensor((0..<256).map { Double($0) * 2 / 255 - 1 }, shape: [256, 1])
    let output = Tensor.concatenated(
      [Tensor.full([256, 1], 0.1, dtype: .float64), Tensor.full([256, 1], 3, dtype: .float64)],
      over: 1)
    let sample = Tensor.full([256, 1], 0.1, dtype: .float64)
    let bits = diffusion.variationalBound(output, start: values, sample: sample, at: [0])
    let sum = (bits * -Foundation.log(2.0)).exp().sum().item()
    #expect(abs(sum - 1) < 1e-6)
  }

  @Test(arguments: [5.0, 1.0])
  func minSNRWeighsTheStartAlikeForEveryPrediction(_ gamma: Double) {
    for t in 0..<50 {
      let ratio = process(.start, .fixedSmall).schedule.signalToNoise(at: t)
      let start = process(.start, .fixedSmall).weight(at: t, .minSNR(gamma: gamma))
      let epsilon = process(.epsilon, .fixedSmall).weight(at: t, .minSNR(gamma: gamma))
      let v = process(.v, .fixedSmall).weight(at: t, .minSNR(gamma: gamma))
      #expect(isClose(start, min(ratio, gamma), 1e-12))
      // An error δ of the start is an error √SNR δ of ε and √(SNR + 1) δ of v.
      #expect(isClose(epsilon * ratio, start, 1e-12))
      #expect(isClose(v * (ratio + 1), start, 1e-12))
    }
  }

  @Test func brokenContractsTrap() async {
    expectTrap(
      "2 timesteps for 3 rows: give one, or one for each row",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        let diffusion = GaussianDiffusion(schedule: NoiseSchedule(.cosine, stepCount: 10))
        let x = Tensor.zeros([3, 2])
        _ = diffusion.noised(x, at: [1, 2], noise: x)
      })
    expectTrap(
      "timestep 10 lies outside 0 ..< 10",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        let diffusion = GaussianDiffusion(schedule: NoiseSchedule(.cosine, stepCount: 10))
        let x = Tensor.zeros([3, 2])
        _ = diffusion.noised(x, at: [10], noise: x)
      })
    expectTrap(
      "a learned variance needs 4 output channels, not 2",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        let diffusion = GaussianDiffusion(
          schedule: NoiseSchedule(.cosine, stepCount: 10), variance: .learnedRange)
        let x = Tensor.zeros([3, 2])
        _ = diffusion.logVariance(x, sample: x, at: [1])
      })
  }
}
