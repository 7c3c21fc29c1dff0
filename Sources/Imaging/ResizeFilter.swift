import Foundation

/// How samples are weighted when a picture changes size.
///
/// When a side shrinks, the filter is widened by the same factor (antialiasing).
/// Source: Pillow `src/libImaging/Resample.c`.
public enum ResizeFilter: String, Sendable, CaseIterable {
  /// The mean of the covered pixels.
  case box
  /// A triangle of radius 1.
  case bilinear
  /// Keys' cubic with a = -0.5, radius 2.
  case bicubic
  /// A windowed sinc, radius 3.
  case lanczos

  /// The radius outside which the weight is zero, in output pixels.
  var support: Double {
    switch self {
    case .box: 0.5
    case .bilinear: 1
    case .bicubic: 2
    case .lanczos: 3
    }
  }

  /// The weight, before scaling, of a sample at distance `x`.
  func weight(_ x: Double) -> Double {
    switch self {
    case .box:
      return x > -0.5 && x <= 0.5 ? 1 : 0
    case .bilinear:
      return max(0, 1 - abs(x))
    case .bicubic:
      let (a, d) = (-0.5, abs(x))
      if d < 1 { return ((a + 2) * d - (a + 3)) * d * d + 1 }
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0
    case .lanczos:
      return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0
    }
  }

  private func sinc(_ x: Double) -> Double {
    x == 0 ? 1 : sin(x * .pi) / (x * .pi)
  }
}

/// The weights that make one line of `outCount` samples from `inCount`.
struct ResampleTable {
  /// Bits behind the point of a weight: 32 less 8 for the sample and 2 for sums over one.
  static let precision: Int32 = 22

  /// The input samples that one output sample is made of.
  struct Span {
    var start: Int
    var count: Int
  }

  /// One span for each output sample.
  let spans: [Span]
  /// `stride` weights for each output sample, the unused ones zero.
  let weights: [Int32]
  let stride: Int

  init(from inCount: Int, to outCount: Int, _ filter: ResizeFilter) {
    let scale = Double(inCount) / Double(outCount)
    let filterScale = max(scale, 1)
    let support = filter.support * filterScale
    let stride = Int(support.rounded(.up)) * 2 + 1
    let unit = Double(1 << Self.precision)
    var spans = [Span](repeating: Span(start: 0, count: 0), count: outCount)
    var weights = [Int32](repeating: 0, count: outCount * stride)
    var line = [Double](repeating: 0, count: stride)
    for x in 0..<outCount {
      let center = (Double(x) + 0.5) * scale
      let start = max(0, Int(center - support + 0.5))
      let count = min(inCount, Int(center + support + 0.5)) - start
      var sum = 0.0
      for i in 0..<count {
        line[i] = filter.weight((Double(i + start) - center + 0.5) * (1 / filterScale))
        sum += line[i]
      }
      for i in 0..<count {
        let weight = (sum != 0 ? line[i] / sum : line[i]) * unit
        weights[x * stride + i] = Int32(weight < 0 ? weight - 0.5 : weight + 0.5)
      }
      spans[x] = Span(start: start, count: count)
    }
    self.spans = spans
    self.weights = weights
    self.stride = stride
  }
}
