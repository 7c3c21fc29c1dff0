import Config
import Diffusion
import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct SamplerTests {
  /// Values written cos(0.5 i + phase), the inputs of the reference's small examples.
  private func wave(_ shape: [Int], _ phase: Double) -> Tensor {
    let count = shape.reduce(1, *)
    return Tensor((0..<count).map { cos(0.5 * Double($0) + phase) }, shape: shape)
  }

  private func unclip(_ name: String) -> SchedulerConfig {
    switch name {
    case "prior": return .prior
    case "decoder": return .decoder
    case "upsampler": return .upsampler
    case "every":
      return SchedulerConfig(
        trainStepCount: 20, prediction: .epsilon, variance: .learnedRange, clipSampleRange: 1)
    default:
      return SchedulerConfig(prediction: .start, variance: .learnedRange, clipSampleRange: nil)
    }
  }

  /// Takes each golden step from the golden sample before it, then the whole chain from its own.
  private func expectSteps(
    _ sampler: any Sampler, _ golden: Golden, _ name: String
  ) throws {
    // diffusers' coefficients are float32, ours are rounded once: twice the table's 1e-6.
    let tolerance = Tolerance(2e-6)
    var sampler = sampler
    let outputs = try golden["\(name).outputs"]
    let samples = try golden["\(name).samples"]
    let starts = try golden["\(name).starts"]
    let noises = try golden["\(name).noises"]
    for i in sampler.timesteps.indices {
      let step = sampler.step(
        outputs.selected(0, i), at: i, from: samples.selected(0, i),
        noise: sampler.drawsNoise(at: i) ? noises.selected(0, i) : nil)
      expectClose(step.next, samples.selected(0, i + 1), tolerance)
      #expect(step.index == i && step.timestep == sampler.timesteps[i])
      expectClose(step.predictedStart, starts.selected(0, i), tolerance)
    }
    var chain = denoise(
      samples.selected(0, 0), with: sampler, using: RandomSource(seed: 21)
    ) { _, timestep in
      outputs.selected(0, sampler.timesteps.firstIndex(of: timestep) ?? 0)
    }
    expectClose(chain.finish(), samples.selected(0, sampler.timesteps.count), .products)
  }

  @Test(arguments: ["prior", "decoder", "upsampler", "unclipped"], [7, 25])
  func ancestralStepsMatchDiffusers(_ name: String, _ count: Int) throws {
    try expectSteps(
      try unclip(name).sampler(stepCount: count), Golden("diffusion/unclip_steps"),
      "\(name).\(count)")
  }

  @Test func everyStepOfAShortProcessMatchesDiffusers() throws {
    try expectSteps(
      try unclip("every").sampler(stepCount: 20), Golden("diffusion/unclip_steps"),
      "every.20")
  }

  @Test(
    arguments: ["epsilon", "start", "v", "unclipped", "thresholded", "linear", "terminal"],
    [0.0, 0.5])
  func ddimStepsMatchDiffusers(_ name: String, _ eta: Double) throws {
    let config = try SchedulerConfig.read(at: Golden.url("diffusion/ddim_\(name).json"))
    let sampler = try DDIMSampler(
      config.diffusion(.float32Reference), spacing: config.timestepSpacing(10), eta: eta,
      threshold: config.threshold)
    try expectSteps(
      sampler, Golden("diffusion/ddim_steps"), "\(name).\(eta)")
  }

  @Test(arguments: Prediction.allCases)
  func solverStepsMatchDiffusers(_ prediction: Prediction) throws {
    let golden = Golden("diffusion/solver_steps")
    let diffusion = GaussianDiffusion(
      schedule: NoiseSchedule(.cosine, precision: .float32Reference), prediction: prediction)
    var sampler = try DPMSolverSampler(
      diffusion, spacing: .trailing(10),
      threshold: prediction == .epsilon ? .quantile(0.9, cap: 2.5) : .none)
    #expect(try sampler.timesteps == golden.ints("\(prediction.rawValue).timesteps"))
    let outputs = try golden["\(prediction.rawValue).outputs"]
    let samples = try golden["\(prediction.rawValue).samples"]
    var sample = samples.selected(0, 0)
    for i in sampler.timesteps.indices {
      #expect(!sampler.drawsNoise(at: i))
      sample =
        sampler.step(outputs.selected(0, i), at: i, from: sample, noise: nil).next
      expectClose(sample, samples.selected(0, i + 1), .products)
    }
  }

  @Test func theReferencesSmallExamples() throws {
    // 25 steps take 500 → 458.
    let index = 12
    var prior = try SchedulerConfig.prior.sampler(stepCount: 25)
    #expect(prior.timesteps[index] == 500 && prior.timesteps[index + 1] == 458)
    let x = wave([1, 6], 0)
    let first = prior.step(wave([1, 6], 1) * 8, at: index, from: x, noise: wave([1, 6], 3))
    expectClose(
      first.next,
      Tensor([1.247218, 0.516776, -0.340191, -0.871042, -1.111664, -1.291063], shape: [1, 6]),
      Tolerance(2e-6))

    var decoder = try SchedulerConfig.decoder.sampler(stepCount: 25)
    let shape = [1, 3, 1, 2]
    let output = Tensor.concatenated([wave(shape, 1), wave(shape, 2)], over: 1)
    let second = decoder.step(output, at: index, from: wave(shape, 0), noise: wave(shape, 3))
    expectClose(
      second.next,
      Tensor([0.647, 0.589525, 0.405743, 0.147986, -0.177931, -0.456104], shape: shape),
      Tolerance(2e-6))
    expectClose(
      second.predictedStart, Tensor([0.876548, 1, 1, 0.91442, 0.412274, -0.190812], shape: shape),
      Tolerance(2e-6))
  }

  @Test(arguments: [
    (0.0, [1.013916, 0.927407, 0.613836, 0.149976, -0.350602, -0.765342]),
    (1.0, [0.653424, 0.622416, 0.439018, 0.148134, -0.179019, -0.462341]),
  ])
  func ddimInDoublePrecision(_ eta: Double, _ wanted: [Double]) throws {
    let diffusion = GaussianDiffusion(schedule: NoiseSchedule(.cosine))
    let sampler = try DDIMSampler(diffusion, spacing: .uniform(25), eta: eta)
    let step = sampler.step(
      wave([1, 6], 1), at: 12, from: wave([1, 6], 0), noise: eta > 0 ? wave([1, 6], 3) : nil)
    #expect(step.next.dtype == .float64)
    expectClose(step.next, Tensor(wanted, shape: [1, 6]), .elements)
  }

  @Test func solverInDoublePrecision() throws {
    let diffusion = GaussianDiffusion(schedule: NoiseSchedule(.cosine), prediction: .start)
    var sampler = try DPMSolverSampler(diffusion, spacing: .uniform(25))
    _ = sampler.step(wave([1, 6], 1), at: 11, from: wave([1, 6], 0), noise: nil)
    let step = sampler.step(wave([1, 6], 2), at: 12, from: wave([1, 6], 0), noise: nil)
    expectClose(
      step.next,
      Tensor([0.850352, 0.704707, 0.386525, -0.026292, -0.432671, -0.733118], shape: [1, 6]),
      .elements)
  }

  @Test func varianceOfTheReferenceSteps() throws {
    // With no predicted start and no sample, a step is its noise.
    func deviation(_ config: SchedulerConfig, at index: Int, mix: Double?) throws -> Double {
      var sampler = try config.sampler(stepCount: 25)
      let zero = Tensor.zeros([1, 1])
      let output = mix.map { Tensor([0, Float($0)], shape: [1, 2]) } ?? zero
      return sampler.step(output, at: index, from: zero, noise: zero.onesLike()).next.item()
    }
    #expect(isClose(try deviation(.prior, at: 0, mix: nil), 0.9978582859, 1e-6))
    #expect(isClose(try deviation(.prior, at: 12, mix: nil), 0.3195094764, 1e-6))
    #expect(isClose(2 * log(try deviation(.decoder, at: 0, mix: 0.25)), -0.0016083797, 1e-4))
    #expect(isClose(2 * log(try deviation(.decoder, at: 12, mix: 0.25)), -2.1958465576, 1e-6))
  }

  // MARK: Laws

  @Test(arguments: Prediction.allCases)
  func anExactNetworkGivesTheStartBack(_ prediction: Prediction) throws {
    let diffusion = GaussianDiffusion(schedule: NoiseSchedule(.cosine), prediction: prediction)
    let random = RandomSource(seed: 3)
    let start = random.normal([2, 3, 4], dtype: .float64)
    let noise = random.normal([2, 3, 4], dtype: .float64)
    let latest = diffusion.noised(start, at: [999], noise: noise)
    // The network knows the start, and derives the noise from the sample it is shown.
    func output(_ sample: Tensor, _ t: Int) -> Tensor {
      diffusion.target(
        start: start, noise: diffusion.predictedEpsilon(start: start, sample: sample, at: [t]),
        at: [t])
    }
    let samplers: [any Sampler] = [
      try DDIMSampler(diffusion, spacing: .uniform(10)),
      try DDIMSampler(diffusion, spacing: .uniform(50), eta: 1),
      try DDPMSampler(diffusion, spacing: .uniform(10)),
      try DPMSolverSampler(diffusion, spacing: .trailing(12)),
    ]
    for sampler in samplers {
      var steps = denoise(latest, with: sampler, using: RandomSource(seed: 9), model: output)
      expectClose(steps.finish(), start, .elements)
    }
  }

  /// For Gaussian data the exact ε is linear in the sample, and the reverse chain must end with
  /// the data's own mean and spread.
  @Test func gaussianDataKeepTheirMoments() throws {
    let diffusion = GaussianDiffusion(schedule: NoiseSchedule(.cosine))
    let (mean, variance) = (0.4, 0.09)
    func epsilon(_ sample: Tensor, _ t: Int) -> Tensor {
      let bar = diffusion.schedule.alphaBars[t]
      return (sample - bar.squareRoot() * mean)
        * ((1 - bar).squareRoot() / (bar * variance + 1 - bar))
    }
    let random = RandomSource(seed: 11)
    let samplers: [(any Sampler, Double)] = [
      // The posterior's variance is too small by what the start's own spread adds.
      (try DDPMSampler(diffusion, spacing: .uniform(100)), 0.02),
      (try DDIMSampler(diffusion, spacing: .uniform(100)), 0.01),
      (try DPMSolverSampler(diffusion, spacing: .trailing(25)), 0.01),
    ]
    for (sampler, tolerance) in samplers {
      let noise = random.normal([20000, 1], dtype: .float64)
      var steps = denoise(noise, with: sampler, using: random, model: epsilon)
      let result = steps.finish()
      #expect(abs(result.mean().item() - mean) < tolerance, "\(sampler)")
      #expect(abs(result.standardDeviation().item() - variance.squareRoot()) < tolerance)
    }
  }

  @Test(arguments: [TimestepSpacing.leading(10), .trailing(10)])
  func inversionStepsMatchDiffusers(_ spacing: TimestepSpacing) throws {
    let inversion = try DDIMInversion(
      SchedulerConfig.decoder.diffusion(.float32Reference), spacing: spacing)
    let name = spacing == .leading(10) ? "leading" : "trailing"
    try expectSteps(inversion, Golden("diffusion/inversion_steps"), name)
  }

  @Test func inversionAndDDIMAreARoundTrip() throws {
    let diffusion = GaussianDiffusion(schedule: NoiseSchedule(.cosine))
    let random = RandomSource(seed: 5)
    func epsilon(_ sample: Tensor, _ t: Int) -> Tensor {
      let bar = diffusion.schedule.alphaBars[t]
      return sample * ((1 - bar).squareRoot() / (bar * 0.2 + 1 - bar))
    }
    let start = random.normal([3, 4], dtype: .float64)
    let spacing = TimestepSpacing.uniform(500)
    var up = denoise(
      start, with: try DDIMInversion(diffusion, spacing: spacing), using: random, model: epsilon)
    let noise = up.finish()
    var down = denoise(
      noise, with: try DDIMSampler(diffusion, spacing: spacing), using: random, model: epsilon)
    expectClose(down.finish(), start, Tolerance(0.02))
  }

  @Test func rowsDoNotDependOnTheirBatch() throws {
    let sampler = try SchedulerConfig.upsampler.sampler(stepCount: 7)
    func model(_ x: Tensor, _ t: Int) -> Tensor { (x * 0.9).tanh() }
    func sources(_ seeds: [UInt64]) -> [RandomSource] { seeds.map { RandomSource(seed: $0) } }
    func image(_ seeds: [UInt64]) -> Tensor {
      let randoms = sources(seeds)
      let noise = normalNoise([seeds.count, 3, 4, 4], using: randoms)
      var steps = denoise(noise, with: sampler, using: randoms, model: model)
      return steps.finish()
    }
    let alone = image([8])
    let together = image([7, 8, 9])
    #expect(together.selected(0, 1).array(of: Float.self) == alone.array(of: Float.self))
  }

  @Test func stepsAreLazyAndCanBeAbandoned() throws {
    let sampler = try SchedulerConfig.prior.sampler(stepCount: 25)
    let random = RandomSource(seed: 1)
    var calls: [Int] = []
    var seen = 0
    for step in denoise(
      Tensor.zeros([1, 4]), with: sampler, using: random,
      model: { x, t in
        #expect(!isGradEnabled)
        calls.append(t)
        return x
      })
    {
      seen += 1
      #expect(step.index == seen - 1)
      if seen == 3 { break }
    }
    #expect(calls == [999, 957, 916])
    var again = RandomSource(seed: 1)
    for _ in 0..<3 { _ = again.normal([1, 4]) }
    #expect(again.normal([2]).array(of: Float.self) == random.normal([2]).array(of: Float.self))
    again = random
  }

  @Test func aCopyOfASamplerRestartsFromThere() throws {
    let diffusion = GaussianDiffusion(schedule: NoiseSchedule(.cosine), prediction: .start)
    var sampler = try DPMSolverSampler(diffusion, spacing: .uniform(5))
    let x = RandomSource(seed: 2).normal([1, 4])
    _ = sampler.step(x * 0.5, at: 0, from: x, noise: nil)
    var copy = sampler
    let one = sampler.step(x * 0.2, at: 1, from: x, noise: nil)
    let two = copy.step(x * 0.2, at: 1, from: x, noise: nil)
    #expect(one.next.array(of: Float.self) == two.next.array(of: Float.self))
  }

  @Test func impossibleStepCountsAreErrors() {
    #expect(throws: ConfigError.self) { _ = try SchedulerConfig.prior.sampler(stepCount: 1001) }
    #expect(throws: ConfigError.self) { _ = try SchedulerConfig.prior.sampler(stepCount: 0) }
  }

  @Test func brokenContractsTrap() async {
    expectTrap(
      "step 0 of the sampler needs noise",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        var sampler = try SchedulerConfig.prior.sampler(stepCount: 5)
        let x = Tensor.zeros([1, 2])
        _ = sampler.step(x, at: 0, from: x, noise: nil)
      })
    expectTrap(
      "2 random sources for 3 rows",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = normalNoise([3, 2], using: [RandomSource(seed: 0), RandomSource(seed: 1)])
      })
  }
}
