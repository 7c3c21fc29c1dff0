import Config
import Diffusion
import Foundation
import TestSupport
import Testing
import Torch

/// A stage whose network knows the exact start of Gaussian data N(0, spread); with a learned
/// variance it says nonsense of it.
private struct ExactStage: DiffusionStage {
  let scheduler: SchedulerConfig
  let process: GaussianDiffusion
  let spread: Double

  init(_ prediction: Prediction, spread: Double, variance: Variance = .fixedSmall) {
    scheduler = SchedulerConfig(
      prediction: prediction, variance: variance, clipSampleRange: nil)
    process = scheduler.diffusion()
    self.spread = spread
  }

  func trainingDenoiser(_ conditioning: Void, using random: RandomSource) -> Denoiser {
    denoiser((), rows: 0, isGuided: false)
  }

  func denoiser(_ conditioning: Void, rows: Int, isGuided: Bool) -> Denoiser {
    { noised in
      let t = noised.timesteps.to(.float64).array(of: Double.self).map { Int($0) }
      let bars = t.map { process.schedule.alphaBars[$0] }
      let weights = bars.map { $0.squareRoot() * spread / ($0 * spread + 1 - $0) }
      let sample = noised.sample
      let start = sample * Tensor(weights, shape: [weights.count, 1]).to(sample.dtype)
      let prediction = process.target(
        start: start, noise: process.predictedEpsilon(start: start, sample: sample, at: t), at: t)
      guard scheduler.variance == .learnedRange else { return prediction }
      return Tensor.concatenated([prediction, prediction * 0 + 1], over: 1)
    }
  }

  /// The variance of the start given a noisy sample: the exact error.
  func error(at t: Int) -> Double {
    let bar = process.schedule.alphaBars[t]
    return spread * (1 - bar) / (bar * spread + 1 - bar)
  }

  func variance(of startErrors: [Double]? = nil) -> AnalyticVariance {
    AnalyticVariance(
      startErrors: startErrors ?? (0..<scheduler.trainStepCount).map(error))
  }
}

@Suite struct AnalyticVarianceTests {
  @Test func isExactForGaussianData() throws {
    // The best Gaussian step for N(0, s) data, in closed form, on a coarse chain.
    let schedule = NoiseSchedule(.cosine)
    let spread = 0.25
    let moments = schedule.alphaBars.map { (1 - $0) / ($0 * spread + 1 - $0) }
    let analytic = AnalyticVariance(noiseMoments: moments, schedule: schedule)
    for (r, s) in [(900, 600), (500, 300), (200, 10)] {
      let (bar, before) = (schedule.alphaBars[r], schedule.alphaBars[s])
      let ratio = bar / before
      let marginal = before * spread + 1 - before
      let exact = marginal - ratio * marginal * marginal / (bar * spread + 1 - bar)
      let found = analytic.variance(
        alphaBar: bar, previousAlphaBar: before, startError: analytic.startErrors[r])
      #expect(isClose(found, exact, 1e-9))
    }
  }

  /// The second moments of the noise that Analytic-DPM is written with, through those of the error.
  @Test func matchesTheFormulas() throws {
    let golden = Golden("diffusion/training")
    let visited = try golden.ints("analytic.timesteps")
    let whole = NoiseSchedule(.cosine, stepCount: 50)
    let schedule = whole.respaced(to: visited).schedule
    let analytic = AnalyticVariance(
      noiseMoments: try golden["analytic.moments"].array(of: Double.self), schedule: whole)
    let variances = visited.indices.map {
      analytic.variance(
        alphaBar: schedule.alphaBars[$0], previousAlphaBar: schedule.previousAlphaBars[$0],
        startError: analytic.startErrors[visited[$0]])
    }
    // At t = 0 both are zero up to rounding.
    expectTable(
      Array(variances.dropFirst()), try golden["analytic.variance"][1..<5], 1e-9, "σ²")
  }

  @Test func momentsAreGatheredAndFilled() {
    var estimate = SecondMomentEstimate(stepCount: 6)
    #expect(estimate.secondMoments == nil)
    estimate.add(Tensor([1, 1, 2, 2] as [Float], shape: [2, 2]), at: [1, 3])
    estimate.add(Tensor([3, 3] as [Float], shape: [1, 2]), at: [1])
    #expect(estimate.secondMoments == [5, 5, 4.5, 4, 4, 4])
  }

