public import Torch

/// How much of what is generated looks real, and how much of what is real is generated.
///
/// Around each feature lies a ball that reaches to its k-th nearest neighbour of the same set; all
/// balls together are taken for the set's manifold. Precision is the fraction of generated images
/// within that of the real ones, recall the fraction of real images within that of the generated.
/// Density counts in how many balls a generated image lies, so that a single outlier among the real
/// images adds little; coverage is the fraction of real images whose own ball holds a generated one.
///
/// Range: fractions, 0 to 1; density may exceed 1. Equal sets have precision, recall and coverage 1.
///
/// Source: Kynkäänniemi et al. 2019; Naeem et al. 2020, density and coverage.
public struct PrecisionRecall: Sendable, Equatable {
  /// The fraction of generated images that are within the real ones' manifold.
  public var precision: Double { Self.mean(inRealBall) }
  /// The fraction of real images that are within the generated ones' manifold.
  public var recall: Double { Self.mean(inGeneratedBall) }
  /// Real balls that a generated image lies in, in multiples of k.
  public var density: Double { Self.mean(ballCounts) }
  /// The fraction of real images whose ball holds a generated image.
  public var coverage: Double { Self.mean(isCovered) }

  /// By generated image, 1 or 0.
  let inRealBall: [Double]
  /// By generated image.
  let ballCounts: [Double]
  /// By real image, 1 or 0.
  let inGeneratedBall: [Double]
  /// By real image, 1 or 0.
  let isCovered: [Double]

  /// Measures two sets of features, with one row for each image.
  ///
  /// - Parameters:
  ///   - generated: `[N, D]`.
  ///   - real: `[M, D]`.
  ///   - k: To which neighbour a ball reaches.
  /// - Precondition: Equally many columns, and more than `k` rows of each.
  public init(generated: Tensor, real: Tensor, k: Int = 3) {
    precondition(
      generated.rank == 2 && real.rank == 2 && generated.dim(1) == real.dim(1),
      "\(generated.shape) features cannot be compared with \(real.shape)")
    precondition(
      k > 0 && k < min(generated.dim(0), real.dim(0)),
      "the neighbour \(k) among \(generated.dim(0)) and \(real.dim(0)) images")
    (inRealBall, ballCounts, inGeneratedBall, isCovered) = noGrad {
      let (generated, real) = (generated.to(.float64), real.to(.float64))
      let realRadii = Self.radii(of: real, k)
      let generatedRadii = Self.radii(of: generated, k)
      var (precision, density): ([Double], [Double]) = ([], [])
      for rows in generated.split(size: Self.rowsAtOnce, over: 0) {
        let distances = rows.distances(to: real)  // [R, M]
        precision += Self.flags(distances .<= realRadii, over: 1)
        density += ((distances .< realRadii).to(.float64).sum(over: 1) / Double(k)).array()
      }
      var (recall, coverage): ([Double], [Double]) = ([], [])
      for start in stride(from: 0, to: real.dim(0), by: Self.rowsAtOnce) {
        let rows = start..<min(start + Self.rowsAtOnce, real.dim(0))
        let distances = real[rows].distances(to: generated)  // [R, N]
        recall += Self.flags(distances .<= generatedRadii, over: 1)
        coverage += Self.flags(distances .< realRadii[rows].unsqueezed(1), over: 1)
      }
      return (precision, density, recall, coverage)
    }
  }

  /// Rows that are compared with all others at once.
  private static let rowsAtOnce = 512

  /// The distance of each row to its k-th nearest other, `[N]`.
  private static func radii(of features: Tensor, _ k: Int) -> Tensor {
    let radii = features.split(size: rowsAtOnce, over: 0).map { rows in
      // The nearest is the row itself.
      rows.distances(to: features).topK(k + 1, largest: false).values.selected(1, k)
    }
    return Tensor.concatenated(radii, over: 0)
  }

  private static func flags(_ mask: Tensor, over axis: Int) -> [Double] {
    mask.any(over: axis).to(.float64).array()
  }

  private static func mean(_ values: [Double]) -> Double {
    values.reduce(0, +) / Double(max(values.count, 1))
  }
}
