public import Config
public import Torch
import TorchNN

/// Ancestral sampling: each step draws from the reverse Gaussian around the posterior mean of
/// the predicted start. The last step returns its mean.
///
/// Source: DDPM algorithm 2; IDDPM 4; diffusers `UnCLIPScheduler`, with which it agrees when the
/// schedule is the float32 reference.
public struct DDPMSampler: Sampler, Sendable {
  /// Timesteps of the original process, descending.
  public let timesteps: [Int]
  private let diffusion: GaussianDiffusion
  private let threshold: Threshold
  private let analytic: AnalyticVariance?

  /// Makes a sampler of `diffusion` that visits the timesteps of `spacing`.
  ///
  /// `analytic`, where given, replaces the variance by the estimate that fits the network.
  /// Throws: `ConfigError` when the process has no such timesteps.
  public init(
    _ diffusion: GaussianDiffusion, spacing: TimestepSpacing, threshold: Threshold = .none,
    analytic: AnalyticVariance? = nil
  ) throws(ConfigError) {
    let visited = try spacing.timesteps(of: diffusion.schedule.stepCount)
    timesteps = visited.reversed()
    self.diffusion = diffusion.respaced(to: visited)
    self.threshold = threshold
    self.analytic = analytic
  }

  /// Noise is drawn at every timestep above 0.
  public func drawsNoise(at index: Int) -> Bool { timesteps[index] > 0 }

  /// Draws x_s from the reverse Gaussian; from timestep 0, takes its mean.
  public func step(
    _ output: Tensor, at index: Int, from sample: Tensor, noise: Tensor?
  ) -> StepOutput {
    let t = timesteps.count - 1 - index
    let start = threshold(diffusion.predictedStart(output, sample: sample, at: [t]))
    var previous = diffusion.posterior(start: start, sample: sample, at: [t]).mean
    if drawsNoise(at: index) {
      guard let noise else { preconditionFailure("step \(index) of the sampler needs noise") }
      previous = previous + deviation(output, sample: sample, at: t) * noise.sampling
    }
    return StepOutput(
      previous: previous, predictedStart: start, index: index, timestep: timesteps[index])
  }

  private func deviation(_ output: Tensor, sample: Tensor, at t: Int) -> Tensor {
    guard let analytic else {
      return (diffusion.logVariance(output, sample: sample, at: [t]) * 0.5).exp()
    }
    let moment = analytic.secondMoments[timesteps[timesteps.count - 1 - t]]
    let variance = analytic.variance(
      alphaBar: diffusion.schedule.alphaBars[t],
      previousAlphaBar: diffusion.schedule.previousAlphaBars[t], secondMoment: moment)
    return diffusion.coefficient(at: [t], like: sample) { _ in variance.squareRoot() }
  }
}