  /// What is estimated with a network that is exact is the closed form, whatever it predicts.
  @Test(arguments: Prediction.allCases)
  func theEstimateIsTheClosedForm(_ prediction: Prediction) throws {
    let stage = ExactStage(prediction, spread: 0.09)
    let start = RandomSource(seed: 1).normal([4000, 4], dtype: .float64) * 0.3
    var estimate = SecondMomentEstimate(stepCount: 1000)
    for t in [0, 100, 400, 700, 999] {
      stage.addStartErrors(of: start, (), at: t, to: &estimate, using: RandomSource(seed: 2))
    }
    let found = try #require(estimate.secondMoments)
    for t in [0, 100, 400, 700, 999] {
      #expect(
        abs(found[t] / stage.error(at: t) - 1) < 0.03, "\(found[t]), not \(stage.error(at: t))")
    }
  }

  /// With few steps Gaussian data keep their variance, which they do not with the process's own;
  /// a learned variance is replaced.
  @Test(arguments: Prediction.allCases, [Variance.fixedSmall, .learnedRange])
  func fewStepsKeepTheVariance(_ prediction: Prediction, _ variance: Variance) throws {
    let stage = ExactStage(prediction, spread: 0.09, variance: variance)
    let noise = RandomSource(seed: 3).normal([40_000, 1], dtype: .float64)
    func deviation(_ steps: Int, _ analytic: AnalyticVariance?) throws -> Double {
      var sampling = StageSampling(steps: steps, sampler: analytic == nil ? .ddpm : .analytic)
      sampling.analyticVariance = analytic
      return try stage.sample(from: noise, (), sampling: sampling, using: RandomSource(seed: 4))
        .standardDeviation().item()
    }
    for steps in [3, 4, 8] {
      #expect(try abs(deviation(steps, stage.variance()) / 0.3 - 1) < 0.015, "\(steps) steps")
    }
    #expect(try abs(deviation(4, nil) / 0.3 - 1) > 0.1)
  }

  /// The last step is a mean also where its timestep is not 0.
  @Test func theLastStepIsAMean() throws {
    var scheduler = SchedulerConfig.decoder
    scheduler.variance = .fixedSmall
    scheduler.spacing = .trailing
    var sampling = StageSampling(steps: 4, sampler: .analytic)
    sampling.analyticVariance = AnalyticVariance(startErrors: Array(repeating: 0.5, count: 1000))
    for kind in [SamplerKind.ddpm, .analytic] {
      sampling.sampler = kind
      var sampler = try scheduler.sampler(for: sampling)
      #expect(sampler.timesteps == [999, 749, 499, 249])
      #expect(
        sampler.timesteps.indices.map { sampler.drawsNoise(at: $0) } == [
          true, true, true, false,
        ])
      let x = RandomSource(seed: 1).normal([1, 3, 2, 2])
      let last = sampler.step(x * 0.1, at: 3, from: x, noise: nil)
      expectClose(last.next, last.predictedStart, .products)
    }
  }

  @Test func aSamplerWithoutItsVarianceIsRefused() throws {
    var sampling = StageSampling(steps: 4, sampler: .analytic)
    #expect(
      sentence { try SchedulerConfig.prior.sampler(for: sampling) }
        == "sampling: 'sampler' is analytic, but it needs the second moments of the network's errors "
        + "at its 1000 timesteps.")
    sampling.analyticVariance = AnalyticVariance(startErrors: [0, 1])
    #expect(throws: ConfigError.self) { try SchedulerConfig.prior.sampler(for: sampling) }
  }

  @Test func brokenContractsTrap() async {
    expectTrap(
      "2 moments for 1000 timesteps",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = AnalyticVariance(noiseMoments: [1, 1], schedule: NoiseSchedule(.cosine))
      })
    expectTrap(
      "timesteps of moments do not ascend within 0 ..< 4",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = SecondMomentEstimate.interpolated([(2, 1), (1, 1)], stepCount: 4)
      })
    expectTrap(
      "an analytic variance of 10 timesteps for a longer process",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = try DDPMSampler(
          SchedulerConfig.prior.diffusion(), spacing: .uniform(4),
          analytic: AnalyticVariance(startErrors: Array(repeating: 0, count: 10)))
      })
  }
}
