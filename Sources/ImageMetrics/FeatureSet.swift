import Files
public import Torch

/// What is kept of the features of a set of images: their statistics, and an even sample of them.
///
/// The statistics are of all images; metrics that need the features themselves, such as the kernel
/// distance, use the sample. So memory does not grow with the number of images.
public struct FeatureSet {
  /// Mean and covariance of all features.
  public private(set) var statistics: FeatureStatistics
  /// The most features that are kept.
  public let capacity: Int
  private var kept: [(rank: UInt64, batch: Int, row: Int)] = []
  private var batches: [Tensor] = []
  private let seed: UInt64

  /// Features that are kept unless asked otherwise.
  public static let standardCapacity = 10_000

  /// Begins without any features.
  ///
  /// - Parameters:
  ///   - width: Values of a feature.
  ///   - capacity: The most features to keep, each set of as many being equally likely.
  ///   - seed: Decides which.
  /// - Precondition: `width` and `capacity` are at least 1.
  public init(width: Int, capacity: Int = standardCapacity, seed: UInt64 = 0) {
    precondition(capacity > 0, "a sample of \(capacity) features")
    statistics = FeatureStatistics(width: width)
    self.capacity = capacity
    self.seed = seed
  }

  /// Takes features with one row for each image, `[N, D]`.
  public init(_ features: Tensor, capacity: Int = standardCapacity, seed: UInt64 = 0) {
    self.init(width: features.shape2.1, capacity: capacity, seed: seed)
    add(features)
  }

  /// Takes known statistics and a sample.
  init(statistics: FeatureStatistics, sample: Tensor) {
    self.init(width: statistics.width, capacity: max(sample.dim(0), 1))
    add(sample)
    self.statistics = statistics
  }

  /// Images so far.
  public var count: Int { statistics.count }

  /// The features that are kept, in the order they came, `[M, D]` float32.
  ///
  /// - Precondition: There is at least one.
  public var sample: Tensor {
    precondition(!kept.isEmpty, "a sample of no features")
    return Self.rows(smallest, of: batches)
  }

  /// Adds a batch, `[N, D]`.
  ///
  /// - Precondition: Features of the same width.
  public mutating func add(_ features: Tensor) {
    let first = UInt64(count)
    statistics.add(features)
    for row in 0..<features.dim(0) {
      // Those with the smallest of random ranks are an even sample.
      let rank = SplitMix64.mixed(seed &+ SplitMix64.mixed(first + UInt64(row)))
      kept.append((rank, batches.count, row))
    }
    batches.append(features.detached().to(device: .cpu, dtype: .float32))
    guard kept.count >= 2 * capacity else { return }
    let chosen = smallest
    batches = [Self.rows(chosen, of: batches)]
    kept = chosen.enumerated().map { ($1.rank, 0, $0) }
  }

  /// What is kept, without the surplus that is dropped now and then.
  private var smallest: [(rank: UInt64, batch: Int, row: Int)] {
    guard kept.count > capacity else { return kept }
    return kept.sorted { $0.rank < $1.rank }.prefix(capacity)
      .sorted { ($0.batch, $0.row) < ($1.batch, $1.row) }
  }

  private static func rows(
    _ chosen: [(rank: UInt64, batch: Int, row: Int)], of batches: [Tensor]
  ) -> Tensor {
    let all = Tensor.concatenated(batches, over: 0)
    var starts = [0]
    for batch in batches { starts.append((starts.last ?? 0) + batch.dim(0)) }
    let indices = chosen.map { Int64(starts[$0.batch] + $0.row) }
    return all.indexed(by: Tensor(indices, shape: [indices.count]))
  }
}
