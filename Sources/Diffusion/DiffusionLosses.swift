import Foundation
public import Torch

/// The terms of a training loss.
public struct DiffusionLosses {
  /// The scalar to differentiate: the mean over rows of the weighted error plus the bound's term.
  /// Shapes: `[]`.
  public let total: Tensor
  /// The mean squared error of each row, `[B]`, unweighted and without gradient.
  public let squaredError: Tensor
  /// The term of the variational bound of each row, `[B]`, in bits per dimension, without gradient;
  /// nil unless the variance is learned.
  public let bound: Tensor?
}

extension GaussianDiffusion {
  /// Returns the loss of the network's `output` for a sample made by ``noised(_:at:noise:)``.
  ///
  /// The squared error of the prediction, weighted by `weighting`. With a learned variance the
  /// bound is added, times T / 1000; it trains only the variance, since its mean is detached.
  ///
  /// Shapes: `output` `[B, C or 2C, …]`; `start`, `sample`, `noise` `[B, C, …]`.
  ///
  /// Source: IDDPM 3.1; guided-diffusion `training_losses`; see ``LossWeighting``.
  public func trainingLosses(
    _ output: Tensor, start: Tensor, sample: Tensor, noise: Tensor, at timesteps: [Int],
    weighting: LossWeighting = .uniform
  ) -> DiffusionLosses {
    let target = target(start: start, noise: noise, at: timesteps)
    let error = rowMean((predictedPart(of: output, sample: sample) - target).square())
    var loss = error
    if weighting != .uniform {
      let weights = Tensor(timesteps.map { weight(at: $0, weighting) })
      loss = loss * weights.to(device: loss.device, dtype: loss.dtype)
    }
    var bound: Tensor?
    if variance == .learnedRange {
      let term = variationalBound(output, start: start, sample: sample, at: timesteps)
      loss = loss + term * (Double(schedule.stepCount) / 1000)
      bound = term.detached()
    }
    return DiffusionLosses(total: loss.mean(), squaredError: error.detached(), bound: bound)
  }

  /// Returns the weight of the squared error at timestep `t`.
  ///
  /// A rule weights the error of the start. Divided by SNR for ε and by SNR + 1 for v, it is the
  /// same rule whatever the network predicts.
  public func weight(at t: Int, _ weighting: LossWeighting) -> Double {
    let ratio = schedule.signalToNoise(at: t)
    let ofStart: Double
    switch weighting {
    case .uniform: return 1
    case .minSNR(let gamma): ofStart = min(ratio, gamma)
    case .truncatedSNR(let gamma): ofStart = min(max(ratio, 1), gamma)
    case .p2(let gamma, let k): ofStart = ratio / Foundation.pow(k + ratio, gamma)
    }
    switch prediction {
    case .epsilon: return ofStart / ratio
    case .start: return ofStart
    case .v: return ofStart / (ratio + 1)
    }
  }

  /// One term of the variational bound for each row, in bits per dimension: the KL divergence of
  /// the posterior from the reverse step, or at t = 0 the likelihood of the start, discretised to 8
  /// bits.
  ///
  /// The predicted mean is detached and x_0 is not clipped.
  ///
  /// Shapes: `output` `[B, C or 2C, …]`; `start`, `sample` `[B, C, …]`; result `[B]`.
  ///
  /// Source: IDDPM 3.1; guided-diffusion `_vb_terms_bpd`.
  public func variationalBound(
    _ output: Tensor, start: Tensor, sample: Tensor, at timesteps: [Int]
  ) -> Tensor {
    let truth = posterior(start: start, sample: sample, at: timesteps)
    let predicted = predictedStart(output, sample: sample, at: timesteps).detached()
    let mean = posterior(start: predicted, sample: sample, at: timesteps).mean
    let logVariance = logVariance(output, sample: sample, at: timesteps)
    let divergence = normalDivergence(
      truth.mean, truth.logVariance, from: mean, logVariance)
    let likelihood = discretisedLogLikelihood(
      start.asSamplingType, mean: mean, logScale: logVariance * 0.5)
    let isFirst = Tensor(timesteps.map { $0 == 0 }).to(start.device)
    return Tensor.where(isFirst, -rowMean(likelihood), rowMean(divergence)) / Foundation.log(2)
  }
}

/// Computes KL(N(m1, e^v1) ‖ N(m2, e^v2)) in nats, element by element.
func normalDivergence(_ m1: Tensor, _ v1: Tensor, from m2: Tensor, _ v2: Tensor) -> Tensor {
  ((v1 - v2).exp() + (m1 - m2).square() * (-v2).exp() - 1 + v2 - v1) * 0.5
}

/// log P of pixels of 8 bits in [-1, 1] under a normal distribution, whose mass is taken over the
/// step of 2/255 around each value; the two ends take the tails.
func discretisedLogLikelihood(_ x: Tensor, mean: Tensor, logScale: Tensor) -> Tensor {
  let centred = x - mean
  let inverse = (-logScale).exp()
  let above = approximateNormalCDF((centred + 1.0 / 255) * inverse)
  let below = approximateNormalCDF((centred - 1.0 / 255) * inverse)
  let inside = Tensor.where(
    x .> 0.999, (1 - below).clamped(min: 1e-12, max: nil).log(),
    (above - below).clamped(min: 1e-12, max: nil).log())
  return Tensor.where(x .< -0.999, above.clamped(min: 1e-12, max: nil).log(), inside)
}

/// Computes the normal distribution function by the tanh approximation that guided-diffusion trains
/// with.
private func approximateNormalCDF(_ x: Tensor) -> Tensor {
  ((x + x * x * x * 0.044715) * (2 / Double.pi).squareRoot()).tanh() * 0.5 + 0.5
}

/// Returns the mean of each row. Shapes: `[B, …] -> [B]`.
private func rowMean(_ x: Tensor) -> Tensor { x.reshaped([x.dim(0), -1]).mean(over: 1) }
