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

  /// The number of images below which the distance says more about their number than about them.
  ///
  /// The covariance of fewer features than Inception's 2,048 values is singular.
  public static let fewestImages = 2048

  /// Computes the distance in double precision, from features with one row for each image.
  ///
  /// - Precondition: Both have at least two rows, and equally many columns.
  ///
  /// Shapes: `[N, D]` and `[M, D]`.
  public init(_ a: Tensor, _ b: Tensor) {
    precondition(
      a.rank == 2 && b.rank == 2 && a.dim(1) == b.dim(1) && a.dim(0) > 1 && b.dim(0) > 1,
      "\(a.shape) features cannot be compared with \(b.shape)")
    guard max(a.dim(0), b.dim(0)) < a.dim(1) else {
      self = FrechetDistance(FeatureStatistics(a), FeatureStatistics(b))
      return
    }
    (value, ofMeans) = noGrad {
      // Of few rows Σ = AᵀA, and Tr (Σ₁ Σ₂)^½ is the sum of the singular values of A₁ A₂ᵀ.
      func root(_ rows: Tensor) -> (mean: Tensor, root: Tensor) {
        let rows = rows.detached().to(.float64)
        let mean = rows.mean(over: 0)
        return (mean, (rows - mean) / Double(rows.dim(0) - 1).squareRoot())
      }
      let (first, second) = (root(a), root(b))
      let means = (first.mean - second.mean).square().sum().item()
      let product = first.root.matmul(second.root.transposed())
      let gram =
        product.dim(0) <= product.dim(1)
        ? product.matmul(product.transposed()) : product.transposed().matmul(product)
      let overlap = gram.symmetricEigen().values.clamped(min: 0).sqrt().sum().item()
      let traces = first.root.square().sum().item() + second.root.square().sum().item()
      return (max(0, means + traces - 2 * overlap), means)
    }
  }

  /// Computes the distance of statistics, in double precision.
  ///
  /// - Precondition: Both are of at least two images, and of features of one width.
  public init(_ first: FeatureStatistics, _ second: FeatureStatistics) {
    precondition(
      first.width == second.width,
      "features of \(first.width) values cannot be compared with those of \(second.width)")
    (value, ofMeans) = noGrad {
      let means = (first.mean - second.mean).square().sum().item()
      let (a, b) = (first.covariance, second.covariance)
      // Σ₁ Σ₂ has the eigenvalues of the symmetric √Σ₁ Σ₂ √Σ₁.
      let root = Self.squareRoot(a)
      let product = root.matmul(b).matmul(root)
      let overlap = product.symmetricEigen().values.clamped(min: 0).sqrt().sum().item()
      let traces = a.diagonal().sum().item() + b.diagonal().sum().item()
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
