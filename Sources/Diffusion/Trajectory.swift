import Config
import Torch

/// The timesteps a sampler visits, and the noising process over those alone.
///
/// Samplers walk down: index 0 is the noisiest timestep. The respaced process is indexed upwards,
/// from the cleanest; ``position(of:)`` turns the one into the other.
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

  /// Returns the place of the sampler's step `index` in the respaced process.
  func position(of index: Int) -> Int { timesteps.count - 1 - index }

  /// Computes x_0 as predicted at step `index`, thresholded. Shapes: as the sample.
  func predictedStart(_ output: Tensor, sample: Tensor, at index: Int) -> Tensor {
    threshold(diffusion.predictedStart(output, sample: sample, at: [position(of: index)]))
  }

  /// Returns the result of step `index`.
  func output(_ next: Tensor, predictedStart: Tensor, at index: Int) -> StepOutput {
    StepOutput(
      next: next, predictedStart: predictedStart, index: index, timestep: timesteps[index])
  }

  /// Returns the noise of step `index`, in the type sampling is computed in.
  func required(_ noise: Tensor?, at index: Int) -> Tensor {
    guard let noise else { preconditionFailure("step \(index) of the sampler needs noise") }
    return noise.asSamplingType
  }
}
