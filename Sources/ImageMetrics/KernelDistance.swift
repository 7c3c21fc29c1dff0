public import Torch

/// The distance between two sets of images that needs few of them: the squared maximum mean
/// discrepancy of their features, by the kernel `(xᵀy / D + 1)³`.
///
/// `mean k(x, x′) + mean k(y, y′) − 2 mean k(x, y)` over all pairs of different images. It is
/// unbiased: about 0, and then also below, for two sets of one distribution, whatever their number.
///
/// Source: Bińkowski et al. 2018, section 4 (KID).
public struct KernelDistance: Sendable, Equatable {
  /// The distance; of equal distributions it is as often below 0 as above.
  public let value: Double
  /// The standard deviation over the subsets; 0 where all pairs were compared at once.
  public let deviation: Double

  /// Compares all pairs, from features with one row for each image.
  ///
  /// - Precondition: Both have at least two rows, and equally many columns.
  ///
  /// Shapes: `[N, D]` and `[M, D]`.
  public init(_ a: Tensor, _ b: Tensor) {
    Self.check(a, b)
    (value, deviation) = (noGrad { Self.discrepancy(a, b) }, 0)
  }

  /// Compares random subsets and takes their mean, as published values do.
  ///
  /// - Parameters:
  ///   - a: `[N, D]`.
  ///   - b: `[M, D]`.
  ///   - count: Subsets; papers take 100.
  ///   - size: Images of a subset; papers take 1000.
  ///   - random: Chooses them.
  /// - Precondition: Equally many columns; `size` is 2 to the number of rows of either.
  public init(
    _ a: Tensor, _ b: Tensor, subsets count: Int, ofSize size: Int, using random: RandomSource
  ) {
    Self.check(a, b)
    precondition(
      count > 0 && size > 1 && size <= min(a.dim(0), b.dim(0)),
      "\(count) subsets of \(size) of \(a.dim(0)) and \(b.dim(0)) images")
    let values = noGrad {
      (0..<count).map { _ in
        let rows = [a, b].map { $0.indexed(by: random.permutation($0.dim(0))[0..<size]) }
        return Self.discrepancy(rows[0], rows[1])
      }
    }
    let mean = values.reduce(0, +) / Double(count)
    value = mean
    deviation =
      (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)).squareRoot()
  }

  private static func check(_ a: Tensor, _ b: Tensor) {
    precondition(
      a.rank == 2 && b.rank == 2 && a.dim(1) == b.dim(1) && a.dim(0) > 1 && b.dim(0) > 1,
      "\(a.shape) features cannot be compared with \(b.shape)")
  }

  /// Computes the kernel of all pairs of rows, `[N, D]` and `[M, D]` to `[N, M]` float64.
  static func kernel(_ a: Tensor, _ b: Tensor) -> Tensor {
    let product = a.to(.float64).matmul(b.to(.float64).transposed())
    let base = product / Double(a.dim(1)) + 1
    return base * base * base
  }

  private static func discrepancy(_ a: Tensor, _ b: Tensor) -> Double {
    func within(_ x: Tensor) -> Double {
      let count = Double(x.dim(0))
      return (sum(x, x) - selfSum(x)) / (count * (count - 1))
    }
    return within(a) + within(b) - 2 * sum(a, b) / (Double(a.dim(0)) * Double(b.dim(0)))
  }

  /// Rows that are compared with all others at once.
  private static let rowsAtOnce = 512

  private static func sum(_ a: Tensor, _ b: Tensor) -> Double {
    a.split(size: rowsAtOnce, over: 0).reduce(0) { $0 + kernel($1, b).sum().item() }
  }

  /// The kernel of each row with itself.
  private static func selfSum(_ x: Tensor) -> Double {
    let base = x.to(.float64).square().sum(over: 1) / Double(x.dim(1)) + 1
    return (base * base * base).sum().item()
  }
}
