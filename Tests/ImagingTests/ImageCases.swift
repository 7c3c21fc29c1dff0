import Foundation
import Imaging
import TestSupport
import Testing

/// The golden images and Pillow's results for them; see Scripts/golden/imaging.py.
struct ImageCases: Decodable {
  /// A run of samples in a pack file.
  struct Span: Decodable, Sendable {
    let file: String
    let start: Int
    let count: Int

    var bytes: [UInt8] {
      get throws { Array(try ImageCases.bytes(file)[start..<(start + count)]) }
    }
  }

  struct Decode: Decodable, Sendable, CustomTestStringConvertible {
    let file: String
    let width: Int
    let height: Int
    let channels: Int
    let tolerance: Int
    let expected: Span
    var testDescription: String { file }
  }

  struct Resize: Decodable, Sendable, CustomTestStringConvertible {
    let source: Span
    let sourceWidth: Int
    let sourceHeight: Int
    let channels: Int
    let filter: ResizeFilter
    let width: Int
    let height: Int
    let expected: Span
    var testDescription: String { "\(channels) \(filter.rawValue) \(width)x\(height)" }
  }

  struct Composite: Decodable, Sendable {
    let color: [UInt8]
    let expected: Span
  }

  struct Grey: Decodable, Sendable {
    let source: Span
    let expected: Span
  }

  let decode: [Decode]
  let resize: [Resize]
  let composite: [Composite]
  let compositeSource: Span
  let grey: Grey

  static let all = Result {
    try JSONDecoder().decode(ImageCases.self, from: Data(bytes("cases.json")))
  }

  static func bytes(_ file: String) throws -> [UInt8] {
    Array(try Data(contentsOf: Golden.url("imaging/" + file)))
  }
}

extension ResizeFilter: Decodable {}

/// The largest difference of two byte arrays of one length, and its position.
func difference(_ a: [UInt8], _ b: [UInt8]) -> (level: Int, index: Int) {
  var worst = (level: 0, index: 0)
  for (i, pair) in zip(a, b).enumerated() {
    let level = abs(Int(pair.0) - Int(pair.1))
    if level > worst.level { worst = (level, i) }
  }
  return a.count == b.count ? worst : (256, min(a.count, b.count))
}

/// Expects two sample arrays to differ by at most `tolerance` levels.
func expectSamples(
  _ found: [UInt8], _ expected: [UInt8], within tolerance: Int = 0,
  _ location: SourceLocation = #_sourceLocation
) {
  let worst = difference(found, expected)
  #expect(
    worst.level <= tolerance, "differ by \(worst.level) levels at byte \(worst.index)",
    sourceLocation: location)
}

/// An image with smooth and noisy parts, the same for equal arguments.
func image(_ width: Int, _ height: Int, _ channels: Int, seed: UInt64 = 1) -> Image {
  var state = seed
  var pixels = [UInt8]()
  for y in 0..<height {
    for x in 0..<width {
      for c in 0..<channels {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        pixels.append(UInt8(truncatingIfNeeded: x * 3 + y * 5 + c * 40 + Int(state >> 60)))
      }
    }
  }
  return Image(width: width, height: height, channels: channels, pixels: pixels)
}
