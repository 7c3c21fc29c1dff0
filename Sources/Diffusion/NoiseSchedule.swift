import Foundation

/// The coefficients of a noising process of ``stepCount`` steps, by timestep `t = 0 ..< stepCount`.
///
/// `q(x_t | x_{t-1}) = N(√(1 − β_t) x_{t-1}, β_t)`; ᾱ_t is the product of `1 − β` up to t.
/// All are computed in double precision; only the final coefficient multiplies a tensor.
///
/// Source: DDPM 2; guided-diffusion `GaussianDiffusion`.
public struct NoiseSchedule: Sendable, Equatable {
  /// β_t, the variance added by step t, in (0, 1].
  public let betas: [Double]
  /// ᾱ_t, the fraction of signal power left after step t; diffusers' `alphas_cumprod`.
  public let alphaBars: [Double]
  /// ᾱ_{t−1}; 1 before the first step.
  public let previousAlphaBars: [Double]
  /// β̃_t, the variance of `q(x_{t-1} | x_t, x_0)`; zero at t = 0.
  public let posteriorVariance: [Double]
  /// log β̃_t; at t = 0, where it would be −∞, the value of t = 1 if there is one.
  public let posteriorLogVariance: [Double]
  /// The factor of x_0 in the mean of `q(x_{t-1} | x_t, x_0)`.
  public let posteriorStartCoefficient: [Double]
  /// The factor of x_t in the mean of `q(x_{t-1} | x_t, x_0)`.
  public let posteriorSampleCoefficient: [Double]
  /// How the tables are rounded.
  public let precision: TablePrecision

  /// Makes the schedule of the given family.
  ///
  /// - Precondition: `stepCount` is at least 1.
  public init(
    _ family: BetaSchedule, stepCount: Int = 1000, precision: TablePrecision = .float64
  ) {
    precondition(stepCount >= 1, "a noise schedule has at least one step, not \(stepCount)")
    self.init(betas: family.betas(stepCount: stepCount), precision: precision)
  }

  /// Makes the schedule whose steps add the variances `betas`.
  ///
  /// - Precondition: there are betas, all in (0, 1].
  public init(betas: [Double], precision: TablePrecision = .float64) {
    switch precision {
    case .float64:
      var product = 1.0
      self.init(
        betas: betas,
        alphaBars: betas.map { beta in
          product *= 1 - beta
          return product
        },
        precision: precision)
    case .float32Reference:
      // LibTorch multiplies float32 factors in double precision and rounds each partial product.
      let rounded = betas.map { Float($0) }
      var product = 1.0
      self.init(
        betas: rounded.map { Double($0) },
        alphaBars: rounded.map { beta in
          product *= Double(1 - beta)
          return Double(Float(product))
        },
        precision: precision)
    }
  }

  private init(betas: [Double], alphaBars: [Double], precision: TablePrecision) {
    precondition(!betas.isEmpty, "a noise schedule has at least one step")
    for (t, beta) in betas.enumerated() {
      precondition(beta > 0 && beta <= 1, "β of step \(t) is \(beta), outside (0, 1]")
    }
    let previous = [1.0] + alphaBars.dropLast()
    let variance = betas.indices.map { betas[$0] * (1 - previous[$0]) / (1 - alphaBars[$0]) }
    self.betas = betas
    self.alphaBars = alphaBars
    self.precision = precision
    previousAlphaBars = previous
    posteriorVariance = variance
    posteriorLogVariance = variance.indices.map { t in
      log(max(t == 0 && variance.count > 1 ? variance[1] : variance[t], 1e-20))
    }
    posteriorStartCoefficient = betas.indices.map {
      previous[$0].squareRoot() * betas[$0] / (1 - alphaBars[$0])
    }
    posteriorSampleCoefficient = betas.indices.map {
      (1 - betas[$0]).squareRoot() * (1 - previous[$0]) / (1 - alphaBars[$0])
    }
  }

  /// The number of noising steps, T.
  public var stepCount: Int { betas.count }

  /// Computes ᾱ_t / (1 − ᾱ_t), the ratio of signal power to noise power after step t.
  public func signalToNoise(at t: Int) -> Double { alphaBars[t] / (1 - alphaBars[t]) }

  /// Respaces the process to `timesteps`, with the same ᾱ at each of them.
  ///
  /// Each new β is `1 − ᾱ_{S_k} / ᾱ_{S_{k−1}}`. A step between neighbours keeps its β, so keeping
  /// every timestep changes nothing.
  ///
  /// Each new β is `1 − ᾱ_{S_k} / ᾱ_{S_{k−1}}`; a step between neighbours keeps its β, so visiting
  /// every step changes nothing.
  /// Source: IDDPM 4; guided-diffusion `SpacedDiffusion`.
  /// - Precondition: `timesteps` ascend within `0 ..< stepCount`.
  /// - Precondition: timesteps ascend within `0 ..< stepCount`.
  public func respaced(to timesteps: [Int]) -> RespacedSchedule {
    precondition(!timesteps.isEmpty, "a respaced schedule visits at least one timestep")
    var previous = -1
    var newBetas: [Double] = []
    for t in timesteps {
      precondition(
        t > previous && t < stepCount,
        "timestep \(t) after \(previous) is not ascending within 0 ..< \(stepCount)")
      let before = previous < 0 ? 1 : alphaBars[previous]
      newBetas.append(t == previous + 1 ? betas[t] : beta(from: before, to: alphaBars[t]))
      previous = t
    }
    return RespacedSchedule(
      schedule: NoiseSchedule(
        betas: newBetas, alphaBars: timesteps.map { alphaBars[$0] }, precision: precision),
      timesteps: timesteps)
  }

  /// Returns the variance added by a step between two ᾱ.
  private func beta(from before: Double, to after: Double) -> Double {
    switch precision {
    case .float64: return 1 - after / before
    // Where β is almost 1, as at the first step of the cosine schedule, diffusers' rounding makes
    // 1 − β wrong by a quarter: images match only with the same error.
    case .float32Reference: return Double(1 - Float(after) / Float(before))
    }
  }

  /// Shifts and scales √ᾱ so that no signal is left after the last step; the first step keeps its
  /// ᾱ.
  ///
  /// Only a network that predicts v or the start can sample from such a schedule.
  ///
  /// Source: Lin et al. 2023, algorithm 1.
  /// - Precondition: there are at least two steps.
  public func withZeroTerminalSignal() -> NoiseSchedule {
    let roots = alphaBars.map { $0.squareRoot() }
    let first = roots[0]
    let last = roots[roots.count - 1]
    precondition(roots.count > 1, "a schedule of one step cannot end without signal")
    let shifted = roots.map { ($0 - last) * first / (first - last) }.map { $0 * $0 }
    let before = [1.0] + shifted.dropLast()
    return NoiseSchedule(
      betas: shifted.indices.map { 1 - shifted[$0] / before[$0] }, alphaBars: shifted,
      precision: precision)
  }
}

/// A noise schedule over some timesteps of another.
public struct RespacedSchedule: Sendable, Equatable {
  /// The schedule, one step for each entry of ``timesteps``.
  public let schedule: NoiseSchedule
  /// Ascending indices of the original process; the timesteps the network is given.
  public let timesteps: [Int]
}
