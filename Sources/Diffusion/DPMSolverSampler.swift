public import Config
import Foundation
public import Torch
import TorchNN

/// DPM-Solver++ of second order, multistep: good pictures in 10 to 20 steps, without noise.
///
/// The first step is of first order, and so is the last, which returns the predicted start. A
/// learned variance is ignored.
/// Source: Lu et al. 2022, algorithm 2 (2M); diffusers `DPMSolverMultistepScheduler`.
public struct DPMSolverSampler: Sampler {
  /// Timesteps of the original process, descending.
  public let timesteps: [Int]
  private let diffusion: GaussianDiffusion
  private let threshold: Threshold
  private var earlierStart: Tensor?

  /// Makes a sampler of `diffusion` that visits the timesteps of `spacing`.
  ///
  /// Throws: `ConfigError` when the process has no such timesteps.
  public init(
    _ diffusion: GaussianDiffusion, spacing: TimestepSpacing, threshold: Threshold = .none
  ) throws(ConfigError) {
    let visited = try spacing.timesteps(of: diffusion.schedule.stepCount)
    timesteps = visited.reversed()
    self.diffusion = diffusion.respaced(to: visited)
    self.threshold = threshold
  }

  /// No noise is drawn.
  public func drawsNoise(at index: Int) -> Bool { false }

  /// Extrapolates from this and the step before to the next timestep.
  public mutating func step(
    _ output: Tensor, at index: Int, from sample: Tensor, noise: Tensor?
  ) -> StepOutput {
    let t = timesteps.count - 1 - index
    let start = threshold(diffusion.predictedStart(output, sample: sample, at: [t]))
    defer { earlierStart = start }
    func result(_ previous: Tensor) -> StepOutput {
      StepOutput(
        previous: previous, predictedStart: start, index: index, timestep: timesteps[index])
    }
    guard t > 0 else { return result(start) }

    let bars = diffusion.schedule.alphaBars
    let (from, to) = (bars[t], bars[t - 1])
    let h = halfLogSNR(to) - halfLogSNR(from)
    var direction = start
    if let earlierStart, index > 0 {
      let ratio = (halfLogSNR(from) - halfLogSNR(bars[t + 1])) / h
      direction = start + (start - earlierStart) * (0.5 / ratio)
    }
    let kept = ((1 - to) / (1 - from)).squareRoot()
    return result(sample.sampling * kept - direction * (to.squareRoot() * expm1(-h)))
  }
}

/// ln(α / σ), half the logarithm of the signal-to-noise ratio.
private func halfLogSNR(_ alphaBar: Double) -> Double {
  (log(alphaBar) - log1p(-alphaBar)) / 2
}
