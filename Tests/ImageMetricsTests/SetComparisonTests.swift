import Foundation
import TestSupport
import Testing
import Torch

@testable import ImageMetrics

@Suite struct SetComparisonTests {
  private static let golden = Golden("metrics/sets")
  private static let cases = ["near", "shifted", "narrow", "few"]

  /// torch-fidelity's values for the same features; density and coverage by their definition.
  @Test(arguments: cases) func everyMetricMatches(_ name: String) throws {
    let (a, b) = (try Self.golden.tensor("\(name).a"), try Self.golden.tensor("\(name).b"))
    let comparison = SetComparison(
      generated: FeatureSet(a), real: FeatureSet(b), bootstrap: Bootstrap(replicates: 20))
    for (metric, found) in comparison.estimates {
      let expected = try Self.golden.tensor("\(name).\(metric)").item()
      #expect(abs(found.value - expected) < 1e-4 * max(abs(expected), 0.01), "\(metric)")
      let interval = try #require(found.interval)
      #expect(interval.lower <= interval.upper && interval.lower.isFinite, "\(metric)")
    }
    #expect(comparison.estimates.count == 6 && comparison.isFrechetBiased)
  }

  @Test func equalSetsAreAtBest() {
    let features = RandomSource(seed: 1).normal([60, 6])
    let found = SetComparison(
      generated: FeatureSet(features), real: FeatureSet(features),
      bootstrap: Bootstrap(replicates: 50))
    #expect(found.frechet.value < 1e-9)
    for fraction in [found.precision, found.recall, found.coverage] {
      #expect(fraction?.value == 1 && fraction?.interval?.lower == 1)
    }
  }

  @Test func distancesAreSymmetric() {
    let random = RandomSource(seed: 2)
    let (a, b) = (random.normal([40, 6]), random.normal([50, 6]) * 2)
    #expect(abs(FrechetDistance(a, b).value - FrechetDistance(b, a).value) < 1e-6)
    #expect(abs(KernelDistance(a, b).value - KernelDistance(b, a).value) < 1e-9)
    let (there, back) = (
      PrecisionRecall(generated: a, real: b), PrecisionRecall(generated: b, real: a)
    )
    #expect(there.precision == back.recall && there.recall == back.precision)
  }

  /// Of two sets of one distribution the kernel distance is about 0 and on both sides of it, while the
  /// Fréchet distance is above.
  @Test func theKernelDistanceIsUnbiased() {
    let random = RandomSource(seed: 3)
    let values = (0..<60).map { _ in
      KernelDistance(random.normal([30, 8]), random.normal([30, 8])).value
    }
    let mean = values.reduce(0, +) / 60
    let deviation = (values.reduce(0) { $0 + $1 * $1 } / 60).squareRoot()
    #expect(abs(mean) < 4 * deviation / 60.0.squareRoot(), "\(mean), \(deviation)")
    #expect(values.contains { $0 < 0 } && values.contains { $0 > 0 })
    #expect(FrechetDistance(random.normal([30, 8]), random.normal([30, 8])).value > 0.5)
  }

  @Test func subsetsAreTheWholeWhereTheyHoldAll() {
    let random = RandomSource(seed: 4)
    let (a, b) = (random.normal([700, 5]), random.normal([700, 5]) + 0.3)
    let whole = KernelDistance(a, b)
    let all = KernelDistance(a, b, subsets: 2, ofSize: 700, using: random)
    #expect(abs(all.value - whole.value) < 1e-9 && all.deviation < 1e-9)
    let some = KernelDistance(a, b, subsets: 40, ofSize: 100, using: random)
    #expect(abs(some.value - whole.value) < 3 * some.deviation && some.deviation > 0)
  }

  /// Blocks of rows change nothing.
  @Test func manyImagesAreComparedInBlocks() {
    let random = RandomSource(seed: 5)
    let (a, b) = (random.normal([1100, 2]), random.normal([600, 2]) + 1)
    let found = PrecisionRecall(generated: a, real: b)
    #expect(found.inRealBall.count == 1100 && found.isCovered.count == 600)
    let some = PrecisionRecall(generated: a[600..<1100], real: b)
    #expect(Array(found.inRealBall[600...]) == some.inRealBall)
  }

