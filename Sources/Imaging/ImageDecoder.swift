import CImaging
public import Foundation

/// Reads PNG, JPEG and WebP images.
public enum ImageDecoder {
  /// Decodes the bytes of a whole file; errors quote `name`.
  ///
  /// The header is read first and compared with `limits` before memory is taken. PNG comes out
  /// with its own channels at 8 bits (palettes as RGB or RGBA), JPEG as grey or RGB, WebP as RGB
  /// or RGBA, each turned upright by the orientation in its EXIF or XMP.
  /// - Throws: `empty`, `unknownFormat`, `tooManyPixels`, `tooManyBytes`, `animated`; `damaged` if
  ///   data is missing or corrupt: no partial image is returned.
  public static func decode(
    _ data: some ContiguousBytes, name: String, limits: ImageLimits = .default
  ) throws(ImageError) -> Image {
    try data.read { (bytes) throws(ImageError) in
      let header = try ImageHeader(bytes, name: name, limits: limits)
      if header.format == .png, let whole = PNGEnd.completed(bytes) {
        return try whole.read { (whole) throws(ImageError) in
          try decode(whole, header, name: name)
        }
      }
      return try decode(bytes, header, name: name)
    }
  }

  private static func decode(
    _ bytes: UnsafeRawBufferPointer, _ header: ImageHeader, name: String
  ) throws(ImageError) -> Image {
    let data = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
    let (width, height) = header.storedSize
    let (w, h, channels) = (UInt32(width), UInt32(height), Int32(header.channels))
    let image = try Image(width: width, height: height, channels: header.channels) {
      (out) throws(ImageError) in
      let pixels = out.baseAddress
      let text = message {
        switch header.format {
        case .png: ci_png_decode(data, bytes.count, w, h, channels, pixels, $0)
        case .jpeg: ci_jpeg_decode(data, bytes.count, w, h, channels, pixels, $0)
        case .webp: ci_webp_decode(data, bytes.count, w, h, channels, pixels, $0)
        }
      }
      if let text { throw .damaged(name: name, format: header.format, reason: text) }
    }
    return image.uprighted(from: header.orientation)
  }
}

extension Image {
  /// Reads a PNG, JPEG or WebP file.
  ///
  /// - Throws: `unreadable` if the file cannot be opened or is no regular file; otherwise as
  ///   ``ImageDecoder/decode(_:name:limits:)``.
  public init(contentsOf url: URL, limits: ImageLimits = .default) throws(ImageError) {
    let bytes = try readFile(url, limits: limits)
    self = try ImageDecoder.decode(bytes, name: url.path, limits: limits)
  }
}
