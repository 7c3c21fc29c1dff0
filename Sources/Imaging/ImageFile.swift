import Files
public import Foundation

/// Reads a plain file, after checking its size against the limit.
package func readFile(
  _ url: URL, limits: ImageLimits = .default
) throws(ImageError) -> [UInt8] {
  let size: Int
  do throws(FileError) {
    let file = try PlainFile(url)
    if file.size <= limits.bytes { return try file.bytes() }
    size = file.size
  } catch {
    throw .unreadable(name: url.path, reason: error.reason)
  }
  throw .tooManyBytes(name: url.path, count: size, limit: limits.bytes)
}

extension Image {
  /// Saves the image in the format of the file name's extension.
  ///
  /// The bytes are written beside the file, synced and renamed, so `url` holds the old file or the
  /// whole new one; without `replacing` a file that is there is an error and stays. `text` is for
  /// PNG only; `quality` for JPEG and WebP.
  /// - Throws: `unknownExtension`, `unencodable`, `unwritable`.
  public func write(
    to url: URL, text: [(key: String, value: String)] = [], quality: Int = 90,
    replacing: Bool = true
  ) throws(ImageError) {
    guard let format = ImageFormat(pathExtension: url.pathExtension) else {
      throw .unknownExtension(name: url.path)
    }
    guard text.isEmpty || format == .png else {
      throw .unencodable(format: format, reason: "text can be stored in PNG only")
    }
    let bytes =
      switch format {
      case .png: try PNGEncoder.encode(self, text: text)
      case .jpeg: try JPEGEncoder.encode(self, quality: quality)
      case .webp: try WebPEncoder.encode(self, quality: quality)
      }
    do {
      try AtomicFile.write(bytes, to: url, replacing: replacing)
    } catch {
      throw .unwritable(name: url.path, reason: error.reason)
    }
  }
}
