public import Foundation
public import Torch

/// The principal components of CLIP's image embeddings: directions in which they vary, the one with
/// the most variance first.
///
/// What a decoder makes of an embedding's first few components shows what CLIP says first of all.
///
/// ```swift
/// var fit = EmbeddingPCA.Fit()
/// for batch in batches { try fit.add(encoder(batch)) }
/// let pca = try fit.pca()
/// let coarse = try pca.reconstruction(of: encoder([image]), components: 8)
/// ```
///
/// Source: paper section 4; Pearson 1901.
public struct EmbeddingPCA {
  /// The mean embedding, `[D]`.
  public let mean: Tensor
  /// Orthonormal rows, `[K, D]`; of each, the value that is farthest from 0 is positive.
  public let components: Tensor
  /// The variance along each component, `[K]`, descending, with `n - 1` below the line.
  public let variances: Tensor
  /// The variance along all components there are, those that are not kept too.
  public let totalVariance: Double

  /// The dimension of the embeddings.
  public var width: Int { mean.dim(0) }
  /// How many components there are.
  public var count: Int { components.dim(0) }

  /// The fraction of the variance that the first `count` components hold.
  ///
  /// - Throws: ``EmbeddingPCAError/tooMany(_:possible:)``.
  public func explainedVariance(components count: Int) throws(EmbeddingPCAError) -> Double {
    try check(count)
    guard totalVariance > 0 else { return 1 }
    let held = variances.narrowed(0, start: 0, count: count).to(.float64).sum().item()
    return min(1, held / totalVariance)
  }

  /// Returns the coordinates along the first `count` components, `[B, D] -> [B, count]`.
  ///
  /// - Throws: ``EmbeddingPCAError/tooMany(_:possible:)``.
  public func coordinates(
    of embeddings: Tensor, components count: Int
  ) throws(EmbeddingPCAError) -> Tensor {
    let basis = try basis(count)
    return (embeddings - mean).matmul(basis.transposed())
  }

  /// Returns the embeddings as far as the first `count` components tell, `[B, D] -> [B, D]`; of
  /// none that is the mean.
  ///
  /// - Throws: ``EmbeddingPCAError/tooMany(_:possible:)``.
  public func reconstruction(
    of embeddings: Tensor, components count: Int
  ) throws(EmbeddingPCAError) -> Tensor {
    guard count != 0 else { return mean.expanded(embeddings.shape) + embeddings.zerosLike() }
    return try coordinates(of: embeddings, components: count).matmul(basis(count)) + mean
  }

  private func basis(_ count: Int) throws(EmbeddingPCAError) -> Tensor {
    try check(count)
    return components.narrowed(0, start: 0, count: count)
  }

  /// Refuses more components than there are.
  /// - Throws: ``EmbeddingPCAError/tooMany(_:possible:)``.
  public func check(_ count: Int) throws(EmbeddingPCAError) {
    guard (0...self.count).contains(count) else {
      throw .tooMany(count, possible: self.count)
    }
  }

  /// Returns the same with its tensors on a device.
  public func to(_ device: Device) -> EmbeddingPCA {
    EmbeddingPCA(
      mean: mean.to(device), components: components.to(device), variances: variances.to(device),
      totalVariance: totalVariance)
  }
}

extension EmbeddingPCA {
  /// The sums that a PCA is fitted from, in float64, so that a data set need not fit in memory.
  public struct Fit {
    /// How many embeddings were added.
    public private(set) var sampleCount = 0
    /// The mean of the first batch, around which sums lose the fewest digits.
    private var center: Tensor?
    private var sum: Tensor?
    private var products: Tensor?

    /// Begins without embeddings.
    public init() {}

    /// Adds embeddings, `[B, D]`, raw.
    ///
    /// - Precondition: The same D each time.
    /// - Throws: ``EmbeddingPCAError/notFinite``.
    public mutating func add(_ embeddings: Tensor) throws(EmbeddingPCAError) {
      let (rows, finite) = noGrad {
        let rows = embeddings.to(.cpu).to(.float64)
        return (rows, rows.isFinite().all().item() != 0)
      }
      guard finite else { throw .notFinite }
      noGrad {
        let center = center ?? rows.mean(over: 0)
        let shifted = rows - center
        let (more, square) = (shifted.sum(over: 0), shifted.transposed().matmul(shifted))
        sum = sum.map { $0 + more } ?? more
        products = products.map { $0 + square } ?? square
        self.center = center
      }
      sampleCount += rows.dim(0)
    }

    /// Returns the components, in float32.
    ///
    /// - Parameter most: How many are kept at most; nil keeps all: the width, or one less than
    ///   there are embeddings.
    /// - Precondition: `most` is at least 1.
    /// - Throws: ``EmbeddingPCAError/tooFew(_:)`` for less than two embeddings.
    public func pca(components most: Int? = nil) throws(EmbeddingPCAError) -> EmbeddingPCA {
      precondition(most ?? 1 >= 1, "a PCA of \(most ?? 0) components")
      guard let center, let sum, let products, sampleCount >= 2 else {
        throw .tooFew(sampleCount)
      }
      return noGrad {
        let n = Double(sampleCount)
        let outer = sum.unsqueezed(1).matmul(sum.unsqueezed(0))
        let covariance = (products - outer / n) / (n - 1)
        let (values, vectors) = covariance.symmetricEigen()
        let count = min(most ?? .max, sampleCount - 1, center.dim(0))
        // Rounding may leave a variance of nothing below 0.
        let variances = values.flipped(0).clamped(min: 0)
        let rows = vectors.transposed().flipped(0).narrowed(0, start: 0, count: count)
        let farthest = rows.gathered(1, rows.abs().argmax(over: 1, keepingDims: true))
        return EmbeddingPCA(
          mean: (center + sum / n).to(.float32),
          components: (rows * farthest.sign()).to(.float32).contiguous(),
          variances: variances.narrowed(0, start: 0, count: count).to(.float32).contiguous(),
          totalVariance: variances.sum().item())
      }
    }
  }
}

/// Why principal components cannot be fitted or used.
public enum EmbeddingPCAError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// There are fewer than two embeddings.
  case tooFew(Int)
  /// An embedding holds NaN or infinity.
  case notFinite
  /// More components are asked for than there are, or less than none.
  case tooMany(Int, possible: Int)

  /// The description, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// The cause and the remedy.
  public var description: String {
    switch self {
    case .tooFew(let count):
      "principal components need two embeddings at least, and there \(count == 1 ? "is 1" : "are \(count)"); "
        + "give more images."
    case .notFinite:
      "an embedding holds values that are not finite; use weights that are whole, in float32."
    case .tooMany(let count, let possible):
      "\(count) components are asked for, but the PCA has 0 to \(possible); ask for fewer, or fit it "
        + "to more images."
    }
  }
}
