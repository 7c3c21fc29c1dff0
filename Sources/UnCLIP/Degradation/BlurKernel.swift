import Foundation
import Torch

/// The weights of a blur, a square that sums to 1.
struct BlurKernel: Equatable {
  /// Pixels of a side; odd or even.
  let side: Int
  /// Row by row.
  let weights: [Double]

  private init(side: Int, weights: [Double]) {
    let total = weights.reduce(0, +)
    self.side = side
    self.weights = weights.map { $0 / total }
  }

  /// Makes a Gaussian of one deviation, in pixels; 0 blurs nothing.
  static func round(side: Int, deviation: Double) -> BlurKernel {
    // A narrower one is one pixel, and its exponents would not be finite.
    let variance = max(deviation * deviation, 1e-6)
    return gaussian(side: side, angle: 0, variances: (variance, variance))
  }

  /// Makes a Gaussian whose variances, in square pixels, differ along two axes that are turned by an
  /// angle; they count as 0.1 at least.
  static func stretched(
    side: Int, angle: Double, variances: (Double, Double)
  ) -> BlurKernel {
    // A narrower line passes between all pixels near the middle, and hits one far from it.
    let smallest = 0.1
    return gaussian(
      side: side, angle: angle, variances: (max(variances.0, smallest), max(variances.1, smallest)))
  }

  private static func gaussian(
    side: Int, angle: Double, variances: (Double, Double)
  ) -> BlurKernel {
    let (first, second) = variances
    let (cosine, sine) = (cos(angle), sin(angle))
    let center = Double(side - 1) / 2
    let squares = (0..<side * side).map { index in
      let (x, y) = (Double(index % side) - center, Double(index / side) - center)
      let (along, across) = (cosine * x + sine * y, sine * x - cosine * y)
      return along * along / first + across * across / second
    }
    // Relative to the nearest pixel, since none of an even side lies in the middle.
    let nearest = squares.min() ?? 0
    return BlurKernel(side: side, weights: squares.map { exp((nearest - $0) / 2) })
  }

  /// Returns the kernel moved up and left by a part of a pixel or more, its border repeated.
  func shifted(by distance: Double) -> BlurKernel {
    func place(_ index: Int) -> (low: Int, high: Int, fraction: Double) {
      let position = min(Double(index) + distance, Double(side - 1))
      let low = Int(position)
      return (low, min(low + 1, side - 1), position - Double(low))
    }
    let moved = (0..<side * side).map { index in
      let (x, y) = (place(index % side), place(index / side))
      func row(_ y: Int) -> Double {
        weights[y * side + x.low] * (1 - x.fraction) + weights[y * side + x.high] * x.fraction
      }
      return row(y.low) * (1 - y.fraction) + row(y.high) * y.fraction
    }
    return BlurKernel(side: side, weights: moved)
  }

  /// Convolves each channel of an image, mirrored at its borders: `[C, H, W] -> [C, H, W]`.
  func blurred(_ image: Tensor) -> Tensor {
    let channels = image.dim(0)
    let flipped = weights.reversed().map { Float($0) }
    let bank = Tensor(flipped, shape: [1, 1, side, side], device: image.device).to(image.dtype)
      .expanded([channels, 1, side, side]).contiguous()
    return F.conv2d(mirrored(mirrored(image, 1), 2).unsqueezed(0), bank, groups: channels)[0]
  }

  /// Adds a border, of any width, which mirrors the image around its outermost pixels.
  private func mirrored(_ image: Tensor, _ axis: Int) -> Tensor {
    let length = image.dim(axis)
    let period = max(1, 2 * (length - 1))
    let first = side / 2 + 1 - side
    let indices = (first..<length + side / 2).map { index in
      let folded = ((index % period) + period) % period
      return Int64(min(folded, period - folded))
    }
    return image.indexed(by: Tensor(indices, device: image.device), over: axis)
  }
}
