import Testing
import Torch

@testable import ImageMetrics

@Suite struct BootstrapTests {
  /// The standard error of a mean is known.
  @Test func theIntervalOfAMeanIsAsWideAsItsError() throws {
    let values = RandomSource(seed: 1).normal([400]).array(of: Double.self)
    let found = Bootstrap(seed: 2).mean(of: values)
    let interval = try #require(found.interval)
    #expect(interval.lower < found.value && found.value < interval.upper)
    #expect(abs((interval.upper - interval.lower) - 2 * 1.96 / 20) < 0.03)
    #expect(Bootstrap(seed: 2).mean(of: values) == found, "a seed gives the same again")
    #expect(Bootstrap(seed: 3).mean(of: values) != found)
  }

  @Test func moreImagesGiveANarrowerInterval() throws {
    let random = RandomSource(seed: 3)
    let (a, b) = (random.normal([400, 4]), random.normal([400, 4]) + 0.5)
    let bootstrap = Bootstrap(replicates: 200)
    func width(_ estimate: Estimate) -> Double {
      (estimate.interval?.upper ?? .infinity) - (estimate.interval?.lower ?? 0)
    }
    for metric in [
      { bootstrap.frechet(FrechetDistance($0, $1).value, $0, $1) },
      { bootstrap.kernel($0, $1) },
      { a, _ in bootstrap.meanPairwiseDistance(a) },
    ] as [(Tensor, Tensor) -> Estimate] {
      let (few, many) = (metric(a[0..<50], b[0..<50]), metric(a, b))
      #expect(width(many) < width(few))
      #expect(many.interval.map { $0.lower <= many.value && many.value <= $0.upper } == true)
    }
  }

  /// Images chosen twice do not move the values of unbiased metrics.
  @Test func repeatedImagesDoNotBiasTheKernelDistance() throws {
    let random = RandomSource(seed: 4)
    let (a, b) = (random.normal([30, 6]), random.normal([30, 6]))
    let found = Bootstrap().kernel(a, b)
    let interval = try #require(found.interval)
    let middle = (interval.lower + interval.upper) / 2
    #expect(abs(middle - found.value) < 0.25 * (interval.upper - interval.lower))
  }
}

@Suite struct DiversityTests {
  @Test func pairsAreAveraged() {
    let features = RandomSource(seed: 5).normal([7, 3])
    let rows = features.to(.float64).normalized()
    let cosines = rows.matmul(rows.transposed())
    let expected = 1 - (cosines.sum().item() - 7) / 42
    #expect(abs(meanPairwiseDistance(features) - expected) < 1e-12)
    let same = features[0..<1].expanded([4, 3])
    #expect(abs(meanPairwiseDistance(same)) < 1e-6)
    let groups = pairwiseDistances(
      Tensor.concatenated([same, features[0..<4]], over: 0), inGroupsOf: 4)
    #expect(groups.count == 2 && groups[0] < 1e-6 && groups[1] > 0.1)
  }

  @Test func scoresAreCosines() {
    let images = Tensor([1, 0, 0, 2, 1, 0] as [Float], shape: [3, 2])
    let texts = Tensor([3, 0, 1, 0, -1, 0] as [Float], shape: [3, 2])
    #expect(clipScores(imageEmbeddings: images, textEmbeddings: texts) == [100, 0, 0])
  }
}
