import CImaging

/// Writes WebP files.
public enum WebPEncoder {
  /// Encodes an image as RGB or, with alpha, as RGBA.
  ///
  /// Range: `quality` 0 (smallest) ... 100, without effect if `lossless`.
  /// - Precondition: `quality` lies in its range.
  /// - Throws: `unencodable` if a side is over 16383 pixels.
  public static func encode(
    _ image: Image, quality: Int = 90, lossless: Bool = false
  ) throws(ImageError) -> [UInt8] {
    precondition((0...100).contains(quality), "WebP quality \(quality) is not 0 to 100")
    let full = image.converted(toChannels: image.hasAlpha ? 4 : 3)
    return try encoded(as: .webp) { out, message in
      ci_webp_encode(
        full.pixels, UInt32(full.width), UInt32(full.height), Int32(full.channels),
        Float(quality), lossless ? 1 : 0, &out, message)
    }
  }
}
