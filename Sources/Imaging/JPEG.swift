import CImaging

/// Writes JPEG files.
public enum JPEGEncoder {
  /// Encodes an image as grey or RGB, baseline; alpha is composited over white, as JPEG has none.
  ///
  /// Range: `quality` 1 (smallest) ... 100; `fullColor` keeps colour at full resolution (4:4:4)
  /// instead of half (4:2:0).
  /// - Precondition: `quality` lies in its range.
  /// - Throws: `unencodable` if a side is over 65500 pixels.
  public static func encode(
    _ image: Image, quality: Int = 90, fullColor: Bool = false
  ) throws(ImageError) -> [UInt8] {
    precondition((1...100).contains(quality), "JPEG quality \(quality) is not 1 to 100")
    let opaque = image.hasAlpha ? image.composited(over: (255, 255, 255)) : image
    return try encoded(as: .jpeg) { out, message in
      ci_jpeg_encode(
        opaque.pixels, UInt32(opaque.width), UInt32(opaque.height), Int32(opaque.channels),
        Int32(quality), fullColor ? 1 : 0, &out, message)
    }
  }
}
