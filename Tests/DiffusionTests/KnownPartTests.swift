import TestSupport
import Testing
import Torch

@testable import Diffusion

@Suite struct KnownPartTests {
  private let golden = Golden("diffusion/repaint")

  /// The timesteps of a walk over a process of as many steps, each jump's ups included.
  private func timesteps(_ steps: Int, _ jumps: ResamplingJumps) -> [Int] {
    var walk: [Int] = []
    for visit in jumps.visits(of: steps) {
      switch visit {
      case .step(let index): walk.append(steps - 1 - index)
      case .jump(let index): walk += ((walk.last ?? 0) + 1)...(steps - index)
      }
    }
    return walk
  }

  @Test(arguments: [(10, 1, 3), (10, 3, 2), (25, 4, 5), (3, 1, 5), (5, 10, 4), (1, 1, 3)])
  func walksAsDiffusers(steps: Int, length: Int, samples: Int) throws {
    let jumps = ResamplingJumps(count: samples - 1, length: length)
    let expected = try golden.ints("walk.\(steps).\(length).\(samples)")
    #expect(timesteps(steps, jumps) == expected)
    let taken = jumps.visits(of: steps).count { if case .step = $0 { true } else { false } }
    #expect(taken <= steps * samples, "a stretch is passed at most 1 + jumps times")
  }

  @Test(arguments: [0.0, 1.0]) func everyStepAndJumpIsDiffusers(eta: Double) throws {
    let process = GaussianDiffusion(
      schedule: NoiseSchedule(.cosine, stepCount: 6, precision: .float32Reference))
    let sampler = try DDIMSampler(process, spacing: .uniform(6), eta: eta)
    let jumps = ResamplingJumps(count: 2)
    let known = try KnownPart(
      start: golden["chain.\(eta).start"], mask: golden["chain.\(eta).mask"], process: process,
      resampling: jumps)
    let samples = try golden["chain.\(eta).samples"]
    let outputs = try golden["chain.\(eta).outputs"]
    let noises = try golden["chain.\(eta).noises"]
    var (sample, output, level) = (samples[0], 0, 0)
    for (number, visit) in jumps.visits(of: 6).enumerated() {
      func timestep(_ index: Int) -> Int? { index < 6 ? sampler.timesteps[index] : nil }
      switch visit {
      case .step(let index):
        level = index + 1
        sample = known.kept(
          in: sampler.step(outputs[output], at: index, from: sample, noise: noises[number]).next,
          at: timestep(level), noise: noises[number])
        output += 1
      case .jump(let index):
        sample = try known.jumped(
          sample, from: timestep(level), to: #require(timestep(index)), noise: noises[number])
        level = index
      }
      expectClose(sample, samples[number + 1], .products, "visit \(number), \(visit)")
    }
    #expect(output == outputs.dim(0))
  }

  /// Known elements of correlated Gaussian data: what is generated beside one should be
  /// distributed as the condition says, and going back brings it nearer to that.
  @Test func goingBackBringsTheRestIntoAgreement() throws {
    let (correlation, value, rows) = (0.9, 1.5, 2000)
    let process = GaussianDiffusion(schedule: NoiseSchedule(.cosine, stepCount: 1000))
    let known = Tensor([value, 0], shape: [1, 2]).to(.float64)
    func error(_ jumps: Int) throws -> Double {
      var denoising = denoise(
        RandomSource(seed: 1).normal([rows, 2], dtype: .float64),
        with: try DDPMSampler(process, spacing: .uniform(20)), using: [RandomSource(seed: 2)],
        keeping: KnownPart(
          start: known, mask: Tensor([1, 0], shape: [1, 2]).to(.float64), process: process,
          resampling: ResamplingJumps(count: jumps))
      ) { sample, timestep in
        // √(1 − ᾱ) (ᾱ C + (1 − ᾱ) I)⁻¹ x, by the eigenvectors (1, 1) and (1, −1).
        let bar = process.schedule.alphaBars[timestep]
        let x = sample.narrowed(1, start: 0, count: 1)
        let y = sample.narrowed(1, start: 1, count: 1)
        let sum = (x + y) * 0.5 / (1 + bar * correlation)
        let difference = (x - y) * 0.5 / (1 - bar * correlation)
        return Tensor.concatenated([sum + difference, sum - difference], over: 1)
          * (1 - bar).squareRoot()
      }
      let result = denoising.finish()
      #expect(
        result.narrowed(1, start: 0, count: 1).array(of: Double.self)
          == .init(repeating: value, count: rows))
      return abs(result.narrowed(1, start: 1, count: 1).mean().item() - correlation * value)
    }
    let (straight, back) = (try error(0), try error(10))
    #expect(back < 0.06, "the mean beside \(value) is \(back) off")
    #expect(back < straight / 2, "\(straight) straight, \(back) going back")
  }

  @Test func theSolverBeginsAnewAfterAJump() throws {
    let process = GaussianDiffusion(schedule: NoiseSchedule(.cosine, stepCount: 100))
    let start = RandomSource(seed: 3).uniform([1, 3, 4, 4])
    let mask = RandomSource(seed: 4).bernoulli(0.5, [1, 1, 4, 4])
    for kind in SamplerKind.allCases {
      var config = SchedulerConfig.upsampler
      config.trainStepCount = 100
      var denoising = denoise(
        RandomSource(seed: 1).normal([1, 3, 4, 4]),
        with: try config.sampler(for: sampling(kind, of: config)), using: [RandomSource(seed: 2)],
        keeping: KnownPart(
          start: start, mask: mask, process: process, resampling: .init(count: 2, length: 2))
      ) { sample, _ in sample * 0.5 }
      #expect(denoising.stepCount == 5 + 2 * 2 * 2)
      var numbers: [Int] = []
      while let step = denoising.next() {
        numbers.append(step.number)
        #expect(step.next.isFinite().all().item() == 1)
        #expect(step.count == denoising.stepCount)
      }
      #expect(numbers == Array(1...denoising.stepCount))
      let result = denoising.finish()
      expectClose(result * mask, start * mask, .exact, "\(kind)")
    }
  }

  private func sampling(_ kind: SamplerKind, of config: SchedulerConfig) -> StageSampling {
    var sampling = StageSampling(steps: 5, sampler: kind)
    sampling.analyticVariance = AnalyticVariance(
      startErrors: Array(repeating: 0.1, count: config.trainStepCount))
    return sampling
  }

  @Test func aStrengthTakesItsStepsOverThatFraction() throws {
    let config = SchedulerConfig.decoder
    #expect(try config.sampler(stepCount: 5).timesteps.first == 999)
    #expect(try config.sampler(for: .init(steps: 5), strength: 1).timesteps.count == 5)
    for kind in SamplerKind.allCases {
      let sampling = sampling(kind, of: config)
      let sampler = try config.sampler(for: sampling, strength: 0.3)
      #expect(sampler.timesteps.count == 5 && sampler.timesteps.first == 299)
      #expect(try config.sampler(for: sampling, strength: 0.002).timesteps == [1, 0])
      #expect(try config.sampler(for: sampling, strength: 1e-9).timesteps == [0])
    }
    #expect(throws: (any Error).self) { try config.sampler(for: .init(steps: 2000), strength: 0.5) }
  }
}
