public import Torch

/// How a predicted start is kept within the data's range.
public enum Threshold: Sendable, Equatable {
  /// Not at all.
  case none
  /// Every entry clamped to ± the bound: 1 for images, 5 for diffusers' prior latents.
  case range(Double)
  /// Each row clamped to ± this quantile of its absolute entries, then divided by it; the
  /// quantile counts as at least 1 and at most `cap`.
  /// Source: Imagen 2.3; diffusers `_threshold_sample`.
  case quantile(Double, cap: Double?)

  /// Applies the rule. Shapes: `[B, …]`, kept.
  public func callAsFunction(_ start: Tensor) -> Tensor {
    switch self {
    case .none:
      return start
    case .range(let bound):
      return start.clamped(min: -bound, max: bound)
    case .quantile(let fraction, let cap):
      let rows = start.reshaped([start.dim(0), -1]).abs()
      let bound = rows.quantile(fraction, over: 1).clamped(min: 1, max: cap)
        .reshaped([start.dim(0)] + Array(repeating: 1, count: start.rank - 1))
      return Tensor.maximum(Tensor.minimum(start, bound), -bound) / bound
    }
  }
}
