public import Torch

/// Count, mean and covariance of features, gathered batch by batch in float64.
///
/// Its memory depends on the width of the features alone, not on their number, and the result not on
/// how they were divided into batches.
///
/// Source: Chan, Golub and LeVeque 1983, the pairwise update of mean and sum of squares.
public struct FeatureStatistics {
  /// Features so far.
  public private(set) var count = 0
  /// Their mean, `[D]` float64.
  public private(set) var mean: Tensor
  /// `Σ (x - μ)(x - μ)ᵀ`, `[D, D]` float64.
  private var scatter: Tensor

  /// Begins without any features.
  ///
  /// - Precondition: `width` is at least 1.
  public init(width: Int) {
    precondition(width > 0, "features of \(width) values")
    mean = .zeros([width], dtype: .float64)
    scatter = .zeros([width, width], dtype: .float64)
  }

  /// Takes the statistics of features with one row for each image.
  ///
  /// Shapes: `[N, D]`.
  public init(_ features: Tensor) {
    self.init(width: features.shape2.1)
    add(features)
  }

  /// Takes known statistics.
  ///
  /// - Precondition: At least two features; mean `[D]` and unbiased covariance `[D, D]`.
  init(count: Int, mean: Tensor, covariance: Tensor) {
    precondition(
      count > 1 && mean.rank == 1 && covariance.shape == [mean.dim(0), mean.dim(0)],
      "\(count) features of mean \(mean.shape) and covariance \(covariance.shape)")
    self.count = count
    self.mean = mean.to(.float64)
    scatter = covariance.to(.float64) * Double(count - 1)
  }

  /// Values of a feature.
  public var width: Int { mean.dim(0) }

  /// The unbiased covariance, `[D, D]` float64.
  ///
  /// - Precondition: At least two features.
  public var covariance: Tensor {
    precondition(count > 1, "a covariance of \(count) features")
    return scatter / Double(count - 1)
  }

  /// Adds a batch, `[N, D]`.
  ///
  /// - Precondition: Features of the same width.
  public mutating func add(_ features: Tensor) {
    let (rows, columns) = features.shape2
    precondition(columns == width, "features of \(columns) values among those of \(width)")
    guard rows > 0 else { return }
    noGrad {
      let rows = features.detached().to(device: .cpu, dtype: .float64)
      let mean = rows.mean(over: 0)
      let centred = rows - mean
      join(rows.dim(0), mean, centred.transposed().matmul(centred))
    }
  }

  /// Adds what other statistics were taken of, as if the features themselves had been added.
  ///
  /// - Precondition: Features of the same width.
  public mutating func add(_ other: FeatureStatistics) {
    precondition(other.width == width, "features of \(other.width) values among those of \(width)")
    guard other.count > 0 else { return }
    noGrad { join(other.count, other.mean, other.scatter) }
  }

  private mutating func join(_ newCount: Int, _ newMean: Tensor, _ newScatter: Tensor) {
    let all = Double(count + newCount)
    let shift = newMean - mean
    let outer = shift.unsqueezed(1).matmul(shift.unsqueezed(0))
    scatter = scatter + newScatter + outer * (Double(count) * Double(newCount) / all)
    mean = mean + shift * (Double(newCount) / all)
    count += newCount
  }
}
