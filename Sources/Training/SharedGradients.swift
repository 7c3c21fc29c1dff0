package import Distribution
import Foundation
package import Torch
package import TorchNN

/// The gradients of some parameters, summed over the processes while the backward pass goes on.
///
/// Gradients of the last layers are ready first, so buckets are filled from the end of each group; a
/// bucket's sum begins when all of its gradients are there and those of the buckets before have begun,
/// which is one order in all processes.
package final class SharedGradients {
  /// Parameters whose gradients are summed at once.
  package struct Bucket {
    /// The parameters, one of whose elements lies behind the other's.
    package let parameters: [(name: String, parameter: Parameter)]
    /// The index of their group.
    package let group: Int
    /// How many elements they have.
    package let count: Int
  }

  package let buckets: [Bucket]
  private let ranks: Ranks
  private let kept: OverlappedSums.Kept
  private let sums: OverlappedSums
  /// For each bucket, how many of its gradients are yet to come in this pass.
  private var awaited: [Int] = []
  /// How many buckets' sums have begun.
  private var begunCount = 0
  /// For each parameter of the begun buckets, whether this process had a gradient.
  private var had: [Bool] = []
  /// An error inside the backward pass, out of which nothing can be thrown.
  private var failure: DistributionError?

  /// Divides the parameters into buckets.
  package init(
    of groups: [ParameterGroup], ranks: Ranks, keeping kept: OverlappedSums.Kept = .all
  ) {
    let total = groups.flatMap(\.parameters).reduce(0) { $0 + $1.parameter.value.count }
    let size = Self.bucketSize(of: total)
    buckets = groups.enumerated().flatMap { index, group in
      Self.divided(group.parameters.reversed(), into: size).map { parameters in
        Bucket(
          parameters: parameters, group: index,
          count: parameters.reduce(0) { $0 + $1.parameter.value.count })
      }
    }
    self.ranks = ranks
    self.kept = kept
    sums = OverlappedSums(ranks, keeping: kept)
  }

  /// Elements of a bucket where there are `total`: few enough that sums begin early, and enough that
  /// their latency does not count.
  package static func bucketSize(of total: Int) -> Int {
    min(Ranks.bucket, max(1 << 16, total / 16))
  }

  /// Computes gradients. With `completing`, those of all passes since ``finish()`` are summed over the
  /// processes meanwhile; it must be the last of them.
  package func backward(_ loss: Tensor, completing: Bool) {
    guard ranks.count > 1, completing else { return loss.backward() }
    awaited = buckets.map(\.parameters.count)
    for (index, bucket) in buckets.enumerated() {
      for (_, parameter) in bucket.parameters {
        parameter.value.whenGradientIsAdded { [unowned self] in gradientCame(to: index) }
      }
    }
    loss.backward()
    for bucket in buckets {
      for (_, parameter) in bucket.parameters { parameter.value.whenGradientIsAdded(nil) }
    }
  }

  /// Waits for the sums. Where all are kept, they are the parameters' gradients now, and a parameter
  /// without a gradient in every process has none; where the share is, the parameters have none.
  ///
  /// - Returns: The sums of the buckets, or this process's shares of them.
  package func finish() throws(DistributionError) -> [Tensor] {
    guard ranks.count > 1 else { return [] }
    if let failure { throw failure }
    while begunCount < buckets.count { try begin() }
    let all = try ranks.gathered(Data(had.map { $0 ? 1 : 0 }))
    let results = try sums.finish()
    if kept == .all { setGradients(to: results, where: all) }
    (begunCount, had, awaited) = (0, [], [])
    return results
  }

  private func gradientCame(to index: Int) {
    awaited[index] -= 1
    guard failure == nil else { return }
    do throws(DistributionError) {
      while begunCount < buckets.count, awaited[begunCount] == 0 { try begin() }
      try sums.advance()
    } catch {
      failure = error
    }
  }

  /// Begins the sum of the next bucket; a gradient that this process lacks is zero.
  private func begin() throws(DistributionError) {
    let bucket = buckets[begunCount]
    begunCount += 1
    had += bucket.parameters.map { $0.parameter.gradient != nil }
    let gradients = bucket.parameters.map { _, parameter in
      parameter.gradient ?? parameter.value.zerosLike()
    }
    try sums.begin(OverlappedSums.flat(gradients))
    if kept == .share { for (_, parameter) in bucket.parameters { parameter.clearGradient() } }
  }

  private func setGradients(to results: [Tensor], where had: [Data]) {
    var index = 0
    for (bucket, result) in zip(buckets, results) {
      var gradients: [Tensor] = []
      for (_, parameter) in bucket.parameters {
        let isNeeded = had.contains { $0[index] == 1 }
        // A new one has the layout of its weight, which the optimiser's kernels need.
        if isNeeded, parameter.gradient == nil {
          parameter.value.setGrad(parameter.value.zerosLike())
        }
        gradients.append(parameter.gradient ?? Tensor.empty(parameter.shape))
        index += 1
      }
      OverlappedSums.unpack(result, into: gradients)
    }
  }

  /// Cuts a list so that each part has no more than `size` elements, or one parameter.
  private static func divided(
    _ parameters: [(name: String, parameter: Parameter)], into size: Int
  ) -> [[(name: String, parameter: Parameter)]] {
    var parts: [[(name: String, parameter: Parameter)]] = []
    var count = 0
    for entry in parameters {
      count += entry.parameter.value.count
      if parts.isEmpty || count > size {
        parts.append([entry])
        count = entry.parameter.value.count
      } else {
        parts[parts.count - 1].append(entry)
      }
    }
    return parts
  }
}
