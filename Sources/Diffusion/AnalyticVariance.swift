public import Torch

/// The optimal variance of a reverse step, given the mean that a network predicts.
///
/// It needs one value per timestep, Γ_t = E‖ε̂(x_t, t)‖² / d over training data, which lies between
/// 0 and 1 for a perfect network.
///
/// Source: Bao et al. 2022, Analytic-DPM, theorem 1 and 4.
public struct AnalyticVariance: Sendable, Equatable {
  /// Γ for each timestep of the original process; values above 1 are taken as 1.
  public let secondMoments: [Double]
  /// The largest variance of the data given a noisy sample: 1 for data in [-1, 1].
  public let dataVariance: Double

  /// Makes the variance from estimates of Γ.
  public init(secondMoments: [Double], dataVariance: Double = 1) {
    self.secondMoments = secondMoments.map { min($0, 1) }
    self.dataVariance = dataVariance
  }

  /// Computes σ² of the step from ᾱ to the previous, larger one.
  public func variance(
    alphaBar: Double, previousAlphaBar: Double, secondMoment: Double
  ) -> Double {
    let skipBeta = 1 - alphaBar / previousAlphaBar
    let noise = 1 - alphaBar
    let spread = min(max(noise / alphaBar * (1 - secondMoment), 0), dataVariance)
    return skipBeta * (1 - previousAlphaBar) / noise
      + previousAlphaBar * skipBeta * skipBeta / (noise * noise) * spread
  }
}

/// Estimates Γ over batches; timesteps without a batch are interpolated between their neighbours.
public struct SecondMomentEstimate {
  private var sums: [Double]
  private var counts: [Int]

  /// Starts an estimate for a process of `stepCount` steps.
  public init(stepCount: Int) {
    sums = Array(repeating: 0, count: stepCount)
    counts = Array(repeating: 0, count: stepCount)
  }

  /// Adds a batch of predicted noise. Shapes: `epsilon` `[B, …]`, a timestep for each row.
  public mutating func add(epsilon: Tensor, at timesteps: [Int]) {
    precondition(
      timesteps.count == epsilon.dim(0), "\(timesteps.count) timesteps, \(epsilon.dim(0)) rows")
    let rows = epsilon.detached().to(.float32).reshaped([epsilon.dim(0), -1])
    let moments = rows.square().mean(over: 1).array(of: Double.self)
    for (t, moment) in zip(timesteps, moments) {
      sums[t] += moment
      counts[t] += 1
    }
  }

  /// The estimates so far; nil before the first batch.
  public var secondMoments: [Double]? {
    let seen = counts.indices.filter { counts[$0] > 0 }
    guard let first = seen.first, let last = seen.last else { return nil }
    func mean(_ t: Int) -> Double { sums[t] / Double(counts[t]) }
    var moments = Array(repeating: mean(first), count: counts.count)
    for (low, high) in zip(seen, seen.dropFirst()) {
      for t in low...high {
        let fraction = Double(t - low) / Double(high - low)
        moments[t] = mean(low) + (mean(high) - mean(low)) * fraction
      }
    }
    for t in last..<counts.count { moments[t] = mean(last) }
    return moments
  }
}
