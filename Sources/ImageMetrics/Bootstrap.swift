public import Torch

/// The range in which a metric lies in most sets of images of the same kind and number.
public struct ConfidenceInterval: Sendable, Equatable, Codable {
  /// Its lower end.
  public var lower: Double
  /// Its upper end.
  public var upper: Double

  /// Takes the ends.
  public init(lower: Double, upper: Double) { (self.lower, self.upper) = (lower, upper) }

  /// In JSON a list of the two ends.
  public init(from decoder: any Decoder) throws {
    var list = try decoder.unkeyedContainer()
    (lower, upper) = (try list.decode(Double.self), try list.decode(Double.self))
  }

  /// In JSON a list of the two ends.
  public func encode(to encoder: any Encoder) throws {
    var list = encoder.unkeyedContainer()
    try list.encode(lower)
    try list.encode(upper)
  }
}

/// A metric with its confidence interval.
public struct Estimate: Sendable, Equatable {
  /// The metric of all images.
  public var value: Double
  /// Where it lies in most sets of the kind; nil where that was not computed.
  public var interval: ConfidenceInterval?

  /// Joins the two.
  public init(_ value: Double, _ interval: ConfidenceInterval? = nil) {
    (self.value, self.interval) = (value, interval)
  }
}

/// Confidence intervals by resampling: a metric is computed again and again of images that are
/// chosen from the set with replacement, and the interval holds the middle of the values.
///
/// Source: Efron 1979; the percentile method.
public struct Bootstrap: Sendable {
  /// How often the images are chosen.
  public var replicates: Int
  /// The fraction of the values in the interval.
  public var level: Double
  /// Decides the choices.
  public var seed: UInt64

  /// Takes the values.
  ///
  /// - Precondition: At least 2 replicates; `level` is between 0 and 1.
  public init(replicates: Int = 1000, level: Double = 0.95, seed: UInt64 = 0) {
    precondition(
      replicates > 1 && level > 0 && level < 1, "\(replicates) replicates at level \(level)")
    (self.replicates, self.level, self.seed) = (replicates, level, seed)
  }

  /// The mean of values, one for each image.
  ///
  /// - Precondition: At least one value.
  public func mean(of values: [Double]) -> Estimate {
    precondition(!values.isEmpty, "a mean of no values")
    let (count, random) = (values.count, RandomSource(seed: seed))
    let all = Tensor(values)
    // As many replicates at once as take 8 MB.
    let atOnce = max(1, (1 << 20) / count)
    let means = stride(from: 0, to: replicates, by: atOnce).flatMap { start in
      let chosen = random.integers(
        in: 0..<count, [min(atOnce, replicates - start) * count])
      return all.indexed(by: chosen).reshaped(-1, count).mean(over: 1).array(of: Double.self)
    }
    return Estimate(values.reduce(0, +) / Double(count), interval(of: means))
  }

  /// The Fréchet distance of features, `[N, D]` and `[M, D]`.
  ///
  /// At most 512 images of each set are chosen at a time, and the spread is divided by the root of
  /// how many more there are. Images chosen twice make the distance larger, so the interval is moved
  /// to the value: it shows how far other images of the same number would change it, not how far it
  /// is from the distance of infinitely many.
  ///
  /// - Parameters:
  ///   - value: The distance of all images.
  ///   - a: Features of one set, or of a sample of it.
  ///   - b: Those of the other.
  ///   - count: The images of the smaller set; nil where `a` and `b` are the whole.
  public func frechet(
    _ value: Double, _ a: Tensor, _ b: Tensor, count: Int? = nil
  ) -> Estimate {
    let random = RandomSource(seed: seed)
    func chosen(_ rows: Tensor) -> Tensor {
      rows.indexed(by: random.integers(in: 0..<rows.dim(0), [min(rows.dim(0), Self.mostRows)]))
    }
    let values = (0..<min(replicates, Self.frechetReplicates)).map { _ in
      FrechetDistance(chosen(a), chosen(b)).value
    }
    let mean = values.reduce(0, +) / Double(values.count)
    let smaller = min(a.dim(0), b.dim(0))
    let taken = Double(min(smaller, Self.mostRows))
    let scale = (taken / Double(max(count ?? smaller, smaller))).squareRoot()
    let found = interval(of: values.map { value + ($0 - mean) * scale })
    return Estimate(
      value, .init(lower: max(0, min(found.lower, value)), upper: max(found.upper, value)))
  }

  private static let mostRows = 512
  private static let frechetReplicates = 100

  /// The kernel distance of features, `[N, D]` and `[M, D]`.
  ///
  /// Pairs of one image with itself are left out where it was chosen twice, so the values stay
  /// unbiased. Of more than 2,000 images the first are taken, which makes the interval wider.
  public func kernel(_ a: Tensor, _ b: Tensor) -> Estimate {
    let value = KernelDistance(a, b).value
    let (x, y) = (Self.first(of: a), Self.first(of: b))
    let values = noGrad { () -> [Double] in
      let random = RandomSource(seed: seed)
      let (first, second) = (weights(x.dim(0), random), weights(y.dim(0), random))
      func within(_ rows: Tensor, _ weights: Tensor) -> Tensor {
        let kernel = KernelDistance.kernel(rows, rows)
        let others = kernel - kernel * Tensor.eye(rows.dim(0), dtype: .float64)
        return (weights.matmul(others) * weights).sum(over: 1) / Self.pairs(weights)
      }
      let across = (first.matmul(KernelDistance.kernel(x, y)) * second).sum(over: 1)
      let found =
        within(x, first) + within(y, second)
        - across * (2 / (Double(x.dim(0)) * Double(y.dim(0))))
      return found.array()
    }
    return Estimate(value, interval(of: values))
  }

  /// The mean pairwise distance of features, `[N, D]`; see ``meanPairwiseDistance(_:)``.
  public func meanPairwiseDistance(_ features: Tensor) -> Estimate {
    let value = ImageMetrics.meanPairwiseDistance(features)
    let values = noGrad { () -> [Double] in
      let rows = features.to(.float64).normalized()
      let weights = weights(rows.dim(0), RandomSource(seed: seed))
      let sums = weights.matmul(rows).square().sum(over: 1)
      let own = weights.square().sum(over: 1)
      return (1 - (sums - own) / Self.pairs(weights)).array()
    }
    return Estimate(value, interval(of: values))
  }

  private static let mostPaired = 2000

  private static func first(of rows: Tensor) -> Tensor { rows[0..<min(rows.dim(0), mostPaired)] }

  /// How often each of `count` images is chosen, `[replicates, count]` float64.
  private func weights(_ count: Int, _ random: RandomSource) -> Tensor {
    Tensor.stacked(
      (0..<replicates).map { _ in
        random.integers(in: 0..<count, [count]).occurrences(minimumLength: count)
      }
    ).to(.float64)
  }

  /// Pairs of different images, by replicate; 1 where a single image was chosen every time.
  private static func pairs(_ weights: Tensor) -> Tensor {
    let count = weights.sum(over: 1)
    return (count.square() - weights.square().sum(over: 1)).clamped(min: 1)
  }

  /// The middle of values.
  func interval(of values: [Double]) -> ConfidenceInterval {
    let all = Tensor(values)
    return ConfidenceInterval(
      lower: all.quantile((1 - level) / 2, over: 0).item(),
      upper: all.quantile((1 + level) / 2, over: 0).item())
  }
}
