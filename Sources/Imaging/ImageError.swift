public import Foundation

/// Why an image could not be read or written; each case is one sentence for the user.
public enum ImageError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// The file cannot be opened or read.
  case unreadable(name: String, reason: String)
  /// The file has no bytes.
  case empty(name: String)
  /// The first bytes are those of no supported format.
  case unknownFormat(name: String)
  /// The header announces more pixels than the limits allow.
  case tooManyPixels(name: String, width: Int, height: Int, limit: Int)
  /// The file has more bytes than the limits allow.
  case tooManyBytes(name: String, count: Int, limit: Int)
  /// The file is an animation, not a single image.
  case animated(name: String)
  /// The bytes are cut short or corrupt; `reason` is the decoder's own text.
  case damaged(name: String, format: ImageFormat, reason: String)
  /// The format asked for cannot hold the image.
  case unencodable(format: ImageFormat, reason: String)
  /// The format asked for cannot hold the animation.
  case unencodableAnimation(format: AnimationFormat, reason: String)
  /// The file name's extension is that of no supported format.
  case unknownExtension(name: String)
  /// The file name's extension is that of no supported format of animations.
  case unknownAnimation(name: String)
  /// The file cannot be created, written or renamed.
  case unwritable(name: String, reason: String)

  /// `description`, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// What is wrong, where, and what to do.
  public var description: String {
    switch self {
    case .unreadable(let name, let reason):
      "cannot read image \(name): \(reason)"
    case .empty(let name):
      "image \(name) is empty: give a PNG, JPEG or WebP file"
    case .unknownFormat(let name):
      "\(name) is not an image this program reads: give a PNG, JPEG or WebP file"
    case .tooManyPixels(let name, let width, let height, let limit):
      "image \(name) is \(width)x\(height) pixels, over the limit of \(limit) pixels: make it smaller"
    case .tooManyBytes(let name, let count, let limit):
      "image \(name) has \(count) bytes, over the limit of \(limit): make it smaller"
    case .animated(let name):
      "image \(name) is an animated WebP: give a single frame"
    case .damaged(let name, let format, let reason):
      "image \(name) is not a whole \(format.rawValue) file (\(reason)): fetch or save it again"
    case .unencodable(let format, let reason):
      "the image cannot be saved as \(format.rawValue): \(reason)"
    case .unencodableAnimation(let format, let reason):
      "the animation cannot be saved as \(format.rawValue): \(reason)"
    case .unknownAnimation(let name):
      "cannot tell the format of the animation \(name): end the name in .webp, .gif, .png or .apng"
    case .unknownExtension(let name):
      "cannot tell the format of \(name): end the name in .png, .jpg, .jpeg or .webp"
    case .unwritable(let name, let reason):
      "cannot write image \(name): \(reason)"
    }
  }
}

/// The supported file formats.
public enum ImageFormat: String, Sendable, CaseIterable {
  /// Lossless, with text chunks.
  case png = "PNG"
  /// Lossy, without alpha.
  case jpeg = "JPEG"
  /// Lossy or lossless, with alpha.
  case webp = "WebP"

  /// The format that a file's first bytes announce, or nil.
  public init?(bytes: some Collection<UInt8>) {
    let head = Array(bytes.prefix(12))
    if head.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      self = .png
    } else if head.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if head.count == 12, head.starts(with: Array("RIFF".utf8)),
      head[8...].elementsEqual("WEBP".utf8)
    {
      self = .webp
    } else {
      return nil
    }
  }

  /// The format of a file name's extension, upper or lower case, or nil.
  public init?(pathExtension: String) {
    switch pathExtension.lowercased() {
    case "png": self = .png
    case "jpg", "jpeg": self = .jpeg
    case "webp": self = .webp
    default: return nil
    }
  }

  /// The media type, for HTTP and `data:` URLs.
  public var mediaType: String { "image/" + rawValue.lowercased() }
}

/// The largest images that are read.
public struct ImageLimits: Sendable, Equatable {
  /// The most pixels, width times height, that a header may announce.
  public var pixels: Int
  /// The most bytes a file may have.
  public var bytes: Int

  /// Sets both limits; the defaults are 64 megapixels (8192x8192) and 256 MiB.
  public init(pixels: Int = 64 << 20, bytes: Int = 256 << 20) {
    self.pixels = pixels
    self.bytes = bytes
  }

  /// 64 megapixels (8192x8192) and 256 MiB.
  public static let `default` = ImageLimits()
}
