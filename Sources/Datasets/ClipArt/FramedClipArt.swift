import Foundation
import Imaging

/// A drawing without the white around it, padded to a square again by 8 % of its longer side.
struct FramedClipArt: Sendable {
  /// The image; transparent around the drawing, or white around an opaque one.
  let image: Image
  /// What is alike in near duplicates.
  let fingerprint: ImageFingerprint

  /// Reads an image file, or renders an SVG file as large as it may be; nil if the drawing is blank,
  /// tiny or more than four times as long as wide.
  init?(_ file: URL, largestSide: Int) {
    let limit = Int(Double(largestSide) / 1.16)
    guard
      let drawing = file.pathExtension == "svg"
        ? Self.rendered(file, longest: limit) : Self.shown(Self.decoded(file))
    else { return nil }
    let isOpaque = stride(from: 3, to: drawing.whole.pixels.count, by: 4)
      .allSatisfy { drawing.whole.pixels[$0] == 255 }
    let (long, short) = (drawing.longest, min(drawing.x.count, drawing.y.count))
    guard short >= 8, long >= 32, long <= short * 4 else { return nil }
    var part = drawing.part
    if long > limit {
      part = part.resized(
        width: max(1, part.width * limit / long), height: max(1, part.height * limit / long),
        filter: .lanczos)
    }
    fingerprint = ImageFingerprint(part.composited(over: (255, 255, 255)))
    image = Self.framed(part, isOpaque: isOpaque)
  }

  /// An image, and the box of it that is not white.
  private struct Drawing {
    let whole: Image
    let x: Range<Int>
    let y: Range<Int>

    var longest: Int { max(x.count, y.count) }

    var part: Image {
      whole.cropped(x: x.lowerBound, y: y.lowerBound, width: x.count, height: y.count)
    }
  }

  private static func decoded(_ file: URL) -> Image? {
    do throws(ImageError) {
      return try Image(contentsOf: file, limits: ImageLimits(pixels: 40_000_000))
    } catch {
      return nil
    }
  }

  /// Renders to see how much of its page a drawing fills, and again until it is as large as asked.
  private static func rendered(_ file: URL, longest: Int) -> Drawing? {
    var side = longest * 5 / 4
    while true {
      side = min(side, DrawingRenderer.mostSide)
      guard let drawing = shown(DrawingRenderer.image(of: file, side: side)) else { return nil }
      if drawing.longest >= longest || side == DrawingRenderer.mostSide { return drawing }
      // Soft edges make a small drawing look larger than it is, so this may not be the last time.
      side = max(side + 1, side * (longest + 2) / drawing.longest)
    }
  }

  private static func shown(_ image: Image?) -> Drawing? {
    guard let image = image?.converted(toChannels: 4) else { return nil }
    var (left, right, top, bottom) = (image.width, -1, image.height, -1)
    image.pixels.withUnsafeBufferPointer { pixels in
      for y in 0..<image.height {
        for x in 0..<image.width {
          let index = (y * image.width + x) * 4
          let alpha = Int(pixels[index + 3])
          let least = Int(min(pixels[index], pixels[index + 1], pixels[index + 2]))
          guard alpha * (255 - least) > 12 * 255 else { continue }
          (left, right) = (min(left, x), max(right, x))
          (top, bottom) = (min(top, y), max(bottom, y))
        }
      }
    }
    return right < 0 ? nil : Drawing(whole: image, x: left..<right + 1, y: top..<bottom + 1)
  }

  /// Pads to a square with a margin: transparent, or white around an opaque image.
  private static func framed(_ image: Image, isOpaque: Bool) -> Image {
    let margin = Int((0.08 * Double(max(image.width, image.height))).rounded())
    let color: [UInt8] = isOpaque ? [255, 255, 255, 255] : [0, 0, 0, 0]
    let side = max(image.width, image.height) + 2 * margin
    let left = (side - image.width) / 2
    let top = (side - image.height) / 2
    return image.padded(
      left: left, top: top, right: side - image.width - left,
      bottom: side - image.height - top, color: color)
  }
}
