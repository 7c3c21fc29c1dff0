import Imaging

/// A few bytes that are similar for images that look similar.
struct ImageFingerprint: Sendable {
  private let gradients: UInt64
  private let aspect: Double
  private let colors: [UInt8]

  /// Computes it from an RGB image: signs of horizontal gradients at 9x8, sides, mean colours at
  /// 2x2.
  init(_ image: Image) {
    let grey = image.converted(toChannels: 1).resized(width: 9, height: 8, filter: .box)
    var bits: UInt64 = 0
    for y in 0..<8 {
      for x in 0..<8 {
        bits = bits << 1 | (grey.pixels[y * 9 + x] > grey.pixels[y * 9 + x + 1] ? 1 : 0)
      }
    }
    gradients = bits
    aspect = Double(image.width) / Double(image.height)
    colors = image.resized(width: 2, height: 2, filter: .box).pixels
  }

  func isNear(_ other: ImageFingerprint) -> Bool {
    (gradients ^ other.gradients).nonzeroBitCount <= 2
      && max(aspect, other.aspect) / min(aspect, other.aspect) < 1.1
      && zip(colors, other.colors).allSatisfy { abs(Int($0) - Int($1)) <= 12 }
  }
}
