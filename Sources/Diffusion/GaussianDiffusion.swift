public import Config
import Foundation
public import Torch

/// The quantity that a network predicts; raw values are diffusers' `prediction_type`.
public enum Prediction: String, ConfigChoice {
  /// The noise ε.
  case epsilon
  /// The clean sample x_0.
  case start = "sample"
  /// √ᾱ ε − √(1 − ᾱ) x_0.
  case v = "v_prediction"
}

/// The variance of a reverse step; raw values are diffusers' `variance_type`.
public enum Variance: String, ConfigChoice {
  /// β̃_t, the posterior's.
  case fixedSmall = "fixed_small_log"
  /// β_t, but β̃_1 at t = 0.
  case fixedLarge = "fixed_large"
  /// Learned: the second half of the output channels interpolates log β̃_t (−1) and log β_t (1).
  case learnedRange = "learned_range"
}

/// A Gaussian with a diagonal covariance.
public struct GaussianMoments {
  /// The mean.
  public let mean: Tensor
  /// The logarithm of the variance, of a shape that broadcasts with the mean.
  public let logVariance: Tensor

  /// The variance.
  public var variance: Tensor { logVariance.exp() }
}

/// A Gaussian diffusion process and what a network predicts of its reversal.
///
/// Tensors are `[B, C, …]`, computed in float32 (in float64 if the sample is). Timesteps index
/// ``schedule``, one for each row or one for all.
///
/// Source: DDPM; IDDPM; guided-diffusion `GaussianDiffusion`.
public struct GaussianDiffusion: Sendable, Equatable {
  /// The noising process.
  public let schedule: NoiseSchedule
  /// What the network predicts.
  public let prediction: Prediction
  /// The variance of a reverse step.
  public let variance: Variance

  /// Makes the process.
  ///
  /// - Precondition: a network that predicts ε has a schedule that ends with signal, or the last
  ///   x_0 would be undefined.
  public init(
    schedule: NoiseSchedule, prediction: Prediction = .epsilon, variance: Variance = .fixedSmall
  ) {
    precondition(
      prediction != .epsilon || (schedule.alphaBars.last ?? 0) > 0,
      "a network that predicts ε needs a schedule whose last ᾱ is above zero")
    self.schedule = schedule
    self.prediction = prediction
    self.variance = variance
  }

  /// Returns the same process over `timesteps` alone; see ``NoiseSchedule/respaced(to:)``.
  public func respaced(to timesteps: [Int]) -> GaussianDiffusion {
    GaussianDiffusion(
      schedule: schedule.respaced(to: timesteps).schedule, prediction: prediction,
      variance: variance)
  }

  /// Samples `q(x_t | x_0)`: √ᾱ_t x_0 + √(1 − ᾱ_t) ε.
  ///
  /// Shapes: `start`, `noise` `[B, …]`.
  /// - Precondition: there are 1 or B timesteps.
  public func noised(_ start: Tensor, at timesteps: [Int], noise: Tensor) -> Tensor {
    let (signal, deviation) = signalAndDeviation(at: timesteps, like: start)
    return signal * start.asSamplingType + deviation * noise.asSamplingType
  }

  /// Computes `q(x_{t-1} | x_t, x_0)`. Shapes: `start`, `sample` `[B, …]`.
  public func posterior(start: Tensor, sample: Tensor, at timesteps: [Int]) -> GaussianMoments {
    let first = coefficient(at: timesteps, like: sample) { schedule.posteriorStartCoefficient[$0] }
    let second = coefficient(at: timesteps, like: sample) {
      schedule.posteriorSampleCoefficient[$0]
    }
    return GaussianMoments(
      mean: first * start.asSamplingType + second * sample.asSamplingType,
      logVariance: coefficient(at: timesteps, like: sample) { schedule.posteriorLogVariance[$0] })
  }

  /// Computes the x_0 that the network's `output` at `sample` implies; not clipped.
  ///
  /// Shapes: `output` `[B, C or 2C, …]`, `sample` `[B, C, …]`.
  public func predictedStart(_ output: Tensor, sample: Tensor, at timesteps: [Int]) -> Tensor {
    let predicted = predictedPart(of: output, sample: sample)
    let (signal, deviation) = signalAndDeviation(at: timesteps, like: sample)
    switch prediction {
    case .epsilon: return (sample.asSamplingType - deviation * predicted) / signal
    case .start: return predicted
    case .v: return signal * sample.asSamplingType - deviation * predicted
    }
  }

