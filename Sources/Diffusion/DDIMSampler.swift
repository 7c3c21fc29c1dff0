public import Config
public import Torch

/// DDIM: a step keeps the predicted start and moves along the implied noise.
///
/// η = 0 samples no noise, so the start decides the result; η = 1 is as noisy as
/// ``DDPMSampler``. The noise is derived again from the thresholded start, without which samples
/// drift. A learned variance is ignored.
/// Source: Song et al. 2020, equation 12; guided-diffusion `ddim_sample`.
public struct DDIMSampler: Sampler, Sendable {
  private let trajectory: Trajectory
  private let eta: Double

  /// Makes a sampler of `diffusion` that visits the timesteps of `spacing`.
  ///
  /// The predicted start is not clamped unless `threshold` says so. diffusers clamps it by default
  /// (`clip_sample`): `.range(1)` does the same, and keeps images of a noisy prediction in bounds.
  /// - Throws: `ConfigError` when the process has no such timesteps.
  /// - Precondition: `eta` lies between 0 and 1.
  public init(
    _ diffusion: GaussianDiffusion, spacing: TimestepSpacing, eta: Double = 0,
    threshold: Threshold = .none
  ) throws(ConfigError) {
    precondition(eta >= 0 && eta <= 1, "η is \(eta), outside 0 ... 1")
    trajectory = try Trajectory(diffusion, spacing: spacing, threshold: threshold)
    self.eta = eta
  }

  /// Timesteps of the original process, descending.
  public var timesteps: [Int] { trajectory.timesteps }

  /// Noise is sampled at every timestep above 0, if η is above 0.
  public func drawsNoise(at index: Int) -> Bool { eta > 0 && timesteps[index] > 0 }

  /// Carries the predicted start and noise down to the next timestep.
  public func step(
    _ output: Tensor, at index: Int, from sample: Tensor, noise: Tensor?
  ) -> StepOutput {
    let t = trajectory.position(of: index)
    let schedule = trajectory.diffusion.schedule
    let start = trajectory.predictedStart(output, sample: sample, at: index)
    let epsilon = trajectory.diffusion.predictedEpsilon(start: start, sample: sample, at: [t])
    let before = schedule.previousAlphaBars[t]
    let fraction = (1 - before) / (1 - schedule.alphaBars[t])
    let variance = eta * eta * fraction * (1 - schedule.alphaBars[t] / before)
    var next = start * before.squareRoot() + epsilon * max(1 - before - variance, 0).squareRoot()
    if drawsNoise(at: index) {
      next = next + trajectory.required(noise, at: index) * variance.squareRoot()
    }
    return trajectory.output(next, predictedStart: start, at: index)
  }
}

/// DDIM run backwards, from a clean sample to the noise from which ``DDIMSampler`` with η = 0 and
/// the same threshold generates it.
///
/// Each of its steps is the inverse of one of the sampler's, but the network is given the sample
/// before the step where the sampler gives it the sample after it. So the error of the round trip
/// falls with the number of steps. Guidance would break the round trip, and so there is none.
/// Source: Song et al. 2020, 4.3; diffusers `DDIMInverseScheduler`.
public struct DDIMInversion: Sampler, Sendable {
  /// Timesteps of the original process, ascending.
  public let timesteps: [Int]
  private let diffusion: GaussianDiffusion
  private let threshold: Threshold

  /// Makes the inversion over the timesteps of `spacing`.
  ///
  /// - Throws: `ConfigError` when the process has no such timesteps.
  public init(
    _ diffusion: GaussianDiffusion, spacing: TimestepSpacing, threshold: Threshold = .none
  ) throws(ConfigError) {
    self.threshold = threshold
    timesteps = try spacing.timesteps(of: diffusion.schedule.stepCount)
    self.diffusion = diffusion.respaced(to: timesteps)
  }

  /// No noise is sampled.
  public func drawsNoise(at index: Int) -> Bool { false }

  /// Carries the sample, clean or at the timestep before, up to the timestep at `index`.
  public func step(
    _ output: Tensor, at index: Int, from sample: Tensor, noise: Tensor?
  ) -> StepOutput {
    // What the network says of a sample at the timestep it is given; dividing by the deviation of
    // the sample's own timestep would be dividing by zero in the first step.
    let seen = threshold(diffusion.predictedStart(output, sample: sample, at: [index]))
    let epsilon = diffusion.predictedEpsilon(start: seen, sample: sample, at: [index])
    let schedule = diffusion.schedule
    let (before, after) = (schedule.previousAlphaBars[index], schedule.alphaBars[index])
    let start = (sample.asSamplingType - epsilon * (1 - before).squareRoot()) / before.squareRoot()
    return StepOutput(
      next: start * after.squareRoot() + epsilon * (1 - after).squareRoot(),
      predictedStart: start, index: index, timestep: timesteps[index])
  }
}
