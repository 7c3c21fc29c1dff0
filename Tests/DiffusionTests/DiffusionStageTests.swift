import Config
import Diffusion
import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

/// A stage whose network knows the exact noise of Gaussian data with a variance of its own.
private struct GaussianStage: DiffusionStage {
  let scheduler: SchedulerConfig
  let process: GaussianDiffusion

  init() {
    var scheduler = SchedulerConfig(
      prediction: .epsilon, variance: .fixedSmall, clipSampleRange: nil)
    scheduler.trainStepCount = 1000
    self.scheduler = scheduler
    process = scheduler.diffusion()
  }

  /// ε of x at ᾱ for data of the given variance: √(1 − ᾱ) x / (ᾱ v + 1 − ᾱ).
  private func denoiser(variances: Tensor) -> Denoiser {
    let bars = process.schedule.alphaBars
    return { noised in
      let rows = noised.timesteps.to(.float64).array(of: Double.self).map { bars[Int($0)] }
      let bar = Tensor(rows, shape: [rows.count, 1]).to(noised.sample.dtype)
      let weight = (1 - bar).sqrt() / (bar * variances + 1 - bar)
      return noised.sample * weight
    }
  }

  func trainingDenoiser(_ variance: Double, using random: RandomSource) -> Denoiser {
    denoiser(variances: Tensor([variance], shape: [1, 1]))
  }

  func denoiser(_ variance: Double, rows: Int, isGuided: Bool) -> Denoiser {
    // The unconditional half is data of variance 1, whose ε is √(1 − ᾱ) x.
    let halves =
      (isGuided ? Array(repeating: 1, count: rows) : [])
      + Array(repeating: variance, count: rows)
    return denoiser(variances: Tensor(halves, shape: [halves.count, 1]))
  }
}

@Suite struct DiffusionStageTests {
  private let stage = GaussianStage()

  /// The deviation of the results is the data's, whichever sampler takes the steps.
  @Test(arguments: SamplerKind.allCases) func samplesHaveTheDatasDeviation(_ kind: SamplerKind)
    throws
  {
    let noise = RandomSource(seed: 1).normal([4000, 1], dtype: .float64)
    var sampling = StageSampling(steps: 100, sampler: kind)
    sampling.analyticVariance = AnalyticVariance(
      startErrors: stage.process.schedule.alphaBars.map { 0.25 * (1 - $0) / (0.25 * $0 + 1 - $0) })
    let drawn = try stage.sample(
      from: noise, 0.25, sampling: sampling, using: RandomSource(seed: 2))
    let deviation = drawn.square().mean().item().squareRoot()
    #expect(abs(deviation - 0.5) < 0.03, "\(kind): \(deviation)")
  }

  /// Guidance by 1 needs no unconditional half, and by 0 is the unconditional half alone.
  @Test func guidanceRunsFromOneHalfToTheOther() throws {
    let noise = RandomSource(seed: 1).normal([6, 1], dtype: .float64)
    func draw(_ variance: Double, _ guidance: Double) throws -> Tensor {
      try stage.sample(
        from: noise, variance, sampling: .init(steps: 20, guidance: guidance, sampler: .ddim),
        using: RandomSource(seed: 2))
    }
    expectClose(try draw(0.25, 0), try draw(1, 1), .elements)
    #expect(try draw(0.25, 1).array(of: Double.self) != draw(1, 1).array(of: Double.self))
  }

  /// Outside its interval guidance is 1; inside it is the same steps as everywhere.
  @Test func guidanceActsInItsInterval() throws {
    let noise = RandomSource(seed: 1).normal([6, 1], dtype: .float64)
    func starts(_ guidance: Double, _ interval: ClosedRange<Double>) throws -> [[Double]] {
      var starts: [[Double]] = []
      _ = try stage.sample(
        from: noise, 0.25,
        sampling: .init(
          steps: 20, guidance: guidance, guidanceInterval: interval, sampler: .ddim),
        using: RandomSource(seed: 2)
      ) { starts.append($0.predictedStart.array(of: Double.self)) }
      return starts
    }
    let (none, whole) = (try starts(1, 0...1), try starts(3, 0...1))
    #expect(try starts(3, 0.9999...1) == none)
    let late = try starts(3, 0.5...1)
    #expect(late[..<10] == none[..<10] && late[10] != none[10])
    let early = try starts(3, 0...0.5)
    #expect(early[..<10] == whole[..<10] && early[10] != whole[10])
  }

  /// A person's choice of the bound comes before the file's, which here is none.
  @Test func thresholdsBoundThePrediction() throws {
    let noise = RandomSource(seed: 1).normal([6, 64], dtype: .float64)
    func largest(_ threshold: ThresholdKind) throws -> Double {
      var largest = 0.0
      _ = try stage.sample(
        from: noise, 4, sampling: .init(steps: 10, threshold: threshold, sampler: .ddim),
        using: RandomSource(seed: 2)
      ) { largest = max(largest, $0.predictedStart.abs().max().item()) }
      return largest
    }
    #expect(try largest(.model) == largest(.none) && largest(.none) > 2)
    for bounded in [ThresholdKind.static, .dynamic] {
      #expect(try abs(largest(bounded) - 1) < 1e-12, "\(bounded)")
    }
  }

