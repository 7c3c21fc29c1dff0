import Foundation
public import Torch

/// Computes the mean structural similarity of two batches of images, -1 to 1: how far patches agree in
/// brightness, contrast and form, which is nearer to what people see than a squared error.
///
/// Patches are weighted by a Gaussian of 11 × 11 pixels, σ 1.5; the mean is over the places where a patch
/// lies within the image, all channels and images.
///
/// Shapes: `[B, C, H, W]`, equal.
///
/// Range: pixels in [-1, 1].
///
/// Source: Wang et al. 2004; scikit-image `structural_similarity` with its options of that paper.
/// - Precondition: The images have at least 11 × 11 pixels.
public func structuralSimilarity(_ a: Tensor, _ b: Tensor) -> Double {
  let (side, deviation) = (11, 1.5)
  let (_, channels, height, width) = a.shape4
  precondition(a.shape == b.shape, "images of \(a.shape) and \(b.shape)")
  precondition(height >= side && width >= side, "images of \(width)x\(height) pixels")
  let line = (0..<side).map { index in
    let distance = Double(index - side / 2) / deviation
    return exp(-distance * distance / 2)
  }
  let total = line.reduce(0, +)
  let weights = Tensor(line.map { $0 / total }, device: a.device).to(.float32)
  func kernel(_ shape: [Int]) -> Tensor {
    weights.reshaped(shape).expanded([channels] + shape.dropFirst()).contiguous()
  }
  let (columns, rows) = (kernel([1, 1, side, 1]), kernel([1, 1, 1, side]))
  func mean(_ x: Tensor) -> Tensor {
    F.conv2d(F.conv2d(x, columns, groups: channels), rows, groups: channels)
  }
  return noGrad {
    let (x, y) = (a.to(.float32), b.to(.float32))
    let (meanX, meanY) = (mean(x), mean(y))
    let (squareX, squareY, product) = (meanX.square(), meanY.square(), meanX * meanY)
    let varianceX = mean(x.square()) - squareX
    let varianceY = mean(y.square()) - squareY
    let covariance = mean(x * y) - product
    // Squares of 0.01 and 0.03 of the range, which is 2.
    let (first, second) = (0.0004, 0.0036)
    let map =
      (product * 2 + first) * (covariance * 2 + second)
      / ((squareX + squareY + first) * (varianceX + varianceY + second))
    return map.mean().to(.float64).item()
  }
}
