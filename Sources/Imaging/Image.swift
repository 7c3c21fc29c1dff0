/// An image of 8-bit samples, held as plain bytes.
///
/// Shapes: `pixels` is row-major and interleaved, `height * width * channels` bytes.
/// Range: samples 0 ... 255; 1 channel is grey, 2 grey and alpha, 3 RGB, 4 RGBA. Alpha is straight
/// (not premultiplied). Colour profiles are dropped; samples stay as stored.
public struct Image: Sendable, Equatable {
  /// Columns, in pixels, at least 1.
  public let width: Int
  /// Rows, in pixels, at least 1.
  public let height: Int
  /// Samples in one pixel, 1 ... 4.
  public let channels: Int
  /// The samples, rows from the top, pixels from the left.
  public internal(set) var pixels: [UInt8]

  /// Holds `pixels` as an image of the given size.
  ///
  /// - Precondition: Sides of at least 1, 1 to 4 channels, and as many bytes as these need.
  public init(width: Int, height: Int, channels: Int, pixels: [UInt8]) {
    precondition(width > 0 && height > 0, "an image of \(width)x\(height) has no pixels")
    precondition((1...4).contains(channels), "an image has 1 to 4 channels, not \(channels)")
    precondition(
      pixels.count == width * height * channels,
      "\(pixels.count) bytes do not fill \(width)x\(height)x\(channels)")
    self.width = width
    self.height = height
    self.channels = channels
    self.pixels = pixels
  }

  /// Makes an image of one colour.
  ///
  /// - Precondition: Sides of at least 1, and 1 to 4 samples in `color`: one for each channel.
  public init(width: Int, height: Int, color: [UInt8]) {
    precondition(width > 0 && height > 0, "an image of \(width)x\(height) has no pixels")
    let pixels: [UInt8]
    if Set(color).count == 1 {
      pixels = [UInt8](repeating: color[0], count: width * height * color.count)
    } else {
      var filled = [UInt8]()
      filled.reserveCapacity(width * height * color.count)
      for _ in 0..<(width * height) { filled += color }
      pixels = filled
    }
    self.init(width: width, height: height, channels: color.count, pixels: pixels)
  }

  /// Makes an image whose bytes `fill` writes into an uninitialised buffer.
  init<E: Error>(
    width: Int, height: Int, channels: Int,
    filling fill: (UnsafeMutableBufferPointer<UInt8>) throws(E) -> Void
  ) throws(E) {
    let count = width * height * channels
    var failure: E?
    let pixels = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      do throws(E) {
        try fill(UnsafeMutableBufferPointer(rebasing: buffer[0..<count]))
        filled = count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    self.init(width: width, height: height, channels: channels, pixels: pixels)
  }

  /// Whether the last channel is alpha.
  public var hasAlpha: Bool { channels == 2 || channels == 4 }

  /// The samples of one pixel.
  ///
  /// - Precondition: The position lies inside the image.
  public subscript(x: Int, y: Int) -> ArraySlice<UInt8> {
    precondition(
      (0..<width).contains(x) && (0..<height).contains(y),
      "pixel (\(x), \(y)) lies outside \(width)x\(height)")
    let start = (y * width + x) * channels
    return pixels[start..<(start + channels)]
  }
}