  /// DDIM inversion finds the noise again; its error falls with the steps.
  @Test func inversionFindsTheNoise() throws {
    let noise = RandomSource(seed: 3).normal([8, 1], dtype: .float64)
    func error(_ steps: Int) throws -> Double {
      let drawn = try stage.sample(
        from: noise, 0.25, sampling: StageSampling(steps: steps, sampler: .ddim),
        using: RandomSource(seed: 4))
      let found = try stage.noise(of: drawn, 0.25, sampling: .init(steps: steps))
      return (found - noise).abs().max().item()
    }
    let (coarse, fine) = (try error(50), try error(500))
    #expect(fine < 0.3 * coarse, "\(coarse) at 50 steps, \(fine) at 500")
  }

  /// DDIM from the noise of an inversion gives the start back; the error halves with twice the
  /// steps, which is the order of the method.
  @Test func inversionAndBackConvergeAtFirstOrder() throws {
    let start = RandomSource(seed: 3).normal([8, 1], dtype: .float64) * 0.5
    let errors = try [50, 100, 200].map { steps in
      let noise = try stage.noise(of: start, 0.25, sampling: .init(steps: steps))
      let back = try stage.sample(
        from: noise, 0.25, sampling: StageSampling(steps: steps, sampler: .ddim),
        using: RandomSource(seed: 4))
      return (back - start).abs().max().item()
    }
    for (coarse, fine) in zip(errors, errors.dropFirst()) {
      #expect(abs(coarse / fine - 2) < 0.2, "\(errors)")
    }
  }

  /// Noise in the steps moves the result, and only η asks for it.
  @Test func etaDecidesHowMuchNoiseAStepAdds() throws {
    let noise = RandomSource(seed: 3).normal([2000, 1], dtype: .float64)
    func drawn(_ eta: Double, _ seed: UInt64) throws -> Tensor {
      try stage.sample(
        from: noise, 0.25, sampling: .init(steps: 50, sampler: .ddim, eta: eta),
        using: RandomSource(seed: seed))
    }
    func distance(_ eta: Double) throws -> Double {
      try (drawn(eta, 1) - drawn(0, 1)).square().mean().item()
    }
    expectClose(try drawn(0, 1), try drawn(0, 2), .exact)
    #expect(try 0 < distance(0.3) && distance(0.3) < distance(1))
  }

  /// A step can end the sampling by throwing, and sees each prediction on its way.
  @Test func stepsAreSeenInOrderAndCanEndTheSampling() throws {
    struct Stop: Error {}
    let noise = RandomSource(seed: 3).normal([1, 1])
    var seen: [Int] = []
    #expect(throws: Stop.self) {
      try stage.sample(
        from: noise, 0.25, sampling: StageSampling(steps: 10), using: RandomSource(seed: 4)
      ) { step in
        seen.append(step.index)
        if step.index == 3 { throw Stop() }
      }
    }
    #expect(seen == [0, 1, 2, 3])
  }

  /// The exact network's loss is the variance that is left of ε: 1 − (1 − ᾱ) / (ᾱ v + 1 − ᾱ).
  @Test func lossOfTheExactNetworkIsTheVarianceOfItsError() {
    let start = RandomSource(seed: 5).normal([20_000, 1]) * 0.5
    let losses = stage.loss(of: start, 0.25, using: RandomSource(seed: 6))
    let expected =
      stage.process.schedule.alphaBars
      .map { 1 - (1 - $0) / ($0 * 0.25 + 1 - $0) }.reduce(0, +) / 1000
    #expect(abs(losses.total.item() - expected) < 0.02, "\(losses.total.item()), \(expected)")
  }

  @Test func aProcessWithoutSignalAtItsEndNeedsDDIM() throws {
    let scheduler = try SchedulerConfig.decode(
      Data(
        """
        {"_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "prediction_type":
        "v_prediction", "clip_sample": false, "clip_sample_range": 1, "beta_schedule": "linear",
        "beta_start": 0.0001, "beta_end": 0.02, "rescale_betas_zero_snr": true,
        "thresholding": false, "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1,
        "timestep_spacing": "trailing", "set_alpha_to_one": true, "steps_offset": 0}
        """.utf8), file: "scheduler_config.json")
    _ = try scheduler.sampler(.ddim, stepCount: 5)
    let error = #expect(throws: ConfigError.self) {
      try scheduler.sampler(.dpmSolver, stepCount: 5)
    }
    #expect(error?.description.contains("needs ddim") == true)
  }
}
