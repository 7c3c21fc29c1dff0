import Foundation
import TestSupport
import Testing
import Torch

@testable import UnCLIP

@Suite struct BSRDegradationTests {
  typealias Step = BSRDegradation.Step

  private let golden = Golden("unclip/degradation")

  // MARK: Steps against OpenCV and SciPy

  @Test(arguments: [
    ("linear", PlaneResize.linear), ("cubic", PlaneResize.cubic), ("area", PlaneResize.area),
  ])
  func resizesAsOpenCV(_ name: String, _ resize: PlaneResize) throws {
    let image = try golden.tensor("image")
    for (height, width) in [(5, 7), (9, 11), (20, 28), (33, 40)] {
      expectClose(
        resize(image, height: height, width: width),
        try golden.tensor("\(name).\(height).\(width)"), .products)
    }
  }

  /// PyTorch's leaves out what lies beyond the ends; an image with its mirror images beside it has
  /// nothing beyond them.
  @Test(arguments: [(10, 14), (5, 7), (40, 56)])
  func antialiasedCubicIsPyTorchsOfTheMirroredImage(_ height: Int, _ width: Int) throws {
    let image = try golden.tensor("image")
    let rows = Tensor.concatenated([image.flipped(1), image, image.flipped(1)], over: 1)
    let tiled = Tensor.concatenated([rows.flipped(2), rows, rows.flipped(2)], over: 2)
    let all = F.interpolate(
      tiled.unsqueezed(0), size: (3 * height, 3 * width), mode: .bicubic, antialias: true)[0]
    // PyTorch's cubic is less sharp when it only enlarges, unless it is antialiased too: a = -0.5.
    expectClose(
      PlaneResize.antialiasedCubic(image, height: height, width: width),
      all.narrowed(1, start: height, count: height).narrowed(2, start: width, count: width),
      .products)
  }

  @Test func blursAsSciPy() throws {
    let image = try golden.tensor("image")
    let kernels: [(String, BlurKernel)] = [
      ("stretched.7", .stretched(side: 7, angle: 0.6, variances: (5, 0.4))),
      ("stretched.14", .stretched(side: 14, angle: 2.1, variances: (1.3, 7))),
      ("round.5", .round(side: 5, deviation: 0.7)), ("round.6", .round(side: 6, deviation: 1.5)),
    ]
    for (name, kernel) in kernels {
      expectClose(
        Tensor(kernel.weights, shape: [kernel.side, kernel.side]),
        try golden.tensor("\(name).kernel"), Tolerance(1e-12))
      expectClose(kernel.blurred(image), try golden.tensor("\(name).blurred"), .products)
    }
  }

  @Test func keepsEveryFewPixelsInPlace() throws {
    let image = try golden.tensor("image").narrowed(1, start: 0, count: 9)
      .narrowed(2, start: 0, count: 6)
    for factor in [2, 4] {
      expectClose(
        Step.decimate(factor, deviation: 3).applied(to: image, using: RandomSource(seed: 0)),
        try golden.tensor("decimated.\(factor)"), .products)
    }
  }

  @Test func aKernelWithoutWidthBlursNothing() throws {
    let image = try golden.tensor("image")
    expectClose(BlurKernel.round(side: 7, deviation: 0).blurred(image), image, .exact)
    let even = BlurKernel.round(side: 6, deviation: 0)
    #expect(even.weights.filter { $0 > 0.2 }.count == 4)
  }

  @Test func compressesAsOpenCV() throws {
    let image = try golden.tensor("smooth")
    for quality in [30, 80, 95] {
      let ours = Step.jpeg(quality: quality).applied(to: image, using: RandomSource(seed: 0))
      // Another version of the library may round a level otherwise.
      expectClose(
        ours, try golden.tensor("jpeg.\(quality)"), Tolerance(absolute: 2.01 / 255, relative: 0))
    }
  }

  // MARK: Noise by its law

  @Test func noiseHasItsCovariance() {
    let random = RandomSource(seed: 4)
    let image = Tensor.full([3, 300, 300], 0.5)
    // Not positive: one eigenvalue is -0.1, and counts as 0.1.
    let wanted = [0.4, 0.5, 0, 0.5, 0.4, 0, 0, 0, 0.3]
    let cases: [(BSRDegradation.Noise, [Double])] = [
      (.color(deviation: 0.2), [0.04, 0, 0, 0, 0.04, 0, 0, 0, 0.04]),
      (.gray(deviation: 0.2), Array(repeating: 0.04, count: 9)),
      (.correlated(covariance: wanted), [0.5, 0.4, 0, 0.4, 0.5, 0, 0, 0, 0.3]),
    ]
    for (noise, covariance) in cases {
      let sample = noise.sampled(like: image, using: random).expanded([3, 300, 300])
        .reshaped(3, -1)
      let found = sample.matmul(sample.transposed(0, 1)) / Double(sample.dim(1))
      expectClose(
        found.to(.float64), Tensor(covariance, shape: [3, 3]),
        Tolerance(absolute: 0.006, relative: 0.02))
    }
  }

