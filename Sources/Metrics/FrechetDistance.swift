public import Torch

/// How far two sets of pictures are apart, by the Gaussians that fit their features.
///
/// `‖μ₁ − μ₂‖² + Tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½)`: 0 for equal sets. The number depends on the network
/// that gives the features and falls with the number of pictures; compare only like with like.
/// Source: Heusel et al. 2017, equation 6 (FID).
public struct FrechetDistance: Sendable, Equatable {
  /// The distance, 0 or more.
  public let value: Double
  /// The part that is due to the means.
  public let ofMeans: Double

  /// Compares features, row by row a picture.
  ///
  /// Shapes: `[N, D]` and `[M, D]`, N and M at least 2. Computed in double precision.
  public init(_ a: Tensor, _ b: Tensor) {
    precondition(
      a.rank == 2 && b.rank == 2 && a.dim(1) == b.dim(1) && a.dim(0) > 1 && b.dim(0) > 1,
      "\(a.shape) features cannot be compared with \(b.shape)")
    (value, ofMeans) = noGrad {
      let (first, second) = (Gaussian(a), Gaussian(b))
      let means = (first.mean - second.mean).square().sum().item()
      // Σ₁ Σ₂ has the eigenvalues of the symmetric √Σ₁ Σ₂ √Σ₁.
      let root = Self.squareRoot(first.covariance)
      let product = root.matmul(second.covariance).matmul(root)
      let overlap = product.symmetricEigen().values.clamped(min: 0).sqrt().sum().item()
      let traces =
        first.covariance.diagonal().sum().item() + second.covariance.diagonal().sum().item()
      return (max(0, means + traces - 2 * overlap), means)
    }
  }

  /// The positive root of a symmetric matrix; what rounding made negative counts as 0.
  private static func squareRoot(_ matrix: Tensor) -> Tensor {
    let (values, vectors) = matrix.symmetricEigen()
    return (vectors * values.clamped(min: 0).sqrt()).matmul(vectors.transposed())
  }
}

/// The Gaussian that fits rows best, with the unbiased covariance.
private struct Gaussian {
  let mean: Tensor
  let covariance: Tensor

  init(_ rows: Tensor) {
    let rows = rows.detached().to(.float64)
    mean = rows.mean(over: 0)
    let centred = rows - mean
    covariance = centred.transposed().matmul(centred) / Double(rows.dim(0) - 1)
  }
}
