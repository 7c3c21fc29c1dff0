import Diffusion
import Foundation
import TestSupport
import Testing
import Torch

@Suite struct GuidanceTests {
  static let golden = Golden("diffusion/guidance")

  @Test func matchesDiffusers() throws {
    let (c, u) = try (Self.golden["conditional"], Self.golden["unconditional"])
    expectClose(
      guided(c, unconditional: u, scale: 8, channels: 3), try Self.golden["guided"], .elements)
    expectClose(
      guided(c, unconditional: u, scale: 8, channels: 3, rescale: 0.7),
      try Self.golden["rescaled"], .products)
    let halves = Tensor.concatenated([u, c], over: 0)
    #expect(
      guided(halves: halves, scale: 8, channels: 3).array(of: Float.self)
        == guided(c, unconditional: u, scale: 8, channels: 3).array(of: Float.self))
  }

  @Test func scaleOneIsConditionalAndZeroUnconditional() throws {
    let (c, u) = try (Self.golden["conditional"], Self.golden["unconditional"])
    expectClose(guided(c, unconditional: u, scale: 1), c, .elements)
    expectClose(guided(c, unconditional: u, scale: 0), u, .exact)
    // The variance stays the conditional half's at any scale.
    let strong = guided(c, unconditional: u, scale: 30, channels: 3)
    expectClose(
      strong.narrowed(1, start: 3, count: 3), c.narrowed(1, start: 3, count: 3), .exact)
  }

  @Test func rescalingRestoresTheSpread() throws {
    let (c, u) = try (Self.golden["conditional"], Self.golden["unconditional"])
    let full = guided(c, unconditional: u, scale: 8, rescale: 1)
    for row in 0..<c.dim(0) {
      #expect(
        isClose(
          full.selected(0, row).standardDeviation().item(),
          c.selected(0, row).standardDeviation().item(), 1e-5))
    }
  }

  @Test(arguments: [(0.995, 1.0), (0.9, 100.0), (0.95, 2.0)])
  func dynamicThresholdMatchesDiffusers(_ fraction: Double, _ cap: Double) throws {
    let start = try Self.golden["start"]
    expectClose(
      Threshold.quantile(fraction, cap: cap)(start),
      try Self.golden["threshold.\(fraction).\(cap)"],
      .elements)
  }

  @Test func thresholds() throws {
    let start = try Self.golden["start"]
    expectClose(Threshold.none(start), start, .exact)
    expectClose(Threshold.range(0.5)(start), start.clamped(min: -0.5, max: 0.5), .exact)
    // With the cap at 1 the quantile rule is the range rule.
    expectClose(Threshold.quantile(0.5, cap: 1)(start), Threshold.range(1)(start), .exact)
    #expect(Threshold.quantile(0.8, cap: nil)(start).abs().max().item() <= 1)
    let small = start.narrowed(0, start: 0, count: 1).clamped(min: -1, max: 1)
    expectClose(Threshold.quantile(0.99, cap: nil)(small), small, .exact)
  }

  @Test func sphericalInterpolationKeepsLengthAndEnds() {
    let random = RandomSource(seed: 6)
    let a = random.normal([4, 16], dtype: .float64).normalized()
    let b = random.normal([4, 16], dtype: .float64).normalized()
    expectClose(sphericalInterpolation(a, b, fraction: 0), a, .schedule)
    expectClose(sphericalInterpolation(a, b, fraction: 1), b, .schedule)
    let third = sphericalInterpolation(a, b, fraction: 1.0 / 3)
    expectClose(third.norm(over: -1), Tensor.ones([4], dtype: .float64), .schedule)
    let angle = (a * b).sum(over: -1).acos()
    expectClose((a * third).sum(over: -1).acos(), angle / 3, Tolerance(1e-9))
    // Of other norms the norm goes evenly from one to the other.
    let longer = sphericalInterpolation(a, b * 3, fraction: 0.25)
    expectClose(longer.norm(over: -1), Tensor.full([4], 1.5, dtype: .float64), .schedule)
    // Parallel vectors have no angle to follow.
    expectClose(sphericalInterpolation(a, a * 3, fraction: 0.5), a * 2, .schedule)
  }

  @Test func sphericalMeanIsTheCentreOfItsPoints() {
    let random = RandomSource(seed: 8)
    let cone = random.normal([1, 16], dtype: .float64) * 2
    let points = (0..<4).map { _ in (random.normal([3, 16], dtype: .float64) + cone).normalized() }
    let weights = [0.5, 0.1, 0, 3]
    let mean = sphericalMean(points, weights: weights)
    expectClose(mean.norm(over: -1), Tensor.ones([3], dtype: .float64), .schedule)
    // The weighted arcs from it to the points cancel.
    var sum = mean.zerosLike()
    for (point, weight) in zip(points, weights) {
      let cosine = (point * mean).sum(over: -1, keepingDims: true)
      let across = point - mean * cosine
      sum = sum + across.normalized() * cosine.acos() * weight
    }
    expectClose(sum, mean.zerosLike(), Tolerance(1e-9))
    // The order does not matter, nor does the size of all weights.
    expectClose(
      sphericalMean(points.reversed(), weights: weights.reversed().map { $0 * 7 }), mean,
      Tolerance(1e-9))
    expectClose(sphericalMean(points, weights: [0, 0, 2, 0]), points[2], .exact)
    // Opposite points have no mean, but what comes of them is finite and of their norm.
    let lost = sphericalMean([points[0], -points[0]], weights: [1, 1])
    expectClose(lost.norm(over: -1), Tensor.ones([3], dtype: .float64), .schedule)
  }

  @Test func brokenContractsTrap() async {
    expectTrap(
      "a guided batch is even, not 3",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = guided(halves: Tensor.zeros([3, 2]), scale: 2)
      })
    expectTrap(
      "3 guided channels of 2",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        let x = Tensor.zeros([3, 2])
        _ = guided(x, unconditional: x, scale: 2, channels: 3)
      })
  }
}
