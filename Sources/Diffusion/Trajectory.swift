import Config
import Torch

/// The timesteps a sampler visits, and the noising process over those alone.
///
/// Samplers count down from the noisiest timestep; the respaced process counts up from the
/// cleanest. ``position(of:)`` converts the one to the other.
struct Trajectory: Sendable {
  /// Timesteps of the original process, descending.
  let timesteps: [Int]
  /// The process respaced to the visited timesteps.
  let diffusion: GaussianDiffusion
  private let threshold: Threshold

  /// - Throws: `ConfigError` when the process has no such timesteps.
  init(
    _ diffusion: GaussianDiffusion, spacing: TimestepSpacing, threshold: Threshold
  ) throws(ConfigError) {
    let visited = try spacing.timesteps(of: diffusion.schedule.stepCount)
    timesteps = visited.reversed()
    self.diffusion = diffusion.respaced(to: visited)
    self.threshold = threshold
  }

  /// The position of the sampler's step `index` in the respaced process.
  func position(of index: Int) -> Int { timesteps.count - 1 - index }

  /// Computes the x_0 predicted at step `index`, thresholded. Shapes: as the sample.
  func predictedStart(_ output: Tensor, sample: Tensor, at index: Int) -> Tensor {
    threshold(diffusion.predictedStart(output, sample: sample, at: [position(of: index)]))
  }

  /// Returns the result of step `index`.
  func output(_ next: Tensor, predictedStart: Tensor, at index: Int) -> StepOutput {
    StepOutput(
      next: next, predictedStart: predictedStart, index: index, timestep: timesteps[index])
  }

  /// Returns the noise of step `index`, in the type of sampling.
  func required(_ noise: Tensor?, at index: Int) -> Tensor {
    guard let noise else { preconditionFailure("step \(index) of the sampler needs noise") }
    return noise.asSamplingType
  }
}
