import Foundation
public import Torch

/// A ranking of known images by likeness to a sample, without any training: by colours on a coarse
/// grid and by the directions of edges.
///
/// It evaluates generators that were trained on the same images, independently of their CLIP. It is
/// lenient: a sample with the right colours in the right positions can match although nobody would
/// recognise it, so report the squared error and a human rating beside it.
///
/// Source: edge histograms as in Dalal and Triggs 2005, square roots as in RootSIFT.
public struct ConceptJudge {
  /// Side of the images it compares, pixels.
  public static let side = 64
  /// Side of a mean of colours, pixels.
  static let colorCell = 4
  /// Side of a histogram's cell, pixels.
  static let edgeCell = 8
  /// Directions in half a turn.
  static let directions = 6

  /// Known images.
  public let count: Int
  private let colors: Tensor  // [N, 3·16·16], over the root of their variance
  private let edges: Tensor  // [N, 6·8·8], likewise
  private let colorScale: Double
  private let edgeScale: Double

  /// Takes the known images, `[N, 3, 64, 64]` in [-1, 1].
  ///
  /// - Precondition: At least two images, of this shape.
  public init(references: Tensor) {
    precondition(references.dim(0) > 1, "a ConceptJudge needs two images or more")
    let (colors, edges) = Self.features(of: references)
    func scale(_ features: Tensor) -> Double {
      let spread = (features - features.mean(over: 0, keepingDims: true)).square().sum(over: 1)
      return 1 / max(spread.mean().item(), 1e-12).squareRoot()
    }
    count = references.dim(0)
    (colorScale, edgeScale) = (scale(colors), scale(edges))
    (self.colors, self.edges) = (colors * colorScale, edges * edgeScale)
  }

  /// Finds the known images nearest to each sample, nearest first.
  ///
  /// - Parameters:
  ///   - samples: `[B, 3, 64, 64]` in [-1, 1].
  ///   - k: How many, at most all.
  /// - Returns: `B` rows of `k` positions among the known images.
  public func nearest(to samples: Tensor, _ k: Int) -> [[Int]] {
    precondition((1...count).contains(k), "\(k) of \(count) known images")
    let (colors, edges) = Self.features(of: samples)
    return noGrad {
      let distances =
        Self.squaredDistances(colors * colorScale, self.colors)
        + Self.squaredDistances(edges * edgeScale, self.edges)
      let positions = (-distances).topK(k).indices.array(of: Int64.self).map(Int.init)
      return (0..<samples.dim(0)).map { Array(positions[$0 * k..<($0 + 1) * k]) }
    }
  }

  /// Computes the fraction of the samples that have one of their own images among the nearest `k`.
  ///
  /// - Parameters:
  ///   - samples: `[B, 3, 64, 64]` in [-1, 1].
  ///   - accepted: For each sample the positions of the images that count as right.
  ///   - k: How many of the nearest count.
  public func recall(of samples: Tensor, accepted: [Set<Int>], at k: Int) -> Double {
    precondition(
      accepted.count == samples.dim(0) && !accepted.isEmpty,
      "\(accepted.count) sets of accepted images for \(samples.dim(0)) samples")
    let found = zip(nearest(to: samples, k), accepted).filter { !$1.isDisjoint(with: $0) }
    return Double(found.count) / Double(accepted.count)
  }

  /// Computes squared distances, `[B, D]` and `[N, D]` to `[B, N]`.
  private static func squaredDistances(_ a: Tensor, _ b: Tensor) -> Tensor {
    let lengths = b.square().sum(over: 1).unsqueezed(0) + a.square().sum(over: 1).unsqueezed(1)
    return lengths - a.matmul(b.transposed()) * 2
  }

  /// Computes colours and edges of images, `[B, D]` each.
  private static func features(of images: Tensor) -> (colors: Tensor, edges: Tensor) {
    let (b, channels, height, width) = images.shape4
    precondition(
      channels == 3 && height == side && width == side,
      "images of \(images.shape), but a ConceptJudge takes [B, 3, \(side), \(side)]")
    return noGrad {
      let pixels = images.to(.float32).contiguous()
      let colors = F.averagePool2d(pixels, kernel: colorCell).reshaped(b, -1)
      let smooth = blurred(pixels)
      func difference(_ axis: Int) -> Tensor {
        let other = axis == 2 ? 3 : 2
        let inner = smooth.narrowed(other, start: 1, count: side - 2)
        return inner.narrowed(axis, start: 2, count: side - 2)
          - inner.narrowed(axis, start: 0, count: side - 2)
      }
      let (down, across) = (difference(2), difference(3))
      let strength = (down.square() + across.square()).sqrt() + 1e-6
      let histograms = (0..<directions).map { direction in
        let angle = Double(direction) * .pi / Double(directions)
        let along = across * cos(angle) + down * sin(angle)
        // A lobe of cos⁴ reaches as far as the next direction, so turning moves weight smoothly.
        let weight = (along.square().square() / (strength * strength * strength))
          .sum(over: 1, keepingDims: true)
        return F.averagePool2d(weight.padded([1, 1, 1, 1]), kernel: edgeCell)  // [B, 1, 8, 8]
      }
      return (colors, Tensor.concatenated(histograms, over: 1).sqrt().reshaped(b, -1))
    }
  }

  /// Blurs each channel with the 5×5 binomial filter, borders reflected.
  private static func blurred(_ images: Tensor) -> Tensor {
    let line = Tensor([1, 4, 6, 4, 1].map { Float($0 / 16) }).unsqueezed(1)
    let kernel = line.matmul(line.transposed()).reshaped(1, 1, 5, 5).expanded([3, 1, 5, 5])
    return F.conv2d(
      images.padded([2, 2, 2, 2], mode: .reflect), kernel.contiguous(), groups: 3)
  }
}
