import Foundation

/// How samples are weighted when an image is resized.
///
/// When a side shrinks, the filter widens by the same factor (antialiasing).
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

/// The resampling of one side of an image from one length to another.
struct Resampling {
  private let outCount: Int
  private let filter: ResizeFilter
  /// Input pixels averaged into one before the filter: 1, except where an image shrinks more than
  /// a thousandfold and the filter alone would take too long.
  let block: Int
  /// Input samples, after averaging.
  private let inCount: Int
  private let pixelCount: Int

  /// The largest scale at which no input pixels are averaged first.
  private static let mostScale = 1024

  init(from pixelCount: Int, to outCount: Int, _ filter: ResizeFilter) {
    (self.pixelCount, self.outCount, self.filter) = (pixelCount, outCount, filter)
    block = max(1, pixelCount / outCount / Self.mostScale)
    inCount = (pixelCount + block - 1) / block
  }

  /// Whether there is anything to do.
  var changesSize: Bool { pixelCount != outCount }

  /// Input samples for one output sample.
  private var scale: Double { Double(inCount) / Double(outCount) }
  /// The factor that widens the filter.
  private var filterScale: Double { max(scale, 1) }
  /// The filter's radius, in input samples.
  private var support: Double { filter.support * filterScale }

  /// Finds the input samples of one output sample, and their centre.
  private func span(of x: Int) -> (range: Range<Int>, center: Double) {
    let center = (Double(x) + 0.5) * scale
    let start = max(0, Int(center - support + 0.5))
    return (start..<max(start, min(inCount, Int(center + support + 0.5))), center)
  }

  /// Finds the input pixels that a part of the output needs.
  func pixels(of part: Range<Int>) -> Range<Int> {
    guard changesSize else { return part }
    let start = span(of: part.lowerBound).range.lowerBound
    let end = span(of: part.upperBound - 1).range.upperBound
    return start * block..<min(pixelCount, end * block)
  }

  /// Computes the weights of a part of the output; their spans begin at 0.
  func table(of part: Range<Int>) -> ResampleTable {
    let first = pixels(of: part).lowerBound / block
    let stride = Int(support.rounded(.up)) * 2 + 1
    let unit = Double(1 << ResampleTable.precision)
    let step = 1 / filterScale
    var spans: [ResampleTable.Span] = []
    spans.reserveCapacity(part.count)
    var weights = [Int32](repeating: 0, count: part.count * stride)
    var line = [Double](repeating: 0, count: stride)
    for (index, x) in part.enumerated() {
      let (range, center) = span(of: x)
      var sum = 0.0
      for i in 0..<range.count {
        line[i] = filter.weight((Double(i + range.lowerBound) - center + 0.5) * step)
        sum += line[i]
      }
      for i in 0..<range.count {
        let weight = (sum != 0 ? line[i] / sum : line[i]) * unit
        weights[index * stride + i] = Int32(weight < 0 ? weight - 0.5 : weight + 0.5)
      }
      spans.append(ResampleTable.Span(start: range.lowerBound - first, count: range.count))
    }
    return ResampleTable(spans: spans, weights: weights, stride: stride)
  }
}

/// The weights of some output samples of a line.
struct ResampleTable {
  /// Fraction bits of a weight: 32 less 8 for the sample and 2 for sums above 1.
  static let precision: Int32 = 22

  /// The input samples of one output sample.
  struct Span {
    var start: Int
    var count: Int
  }

  /// One span for each output sample.
  let spans: [Span]
  /// `stride` weights for each output sample, the unused ones zero.
  let weights: [Int32]
  let stride: Int
}