  /// Computes the ε that x_0 implies: `(x_t − √ᾱ_t x_0) / √(1 − ᾱ_t)`. Shapes: both `[B, …]`.
  public func predictedEpsilon(start: Tensor, sample: Tensor, at timesteps: [Int]) -> Tensor {
    let (signal, deviation) = signalAndDeviation(at: timesteps, like: sample)
    return (sample.asSamplingType - signal * start.asSamplingType) / deviation
  }

  /// Returns the target of the network's prediction. Shapes: `start`, `noise` `[B, …]`.
  public func target(start: Tensor, noise: Tensor, at timesteps: [Int]) -> Tensor {
    switch prediction {
    case .epsilon: return noise.asSamplingType
    case .start: return start.asSamplingType
    case .v:
      let (signal, deviation) = signalAndDeviation(at: timesteps, like: start)
      return signal * noise.asSamplingType - deviation * start.asSamplingType
    }
  }

  /// Computes log σ² of the reverse step, of a shape that broadcasts with the sample.
  ///
  /// Shapes: `output` `[B, C or 2C, …]`, `sample` `[B, C, …]`.
  /// - Precondition: the output of a learned variance has twice the sample's channels.
  public func logVariance(_ output: Tensor, sample: Tensor, at timesteps: [Int]) -> Tensor {
    let small = coefficient(at: timesteps, like: sample) { schedule.posteriorLogVariance[$0] }
    switch variance {
    case .fixedSmall:
      return small
    case .fixedLarge:
      let second = schedule.stepCount > 1 ? schedule.posteriorVariance[1] : schedule.betas[0]
      return coefficient(at: timesteps, like: sample) {
        log($0 == 0 ? second : schedule.betas[$0])
      }
    case .learnedRange:
      let channels = sample.dim(1)
      precondition(
        output.dim(1) == 2 * channels,
        "a learned variance needs \(2 * channels) output channels, not \(output.dim(1))")
      let large = coefficient(at: timesteps, like: sample) { log(schedule.betas[$0]) }
      let mix = (output.narrowed(1, start: channels, count: channels).asSamplingType + 1) * 0.5
      return mix * large + (1 - mix) * small
    }
  }

  /// Returns the channels of `output` with the prediction. Shapes:
  /// `[B, C or 2C, …] -> [B, C, …]`.
  func predictedPart(of output: Tensor, sample: Tensor) -> Tensor {
    let channels = sample.dim(1)
    precondition(
      output.dim(1) == channels || output.dim(1) == 2 * channels,
      "the output has \(output.dim(1)) channels for a sample of \(channels)")
    let predicted =
      output.dim(1) == channels ? output : output.narrowed(1, start: 0, count: channels)
    return predicted.asSamplingType
  }

  /// Computes (√ᾱ_t, √(1 − ᾱ_t)).
  func signalAndDeviation(at timesteps: [Int], like x: Tensor) -> (Tensor, Tensor) {
    (
      coefficient(at: timesteps, like: x) { schedule.alphaBars[$0].squareRoot() },
      coefficient(at: timesteps, like: x) { (1 - schedule.alphaBars[$0]).squareRoot() }
    )
  }

  /// Returns the values at the timesteps, shaped to broadcast with the rows of `x`.
  func coefficient(
    at timesteps: [Int], like x: Tensor, _ value: (Int) -> Double
  ) -> Tensor {
    precondition(
      timesteps.count == 1 || timesteps.count == x.dim(0),
      "\(timesteps.count) timesteps for \(x.dim(0)) rows: give one, or one for each row")
    for t in timesteps {
      precondition(
        t >= 0 && t < schedule.stepCount, "timestep \(t) lies outside 0 ..< \(schedule.stepCount)")
    }
    let shape = [timesteps.count] + Array(repeating: 1, count: x.rank - 1)
    return Tensor(timesteps.map(value), shape: shape).to(device: x.device, dtype: x.samplingDType)
  }
}