  @Test func anOutlierAddsToPrecisionButHardlyToDensity() {
    let random = RandomSource(seed: 6)
    let real = Tensor.concatenated(
      [random.normal([50, 2]), Tensor([Float(30), 30], shape: [1, 2])], over: 0)
    let generated = random.normal([40, 2]) * 0.1 + 20
    let found = PrecisionRecall(generated: generated, real: real)
    #expect(found.precision == 1 && found.density < 0.5 && found.recall == 0)
  }
}

@Suite struct FeatureSetTests {
  private let features = RandomSource(seed: 7).normal([230, 5]) + 2
  private let source = FeatureSource(
    network: "clip", fingerprint: "0", filter: "bicubic", size: 8, width: 5)

  @Test func batchesAreTheWhole() {
    let whole = FeatureStatistics(features)
    var batches = FeatureStatistics(width: 5)
    for start in stride(from: 0, to: 230, by: 37) {
      batches.add(features[start..<min(start + 37, 230)])
    }
    var joined = FeatureStatistics(features[0..<100])
    joined.add(FeatureStatistics(features[100..<230]))
    for found in [batches, joined] {
      #expect(found.count == 230)
      expectClose(found.mean, whole.mean, Tolerance(1e-12))
      expectClose(found.covariance, whole.covariance, Tolerance(1e-12))
    }
    let (rows, mean) = (features.to(.float64), features.to(.float64).mean(over: 0))
    let centred = rows - mean
    expectClose(
      whole.covariance, centred.transposed().matmul(centred) / 229, Tolerance(1e-12))
  }

  @Test func theSampleIsBoundedAndEven() {
    var set = FeatureSet(width: 1, capacity: 100, seed: 1)
    for start in 0..<100 {
      set.add(Tensor.arange(0, 50).to(.float32).reshaped(50, 1) + Double(start * 50))
    }
    let kept = set.sample.array(of: Double.self)
    #expect(set.count == 5000 && kept.count == 100 && kept == kept.sorted())
    #expect(Set(kept).count == 100)
    // 4 standard errors of a uniform distribution's mean.
    let mean: Double = kept.reduce(0, +) / 100
    #expect(abs(mean - 2500) < 577)
    #expect(abs(set.statistics.mean.item() - 2499.5) < 1e-6)
  }

  @Test func aFileGivesThemBack() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "f.safetensors")
      try FeatureSet(features).write(to: url, source: source, images: "a")
      let found = try FeatureSet(contentsOf: url, source: source, images: "a")
      #expect(found.count == 230)
      expectClose(found.sample, features, .exact)
      expectClose(
        found.statistics.covariance, FeatureStatistics(features).covariance, Tolerance(1e-12))
      var other = source
      other.filter = "nearest"
      #expect(
        throws: FeatureError.otherSource(
          file: url.path, found: source.text, expected: other.text)
      ) { _ = try FeatureSet(contentsOf: url, source: other) }
      #expect(throws: FeatureError.otherImages(file: url.path, count: 230)) {
        _ = try FeatureSet(contentsOf: url, source: source, images: "b")
      }
      try Safetensors.write(["mean": features], to: url)
      let error = #expect(throws: CheckpointError.self) {
        _ = try FeatureSet(contentsOf: url, source: source)
      }
      #expect(error?.description.contains("no file of features: covariance, sample") == true)
      try Safetensors.write(
        ["mean": features, "covariance": features, "sample": features],
        metadata: ["source": source.text], to: url)
      let shape = #expect(throws: CheckpointError.self) {
        _ = try FeatureSet(contentsOf: url, source: source)
      }
      try Safetensors.write(
        [
          "mean": features[0] * 1e30, "covariance": .zeros([5, 5], dtype: .float64),
          "sample": features,
        ], metadata: ["source": source.text], to: url)
      let size = #expect(throws: CheckpointError.self) {
        _ = try FeatureSet(contentsOf: url, source: source)
      }
      #expect(size?.description.contains("where values of at most 1e30 is needed") == true)
      #expect(shape?.description.contains("\"mean\" with [230, 5] where [5] is needed") == true)
    }
  }
}
