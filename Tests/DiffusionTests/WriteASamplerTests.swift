import Config
import Diffusion
import TestSupport
import Testing
import Torch

struct PlainDDIM: Sampler {
  let timesteps: [Int]
  let process: GaussianDiffusion

  init(_ process: GaussianDiffusion, stepCount: Int) throws(ConfigError) {
    let visited = try TimestepSpacing.uniform(stepCount).timesteps(of: process.schedule.stepCount)
    timesteps = visited.reversed()
    self.process = process.respaced(to: visited)
  }

  func drawsNoise(at index: Int) -> Bool { false }

  func step(_ output: Tensor, at index: Int, from sample: Tensor, noise: Tensor?) -> StepOutput {
    let t = timesteps.count - 1 - index
    let start = process.predictedStart(output, sample: sample, at: [t])
    let epsilon = process.predictedEpsilon(start: start, sample: sample, at: [t])
    let alphaBar = process.schedule.previousAlphaBars[t]
    let next = start * alphaBar.squareRoot() + epsilon * (1 - alphaBar).squareRoot()
    return StepOutput(next: next, predictedStart: start, index: index, timestep: timesteps[index])
  }
}

/// The code of the article "Write a sampler", compiled and run.
@Suite struct WriteASamplerTests {
  @Test func theArticleIsThisFile() throws {
    try expectCompiled(article: "Diffusion/Diffusion.docc/WriteASampler.md")
  }

  @Test func theExampleIsDDIM() throws {
    let process = GaussianDiffusion(schedule: NoiseSchedule(.cosine))
    let noise = RandomSource(seed: 4).normal([2, 3, 4, 4])
    func network(_ sample: Tensor, _ timestep: Int) -> Tensor {
      sample * 0.3 + Double(timestep) / 1e3
    }

    let sampler = try PlainDDIM(process, stepCount: 10)
    var result = noise
    for step in denoise(noise, with: sampler, using: RandomSource(seed: 0), model: network) {
      result = step.next
    }

    let ddim = try DDIMSampler(process, spacing: .uniform(10))
    #expect(sampler.timesteps == ddim.timesteps)
    var expected = denoise(noise, with: ddim, using: RandomSource(seed: 0), model: network)
    expectClose(result, expected.finish(), .exact)
  }
}
