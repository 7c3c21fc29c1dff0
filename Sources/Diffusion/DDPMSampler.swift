public import Config
public import Torch

/// Ancestral sampling: each step samples from the reverse Gaussian around the posterior mean of
/// the predicted start. The last step returns its mean.
///
/// Source: DDPM algorithm 2; IDDPM 4; diffusers `UnCLIPScheduler`, which it equals on the float32
/// reference schedule.
public struct DDPMSampler: Sampler, Sendable {
  private let trajectory: Trajectory
  private let analytic: AnalyticVariance?

  /// Makes a sampler of `diffusion` that visits the timesteps of `spacing`.
  ///
  /// - Parameters:
  ///   - diffusion: The process that the network was trained with.
  ///   - spacing: How timesteps are chosen.
  ///   - threshold: How the predicted start is clipped.
  ///   - analytic: The variance estimated for the network, instead of the process's or a learned one.
  /// - Throws: `ConfigError` when the process has no such timesteps.
  /// - Precondition: An analytic variance covers the process.
  public init(
    _ diffusion: GaussianDiffusion, spacing: TimestepSpacing, threshold: Threshold = .none,
    analytic: AnalyticVariance? = nil
  ) throws(ConfigError) {
    trajectory = try Trajectory(diffusion, spacing: spacing, threshold: threshold)
    self.analytic = analytic
    precondition(
      analytic.map { $0.startErrors.count > trajectory.timesteps.first ?? 0 } ?? true,
      "an analytic variance of \(analytic?.startErrors.count ?? 0) timesteps for a longer process")
  }

  /// Timesteps of the original process, descending.
  public var timesteps: [Int] { trajectory.timesteps }

  /// Noise is sampled at every step but the last, whose timestep need not be 0.
  public func drawsNoise(at index: Int) -> Bool { index < timesteps.count - 1 }

  /// Samples x_s from the reverse Gaussian; at the last step, takes its mean.
  public func step(
    _ output: Tensor, at index: Int, from sample: Tensor, noise: Tensor?
  ) -> StepOutput {
    let start = trajectory.predictedStart(output, sample: sample, at: index)
    let t = trajectory.position(of: index)
    var next = trajectory.diffusion.posterior(start: start, sample: sample, at: [t]).mean
    if drawsNoise(at: index) {
      let noise = trajectory.required(noise, at: index)
      next = next + deviation(output, sample: sample, at: index) * noise
    }
    return trajectory.output(next, predictedStart: start, at: index)
  }

  private func deviation(_ output: Tensor, sample: Tensor, at index: Int) -> Tensor {
    let diffusion = trajectory.diffusion
    let t = trajectory.position(of: index)
    guard let analytic else {
      return (diffusion.logVariance(output, sample: sample, at: [t]) * 0.5).exp()
    }
    let variance = analytic.variance(
      alphaBar: diffusion.schedule.alphaBars[t],
      previousAlphaBar: diffusion.schedule.previousAlphaBars[t],
      startError: analytic.startErrors[timesteps[index]])
    return diffusion.coefficient(at: [t], like: sample) { _ in variance.squareRoot() }
  }
}
