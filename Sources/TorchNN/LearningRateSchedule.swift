import Foundation

/// The learning rate of each step: a linear warm-up, then constant or a decay to `final`.
///
/// Source: the schedules of transformers and diffusers (`get_cosine_schedule_with_warmup` and
/// others), whose values it gives when `final` is 0.
public struct LearningRateSchedule: Codable, Sendable, Equatable {
  /// The curve after the warm-up.
  public enum Shape: String, Codable, Sendable {
    /// Constant at the peak.
    case constant
    /// Linear to `final` at the last step.
    case linear
    /// Half a cosine to `final` at the last step.
    case cosine
  }

  /// The highest rate.
  public var peak: Double
  /// The number of steps of the rise; 0 for none.
  public var warmUpSteps: Int
  /// The step at which the decay ends; later steps have the final rate.
  public var totalSteps: Int
  /// The curve after the warm-up.
  public var shape: Shape
  /// The rate at the end of a decay.
  public var final: Double

  /// Makes a schedule.
  ///
  /// - Precondition: No count is negative, and the rise is not longer than the whole.
  public init(
    peak: Double, warmUpSteps: Int, totalSteps: Int, shape: Shape, final: Double = 0
  ) {
    precondition(
      0 <= warmUpSteps && warmUpSteps <= totalSteps,
      "a warm-up of \(warmUpSteps) steps does not fit into \(totalSteps) steps")
    self.peak = peak
    self.warmUpSteps = warmUpSteps
    self.totalSteps = totalSteps
    self.shape = shape
    self.final = final
  }

  /// Returns the rate of a step, counted from 0: `step / warmUpSteps` of the peak during warm-up,
  /// so the peak is reached at step `warmUpSteps`.
  public func rate(at step: Int) -> Double {
    if step < warmUpSteps { return peak * Double(step) / Double(max(1, warmUpSteps)) }
    let fall = Double(max(1, totalSteps - warmUpSteps))
    let progress = min(1, Double(step - warmUpSteps) / fall)
    return switch shape {
    case .constant: peak
    case .linear: final + (peak - final) * (1 - progress)
    case .cosine: final + (peak - final) * 0.5 * (1 + cos(Double.pi * progress))
    }
  }
}
