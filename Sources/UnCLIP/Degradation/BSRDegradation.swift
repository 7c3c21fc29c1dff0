public import Config
import Foundation
public import Torch

/// Makes a quarter of an image's size of it and worsens it as cameras, programs and networks do: by
/// blur, shrinking, noise and compression, of random kinds, strengths and order.
///
/// It is how the small images of the second upsampler are made in training: one that had seen clean
/// images alone would keep the faults of what it is given.
///
/// Source: Zhang et al. 2021, BSRGAN; Rombach et al. 2022, whose code's two variants these are; paper
/// section 2.1.
public struct BSRDegradation: Sendable, Equatable {
  /// How strong the faults are.
  public enum Variant: String, ConfigChoice {
    /// One slight blur, noise of at most 2 of 255 levels, qualities of 80 to 95.
    case light = "bsr_light"
    /// Two wide blurs, noise of up to 25 levels, qualities of 30 to 95.
    case full = "bsr_full"
  }

  /// By how much the sides shrink.
  public static let factor = 4

  /// How strong the faults are.
  public let variant: Variant

  /// Makes the degradation.
  public init(_ variant: Variant) { self.variant = variant }

  /// Degrades one image in [0, 1], `[3, H, W] -> [3, H / 4, W / 4]`.
  ///
  /// - Precondition: The sides are multiples of 4.
  public func callAsFunction(_ image: Tensor, using random: RandomSource) -> Tensor {
    let plan = steps(height: image.dim(1), width: image.dim(2), using: random)
    return noGrad { plan.reduce(image) { $1.applied(to: $0, using: random) } }
  }

  /// Degrades the images of a batch in [-1, 1], each by itself and by a seed of its own:
  /// `[B, 3, H, W] -> [B, 3, H / 4, W / 4]`.
  ///
  /// - Precondition: The sides are multiples of 4.
  public func degraded(_ images: Tensor, using random: RandomSource) -> Tensor {
    let unit = images * 0.5 + 0.5
    let seeds = random.integers(in: 0..<1 << 32, [images.dim(0)]).array(of: Int64.self)
    let rows = seeds.enumerated().map { row, seed in
      self(unit[row], using: RandomSource(seed: UInt64(seed))).unsqueezed(0)
    }
    return Tensor.concatenated(rows, over: 0) * 2 - 1
  }

  // MARK: The plan

  /// Draws what is done to an image, in order.
  func steps(height: Int, width: Int, using random: RandomSource) -> [Step] {
    precondition(
      height.isMultiple(of: Self.factor) && width.isMultiple(of: Self.factor),
      "\(width)x\(height) pixels cannot be quartered")
    var plan: [Step] = []
    var (height, width, factor) = (height, width, Self.factor)
    if random.number() < 0.25 {
      (height, width, factor) = (height / 2, width / 2, factor / 2)
      let antialiased = random.number() < 0.5
      plan.append(
        .resize(height, width, antialiased ? .antialiasedCubic : .random(using: random)))
    }
    for kind in order(using: random) {
      switch kind {
      case .blur: plan.append(.blur(blur(factor, using: random)))
      case .shrink: plan.append(shrink(height, width, factor, using: random))
      case .final:
        plan.append(.resize(height / factor, width / factor, .random(using: random)))
      case .noise: plan.append(.noise(noise(using: random)))
      case .jpeg: if random.number() < 0.9 { plan.append(jpeg(using: random)) }
      }
    }
    return plan + [jpeg(using: random)]
  }

  /// A step that is not drawn yet.
  private enum Kind { case blur, shrink, final, noise, jpeg }

  /// Any order, except that the shrinking to the final size comes after the other.
  private func order(using random: RandomSource) -> [Kind] {
    let all: [Kind] =
      (variant == .full ? [.blur] : []) + [.blur, .shrink, .final, .noise, .jpeg]
    var order = random.permutation(all.count).array(of: Int64.self).map { all[Int($0)] }
    if let final = order.firstIndex(of: .final), let shrink = order.firstIndex(of: .shrink),
      final < shrink
    {
      order.swapAt(final, shrink)
    }
    return order
  }

  /// Half of the blurs are stretched in a random direction.
  private func blur(_ factor: Int, using random: RandomSource) -> BlurKernel {
    let scale = variant == .light ? 0.25 : 1
    let side = { (range: ClosedRange<Int>) in
      (variant == .light ? 1 : 2) * random.integer(in: range) + 3
    }
    if random.number() < 0.5 {
      let largest = scale * (4 + Double(factor))
      let first = largest * random.number()
      let second = largest * random.number()
      return .stretched(
        side: side(2...11), angle: .pi * random.number(), variances: (first, second))
    }
    return .round(
      side: side(variant == .light ? 2...4 : 2...11),
      deviation: scale * (2 + 0.2 * Double(factor)) * random.number())
  }

  /// Most images are resized by a random factor; the rest are blurred, and keep every so many pixels.
  private func shrink(
    _ height: Int, _ width: Int, _ factor: Int, using random: RandomSource
  ) -> Step {
    guard random.number() < (variant == .light ? 0.8 : 0.75) else {
      return .decimate(
        factor, deviation: 0.1 + (0.6 * Double(factor) - 0.1) * random.number())
    }
    let ratio = 1 / (1 + (2 * Double(factor) - 1) * random.number())
    return .resize(
      max(1, Int(ratio * Double(height))), max(1, Int(ratio * Double(width))),
      .random(using: random))
  }

  /// Two fifths of the noises are of each channel's own, two fifths the same for all, the rest between.
  private func noise(using random: RandomSource) -> Noise {
    let levels = variant == .light ? 1...2 : 2...25
    let level = Double(random.integer(in: levels)) / 255
    let kind = random.number()
    if kind > 0.6 { return .color(deviation: level) }
    if kind < 0.4 { return .gray(deviation: level) }
    let axes = random.uniform([3, 3], dtype: .float64).singularValues().u
    let variances = random.uniform([3, 1], dtype: .float64)
    let largest = Double(levels.upperBound) / 255
    let covariance = axes.transposed(0, 1).matmul(variances * axes) * (largest * largest)
    return .correlated(covariance: covariance.abs().array(of: Double.self))
  }

  private func jpeg(using random: RandomSource) -> Step {
    .jpeg(quality: random.integer(in: variant == .light ? 80...95 : 30...95))
  }
}

extension RandomSource {
  /// Samples a number from 0 to 1.
  fileprivate func number() -> Double { uniform([1], dtype: .float64).item() }

  /// Samples a whole number, both ends of the range included.
  fileprivate func integer(in range: ClosedRange<Int>) -> Int {
    Int(integers(in: range.lowerBound..<range.upperBound + 1, [1]).array(of: Int64.self)[0])
  }
}

extension PlaneResize {
  /// Samples one of those that do not look at more pixels the more they shrink, or the mean.
  fileprivate static func random(using random: RandomSource) -> PlaneResize {
    [.linear, .cubic, .area][random.integer(in: 0...2)]
  }
}
