public import Torch

/// An affine map of the last axis: `[…, in] -> […, out]`.
///
/// Source: PyTorch `nn.Linear`, its keys and its initialisation.
public final class Linear: UnaryLayer, PackableLayer {
  /// `[out, in]`.
  public let weight: Parameter
  /// `[out]`.
  public let bias: Parameter?

  var packing: WeightBudget?

  /// Makes a layer, weight and bias uniform in `±1/√in`.
  public init(
    _ inFeatures: Int, _ outFeatures: Int, bias: Bool = true, using random: RandomSource
  ) {
    let shape = [outFeatures, inFeatures]
    weight = Parameter(shape, .layerDefault, using: random)
    self.bias = bias ? Parameter([outFeatures], .bias(ofWeight: shape), using: random) : nil
  }

  /// Computes `x Wᵀ + b`.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    let isOneRow = x.count == x.dim(-1)
    // oneDNN chooses a layout by the number of rows; one number for all fixes the choice.
    // Measured: any from 2 to 8192 gives the same bits and speed on Zen 5.
    let weight = weight(for: isOneRow ? .oneRow : .rows) {
      PackedWeight(linear: $0, rows: isOneRow ? 1 : 128)
    }
    return switch weight {
    case .plain(let weight): F.linear(x, weight, bias?.value)
    case .packed(let weight): F.linear(x, weight, bias?.value)
    }
  }
}

/// A table of vectors: `[…] int64 -> […, width]`.
///
/// Source: PyTorch `nn.Embedding`, its keys and its initialisation.
public final class Embedding: UnaryLayer {
  /// `[count, width]`.
  public let weight: Parameter

  /// Makes a table of `count` vectors, sampled from the unit Gaussian.
  public init(_ count: Int, _ width: Int, using random: RandomSource) {
    weight = Parameter([count, width], .normal(deviation: 1), using: random)
  }

  /// Looks up the rows of `ids`.
  ///
  /// Range: ids in `0 ..< count`.
  public func callAsFunction(_ ids: Tensor) -> Tensor { weight.rows(ids) }
}