  // MARK: The plan by its law

  private func plans(_ variant: BSRDegradation.Variant, _ count: Int) -> [[Step]] {
    let random = RandomSource(seed: 8)
    return (0..<count).map { _ in
      BSRDegradation(variant).steps(height: 64, width: 96, using: random)
    }
  }

  /// Expects a share of `count` plans, within four standard deviations.
  private func expectShare(
    _ found: Int, of count: Int, _ share: Double, _ name: String
  ) {
    let deviation = (share * (1 - share) * Double(count)).squareRoot()
    #expect(
      abs(Double(found) - share * Double(count)) <= 4 * deviation,
      "\(name): \(found) of \(count), not \(share)")
  }

  @Test(arguments: BSRDegradation.Variant.allCases)
  func stepsComeAsOftenAsTheyShould(_ variant: BSRDegradation.Variant) {
    let count = 3000
    let plans = plans(variant, count)
    var (halved, early, twice, decimated, resizeFirst, blurFirst) = (0, 0, 0, 0, 0, 0)
    for plan in plans {
      #expect(plan.last.map { if case .jpeg = $0 { true } else { false } } == true)
      let jpegs = plan.filter { if case .jpeg = $0 { true } else { false } }.count
      let blurs = plan.filter { if case .blur = $0 { true } else { false } }.count
      let noises = plan.filter { if case .noise = $0 { true } else { false } }.count
      #expect(blurs == (variant == .full ? 2 : 1) && noises == 1)
      let sizes = plan.compactMap { step -> (Int, Int)? in
        if case .resize(let height, let width, _) = step { (height, width) } else { nil }
      }
      // Whatever comes before, the last resizing makes a quarter.
      #expect(sizes.last.map { $0 == (16, 24) } == true)
      let isHalved =
        plan.first == .resize(32, 48, .linear) || plan.first == .resize(32, 48, .cubic)
        || plan.first == .resize(32, 48, .area) || plan.first == .resize(32, 48, .antialiasedCubic)
      let decimation = plan.contains { if case .decimate = $0 { true } else { false } }
      if sizes.count + (decimation ? 1 : 0) == 3 {
        halved += 1
        #expect(isHalved)
      }
      if decimation { decimated += 1 }
      if jpegs == 2 { twice += 1 }
      let first = plan.dropFirst(sizes.count + (decimation ? 1 : 0) == 3 ? 1 : 0)
      if case .blur? = first.first { blurFirst += 1 }
      if case .noise? = first.first { early += 1 }
      if case .resize? = first.first { resizeFirst += 1 }
    }
    expectShare(halved, of: count, 0.25, "halved")
    expectShare(decimated, of: count, variant == .light ? 0.2 : 0.25, "decimated")
    expectShare(twice, of: count, 0.9, "compressed twice")
    // Each of n steps is first as often; the JPEG step, where it is left out, lets the next be.
    let n = variant == .light ? 5.0 : 6
    let share = 1 / n + 0.1 / n / (n - 1)
    expectShare(early, of: count, share, "noise first")
    expectShare(blurFirst, of: count, share * (variant == .light ? 1 : 2), "blur first")
  }

  @Test(arguments: BSRDegradation.Variant.allCases)
  func valuesLieInTheirRanges(_ variant: BSRDegradation.Variant) throws {
    let isLight = variant == .light
    let random = RandomSource(seed: 12)
    var (stretched, kinds, levels, qualities) = (0, [0, 0, 0], Set<Int>(), Set<Int>())
    var (largest, widest, roundSides, stretchedSides) = (0.0, 0.0, Set<Int>(), Set<Int>())
    var deviations: [Double] = []
    var resizes: [PlaneResize: Int] = [:]
    let count = 3000
    var blurs = 0
    for _ in 0..<count {
      for step in BSRDegradation(variant).steps(height: 64, width: 64, using: random) {
        switch step {
        case .blur(let kernel):
          blurs += 1
          let at = (0..<kernel.side).map { Double($0) - Double(kernel.side - 1) / 2 }
          var (xx, yy, xy) = (0.0, 0.0, 0.0)
          for y in 0..<kernel.side {
            for x in 0..<kernel.side {
              let weight = kernel.weights[y * kernel.side + x]
              (xx, yy, xy) = (
                xx + weight * at[x] * at[x], yy + weight * at[y] * at[y],
                xy + weight * at[x] * at[y]
              )
            }
          }
          if abs(xx - yy) < 1e-9, abs(xy) < 1e-9 {
            // Stretched ones that are narrow both ways look round.
            if xx > 0.3 { roundSides.insert(kernel.side) }
            widest = max(widest, xx)
          } else {
            stretched += 1
            stretchedSides.insert(kernel.side)
            largest = max(largest, xx + yy)
          }
        case .resize(_, _, let kind): resizes[kind, default: 0] += 1
        case .decimate(let factor, let deviation):
          #expect(factor == 2 || factor == 4)
          #expect((0.1...0.6 * Double(factor)).contains(deviation))
          deviations.append(deviation)
        case .noise(.color(let deviation)):
          kinds[0] += 1
          levels.insert(Int((deviation * 255).rounded()))
        case .noise(.gray(let deviation)):
          kinds[1] += 1
          levels.insert(Int((deviation * 255).rounded()))
        case .noise(.correlated(let covariance)):
          kinds[2] += 1
          let level = (isLight ? 2.0 : 25) / 255
          let bound = level * level
          // The trace of UᵀDU is that of D, three numbers from 0 to 1.
          #expect(covariance[0] + covariance[4] + covariance[8] <= 3 * bound)
          #expect(covariance.allSatisfy { $0 >= 0 && $0 <= bound })
          #expect(abs(covariance[1] - covariance[3]) < 1e-12)
        case .jpeg(let quality): qualities.insert(quality)
        }
      }
    }
    expectShare(stretched, of: blurs, 0.5, "stretched")
    expectShare(kinds[0], of: count, 0.4, "colour")
    expectShare(kinds[1], of: count, 0.4, "grey")
    expectShare(kinds[2], of: count, 0.2, "correlated")
    #expect(levels == Set(isLight ? 1...2 : 2...25))
    #expect(qualities == Set(isLight ? 80...95 : 30...95))
    #expect(roundSides.isSubset(of: Set(isLight ? [5, 6, 7] : (2...11).map { 2 * $0 + 3 })))
    #expect(stretchedSides == Set((2...11).map { (isLight ? 1 : 2) * $0 + 3 }))
    // The variances of a kernel that its side cuts off are smaller, not larger.
    #expect(largest <= 2.01 * (isLight ? 2.0 : 8) && largest > (isLight ? 2.0 : 8))
    let widestDeviation = isLight ? 0.7 : 2.8
    #expect(widest <= 1.01 * widestDeviation * widestDeviation)
    #expect(widest > 0.7 * widestDeviation * widestDeviation)
    #expect(deviations.max() ?? 0 > 2.2 && deviations.min() ?? 1 < 0.3)
    let random3 = [PlaneResize.linear, .cubic, .area].map { resizes[$0] ?? 0 }
    for found in random3 { expectShare(found, of: random3.reduce(0, +), 1.0 / 3, "interpolation") }
    expectShare(resizes[.antialiasedCubic] ?? 0, of: count, 0.125, "antialiased")
  }

  // MARK: The whole

  @Test(arguments: BSRDegradation.Variant.allCases)
  func quartersEachImageByItself(_ variant: BSRDegradation.Variant) {
    let images = RandomSource(seed: 3).uniform([6, 3, 32, 32], in: -1..<1)
    let small = BSRDegradation(variant).degraded(images, using: RandomSource(seed: 5))
    #expect(small.shape == [6, 3, 8, 8])
    #expect(small.min().item() >= -1 && small.max().item() <= 1)
    expectClose(
      small, BSRDegradation(variant).degraded(images, using: RandomSource(seed: 5)), .exact)
    let rows = 1..<images.dim(0)
    expectClose(
      BSRDegradation(variant).degraded(
        images[rows],
        using: RandomSource(seed: 5, rows: BatchRows(rows, of: images.dim(0)))),
      small[rows], .exact)
    let other = BSRDegradation(variant).degraded(images, using: RandomSource(seed: 6))
    #expect((small - other).abs().max().item() > 0.01)
  }

  /// A smooth image keeps its colours; the full variant's noise is seen more than the light one's.
  @Test func aPlainImageKeepsItsColor() {
    let plain = Tensor.full([40, 3, 64, 64], 0.2)
    let errors = BSRDegradation.Variant.allCases.map { variant in
      let small = BSRDegradation(variant).degraded(plain, using: RandomSource(seed: 9))
      #expect(abs(small.mean().item() - 0.2) < 0.02)
      return (small - 0.2).square().mean().item().squareRoot()
    }
    #expect(errors[0] < 0.02 && errors[1] > 2 * errors[0], "\(errors)")
  }
}
