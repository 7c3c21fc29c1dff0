import Torch

/// Generated images compared with real ones as two sets, by all metrics at once.
public struct SetComparison: Sendable, Equatable {
  /// The Fréchet distance, FID.
  public let frechet: Estimate
  /// The kernel distance, KID.
  public let kernel: Estimate
  /// The fraction of generated images that look real; nil of sets of fewer than four images.
  public let precision: Estimate?
  /// The fraction of real images that are generated.
  public let recall: Estimate?
  /// How densely generated images lie among the real ones.
  public let density: Estimate?
  /// The fraction of real images near which a generated one lies.
  public let coverage: Estimate?
  /// Whether the Fréchet distance is of too few images to be compared with published ones.
  public let isFrechetBiased: Bool

  /// The neighbour to which the balls of precision and recall reach.
  private static let neighbour = 3

  /// Compares the features of two sets.
  ///
  /// The Fréchet distance is of all images, the others of the samples of them that were kept.
  ///
  /// - Precondition: At least two images each, and features of one width.
  public init(generated: FeatureSet, real: FeatureSet, bootstrap: Bootstrap = Bootstrap()) {
    let (first, second) = (generated.sample, real.sample)
    let smaller = min(generated.count, real.count)
    let isWhole = first.dim(0) == generated.count && second.dim(0) == real.count
    let distance =
      isWhole
      ? FrechetDistance(first, second) : FrechetDistance(generated.statistics, real.statistics)
    frechet = bootstrap.frechet(distance.value, first, second, count: smaller)
    kernel = bootstrap.kernel(first, second)
    isFrechetBiased = smaller < FrechetDistance.fewestImages
    guard min(first.dim(0), second.dim(0)) > Self.neighbour else {
      (precision, recall, density, coverage) = (nil, nil, nil, nil)
      return
    }
    let found = PrecisionRecall(generated: first, real: second, k: Self.neighbour)
    precision = bootstrap.mean(of: found.inRealBall)
    recall = bootstrap.mean(of: found.inGeneratedBall)
    density = bootstrap.mean(of: found.ballCounts)
    coverage = bootstrap.mean(of: found.isCovered)
  }

  /// The metrics by their names in JSON, in the order of a table.
  public var estimates: [(name: String, estimate: Estimate)] {
    [
      ("frechet", frechet), ("kid", kernel), ("precision", precision), ("recall", recall),
      ("density", density), ("coverage", coverage),
    ].compactMap { name, estimate in estimate.map { (name, $0) } }
  }
}
