public import Config
import Foundation
public import Torch

/// DPM-Solver++, multistep, of second order: good images in 10 to 20 steps, without added noise.
///
/// The first step is of first order, and so is the last, which returns the predicted start. A
/// learned variance is ignored.
/// Source: Lu et al. 2022, algorithm 2 (2M); diffusers `DPMSolverMultistepScheduler`.
public struct DPMSolverSampler: Sampler {
  private let trajectory: Trajectory
  private var earlierStart: Tensor?

  /// Makes a sampler of `diffusion` that visits the timesteps of `spacing`.
  ///
  /// - Throws: `ConfigError` when the process has no such timesteps, or ends without signal, of
  ///   which the solver needs the logarithm.
  public init(
    _ diffusion: GaussianDiffusion, spacing: TimestepSpacing, threshold: Threshold = .none
  ) throws(ConfigError) {
    guard (diffusion.schedule.alphaBars.last ?? 0) > 0 else {
      throw ConfigError.invalid(
        file: "sampling", key: "sampler", value: "dpm++",
        expected: "a process that ends without signal (rescale_betas_zero_snr) needs ddim")
    }
    trajectory = try Trajectory(diffusion, spacing: spacing, threshold: threshold)
  }

  /// Timesteps of the original process, descending.
  public var timesteps: [Int] { trajectory.timesteps }

  /// No noise is sampled.
  public func drawsNoise(at index: Int) -> Bool { false }

  /// Extrapolates from this and the step before to the next timestep.
  public mutating func step(
    _ output: Tensor, at index: Int, from sample: Tensor, noise: Tensor?
  ) -> StepOutput {
    let t = trajectory.position(of: index)
    let start = trajectory.predictedStart(output, sample: sample, at: index)
    defer { earlierStart = start }
    guard t > 0 else { return trajectory.output(start, predictedStart: start, at: index) }

    let bars = trajectory.diffusion.schedule.alphaBars
    let (from, to) = (bars[t], bars[t - 1])
    let h = halfLogSNR(to) - halfLogSNR(from)
    var direction = start
    if let earlierStart, index > 0 {
      let ratio = (halfLogSNR(from) - halfLogSNR(bars[t + 1])) / h
      direction = start + (start - earlierStart) * (0.5 / ratio)
    }
    let kept = ((1 - to) / (1 - from)).squareRoot()
    let next = sample.asSamplingType * kept - direction * (to.squareRoot() * expm1(-h))
    return trajectory.output(next, predictedStart: start, at: index)
  }
}

/// Computes ln(α / σ), half the logarithm of the signal-to-noise ratio.
private func halfLogSNR(_ alphaBar: Double) -> Double {
  (log(alphaBar) - log1p(-alphaBar)) / 2
}
