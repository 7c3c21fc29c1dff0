public import Imaging

/// An image ready to be drawn on a canvas: RGBA with premultiplied alpha.
public struct Sprite: Sendable, Equatable {
  /// Columns, in pixels.
  public let width: Int
  /// Rows, in pixels.
  public let height: Int
  /// Red, green, blue (times alpha) and alpha, rows from the top.
  public let pixels: [UInt8]
  /// True if no pixel is transparent: such an image fills its frame and is never shifted.
  public let isOpaque: Bool

  init(width: Int, height: Int, premultiplied pixels: [UInt8]) {
    self.width = width
    self.height = height
    self.pixels = pixels
    isOpaque = stride(from: 3, to: pixels.count, by: 4).allSatisfy { pixels[$0] == 255 }
  }

  /// Fits an image into a square of `side` pixels: one with transparency is padded to a square, an
  /// opaque one is cut to its middle.
  public init(_ image: Image, side: Int) {
    var rgba = image.converted(toChannels: 4)
    let opaque = stride(from: 3, to: rgba.pixels.count, by: 4).allSatisfy { rgba.pixels[$0] == 255 }
    let long = max(rgba.width, rgba.height)
    // Padded, a thin image would be as large as a square of its length.
    if !opaque, long > Self.longestPadded { rgba = rgba.fitted(inSquareOf: side, filter: .lanczos) }
    let square =
      rgba.width == rgba.height
      ? rgba : opaque ? rgba.croppedToSquare() : rgba.paddedToSquare(color: [0, 0, 0, 0])
    let scaled =
      square.width == side ? square : square.resized(width: side, height: side, filter: .lanczos)
    var pixels = scaled.pixels
    for index in stride(from: 0, to: pixels.count, by: 4) {
      let alpha = Int(pixels[index + 3])
      for channel in index..<index + 3 {
        pixels[channel] = UInt8((Int(pixels[channel]) * alpha + 127) / 255)
      }
    }
    self.init(width: side, height: side, premultiplied: pixels)
  }

  /// The longest side that is padded to a square before it is reduced.
  private static let longestPadded = 8192

  /// The smallest box around the visible pixels, or nil if there are none.
  var visibleBox: (x: Range<Int>, y: Range<Int>)? {
    var (left, right, top, bottom) = (width, -1, height, -1)
    for y in 0..<height {
      for x in 0..<width where pixels[(y * width + x) * 4 + 3] > 12 {
        (left, right) = (min(left, x), max(right, x))
        (top, bottom) = (min(top, y), max(bottom, y))
      }
    }
    return right < 0 ? nil : (left..<right + 1, top..<bottom + 1)
  }

  /// Returns the sprite cut to its visible box and centred in the smallest square.
  func trimmedToSquare() -> Sprite {
    guard let box = visibleBox else { return self }
    let side = max(box.x.count, box.y.count)
    let dx = (side - box.x.count) / 2
    let dy = (side - box.y.count) / 2
    var square = [UInt8](repeating: 0, count: side * side * 4)
    for (row, y) in box.y.enumerated() {
      let from = (y * width + box.x.lowerBound) * 4
      let to = ((row + dy) * side + dx) * 4
      square.replaceSubrange(to..<to + box.x.count * 4, with: pixels[from..<from + box.x.count * 4])
    }
    return Sprite(width: side, height: side, premultiplied: square)
  }

  /// Colour and saturation of the visible pixels.
  ///
  /// Source: thresholds tuned on emoji whose names hold a colour.
  public var look: ImageLook {
    var counts: [String: Double] = [:]
    var total = 0.0
    var colored = 0.0
    for index in stride(from: 0, to: pixels.count, by: 4) where pixels[index + 3] > 100 {
      let alpha = Double(pixels[index + 3])
      let red = Double(pixels[index]) * 255 / alpha
      let green = Double(pixels[index + 1]) * 255 / alpha
      let blue = Double(pixels[index + 2]) * 255 / alpha
      total += alpha
      if max(red, green, blue) - min(red, green, blue) > 28 { colored += alpha }
      if let name = NamedColor.name(red: red, green: green, blue: blue) {
        counts[name, default: 0] += alpha
      }
    }
    guard total > 0 else { return ImageLook() }
    let top = counts.max { ($0.value, $1.key) < ($1.value, $0.key) }
    let isColor = top.map { !["black", "white", "grey"].contains($0.key) } ?? false
    return ImageLook(
      dominantColor: top.flatMap { isColor && $0.value > 0.55 * total ? $0.key : nil },
      isMonochrome: colored < 0.02 * total)
  }
}
