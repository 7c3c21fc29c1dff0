import Foundation
import Torch

/// How images in floating point change their size, as a sum of weighted pixels along each axis.
///
/// The first three are OpenCV's, which do not widen with the factor, so that shrinking with them
/// aliases; that is one of the faults of images that the world is full of.
enum PlaneResize: Equatable, CaseIterable {
  /// Between the two nearest pixels.
  case linear
  /// By a cubic curve through four pixels, a = -0.75.
  case cubic
  /// The mean of what a pixel covers; where the image grows, nearly the nearest pixel.
  case area
  /// MATLAB's: a cubic curve, a = -0.5, as wide as the factor asks for.
  case antialiasedCubic

  /// Resizes the channels of an image, `[C, H, W] -> [C, height, width]`.
  func callAsFunction(_ image: Tensor, height: Int, width: Int) -> Tensor {
    let rows = matrix(from: image.dim(1), to: height).to(image.dtype).to(image.device)
    let columns = matrix(from: image.dim(2), to: width).to(image.dtype).to(image.device)
    return rows.matmul(image).matmul(columns.transposed(0, 1))
  }

  /// Returns the weight of each pixel of a line in each of the resized one, `[to, from]`.
  private func matrix(from count: Int, to newCount: Int) -> Tensor {
    let scale = Double(count) / Double(newCount)
    var matrix = [Double](repeating: 0, count: count * newCount)
    for row in 0..<newCount {
      for (index, weight) in weights(row, scale) {
        let place = self == .antialiasedCubic ? Self.mirrored(index, count) : index
        matrix[row * count + min(max(place, 0), count - 1)] += weight
      }
      let total = matrix[row * count..<(row + 1) * count].reduce(0, +)
      for column in 0..<count { matrix[row * count + column] /= total }
    }
    return Tensor(matrix, shape: [newCount, count])
  }

  /// The pixels that a resized one is made of, some beyond the ends, and their weights up to a factor.
  private func weights(_ row: Int, _ scale: Double) -> [(Int, Double)] {
    let middle = (Double(row) + 0.5) * scale - 0.5
    let first = Int(middle.rounded(.down))
    switch self {
    case .linear:
      let fraction = middle - Double(first)
      return [(first, 1 - fraction), (first + 1, fraction)]
    case .cubic:
      return (first - 1...first + 2).map { ($0, Self.cubic(middle - Double($0), a: -0.75)) }
    case .area where scale >= 1:
      let (low, high) = (Double(row) * scale, Double(row + 1) * scale)
      return (Int(low)..<Int(high.rounded(.up))).map {
        ($0, min(high, Double($0 + 1)) - max(low, Double($0)))
      }
    case .area:
      let first = Int(Double(row) * scale)
      let fraction = Double(row + 1) - Double(first + 1) / scale
      return [(first, 1 - max(0, fraction)), (first + 1, max(0, fraction))]
    case .antialiasedCubic:
      let stretch = max(scale, 1)
      let low = Int((middle - 2 * stretch).rounded(.down))
      return (low...low + Int((4 * stretch).rounded(.up)) + 1).map {
        ($0, Self.cubic((middle - Double($0)) / stretch, a: -0.5))
      }
    }
  }

  /// The pixel that stands beyond the ends, where the image is mirrored around its edges.
  private static func mirrored(_ index: Int, _ count: Int) -> Int {
    let folded = ((index % (2 * count)) + 2 * count) % (2 * count)
    return min(folded, 2 * count - 1 - folded)
  }

  /// Keys' cubic convolution.
  private static func cubic(_ x: Double, a: Double) -> Double {
    let x = abs(x)
    if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    if x < 2 { return a * (((x - 5) * x + 8) * x - 4) }
    return 0
  }
}
