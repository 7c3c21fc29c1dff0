public import Config
import Foundation

/// A family of noise schedules; raw values are diffusers' names.
public enum BetaSchedule: String, ConfigChoice {
  /// Nichol and Dhariwal's squared cosine, each β capped at 0.999.
  case cosine = "squaredcos_cap_v2"
  /// Linear β of Ho et al.
  case linear = "linear"

  /// Returns the variances β of the `stepCount` noising steps.
  ///
  /// The linear schedule runs from 1e-4 to 0.02 for a thousand steps; for other counts it is scaled
  /// to leave about as much signal.
  ///
  /// Source: IDDPM 3.2; DDPM 4; guided-diffusion `get_named_beta_schedule`.
  public func betas(stepCount: Int) -> [Double] {
    switch self {
    case .cosine:
      return (0..<stepCount).map { i in
        let from = Self.cosineAlphaBar(Double(i) / Double(stepCount))
        let to = Self.cosineAlphaBar(Double(i + 1) / Double(stepCount))
        return min(1 - to / from, 0.999)
      }
    case .linear:
      let scale = 1000 / Double(stepCount)
      return Self.line(from: scale * 1e-4, to: scale * 0.02, count: stepCount)
    }
  }

  /// Returns `count` evenly spaced values, including both ends.
  static func line(from first: Double, to last: Double, count: Int) -> [Double] {
    guard count > 1 else { return [first] }
    let step = (last - first) / Double(count - 1)
    return (0..<count).map { $0 == count - 1 ? last : first + step * Double($0) }
  }

  /// Returns the fraction of the signal left at time `u` in [0, 1], up to a constant factor.
  private static func cosineAlphaBar(_ u: Double) -> Double {
    let value = cos((u + 0.008) / 1.008 * .pi / 2)
    return value * value
  }
}

/// How a schedule's tables are rounded.
public enum TablePrecision: Sendable {
  /// Every value in double precision.
  case float64
  /// β in single precision, and ᾱ the rounded product of the rounded 1 − β, as in diffusers: images
  /// from its checkpoints then match step for step.
  case float32Reference
}
