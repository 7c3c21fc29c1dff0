public import Torch

/// The distance between two sets of images: that of the Gaussians fitted to their features.
///
/// `‖μ₁ − μ₂‖² + Tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½)`, which is 0 for equal sets. It depends on the network
/// that computes the features and falls with the number of images, so compare only values of one
/// network and one number of images.
///
/// Source: Heusel et al. 2017, equation 6 (FID).
public struct FrechetDistance: Sendable, Equatable {
  /// The distance, 0 or more.
  public let value: Double
  /// The term of the means, `‖μ₁ − μ₂‖²`.
  public let ofMeans: Double

  /// Computes the distance in double precision, from features with one row for each image.
  ///
  /// - Precondition: Both have at least two rows, and equally many columns.
  ///
  /// Shapes: `[N, D]` and `[M, D]`.
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

  /// Computes the positive square root of a symmetric matrix. Eigenvalues that rounding made
  /// negative count as 0.
  private static func squareRoot(_ matrix: Tensor) -> Tensor {
    let (values, vectors) = matrix.symmetricEigen()
    return (vectors * values.clamped(min: 0).sqrt()).matmul(vectors.transposed())
  }
}

/// The Gaussian fitted to the rows, with the unbiased covariance.
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
