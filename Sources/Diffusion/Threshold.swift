public import Torch

/// How the predicted start is clipped to the range of the data.
public enum Threshold: Sendable, Equatable {
  /// No clipping.
  case none
  /// Every element clamped to ± the bound: 1 for images, 5 for diffusers' prior latents.
  case range(Double)
  /// Dynamic thresholding: each row clamped to ± this quantile of its absolute values, then divided
  /// by it. The quantile itself is clamped to 1 … `cap`.
  ///
  /// Source: Imagen 2.3; diffusers `_threshold_sample`.
  case quantile(Double, cap: Double?)

  /// Clips the predicted start.
  ///
  /// Shapes: `[B, …]` in and out.
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
