import Files
public import Foundation

/// Images shown one after the other.
///
/// ```swift
/// let animation = Animation(frames, frameDuration: 0.1, isForwardAndBack: true)
/// try animation.write(to: URL(fileURLWithPath: "between.webp"))
/// ```
public struct Animation: Sendable, Equatable {
  /// The frames, all of one size.
  public let frames: [Image]
  /// How long a frame is shown, seconds.
  public let frameDuration: Double
  /// How often it is played; 0 is for ever.
  public let loopCount: Int
  /// Whether the frames run backwards after they ran forwards, without the two ends again.
  public let isForwardAndBack: Bool

  /// Range: ``frameDuration``, in seconds. The upper end is the longest that every format can say.
  public static let durationRange = 0.001...60
  /// Range: ``loopCount``.
  public static let loopRange = 0...65_535

  /// Groups frames; those with fewer channels than others get them.
  ///
  /// - Precondition: At least one frame, all of one size; duration and loops in their ranges.
  public init(
    _ frames: [Image], frameDuration: Double = 0.1, loopCount: Int = 0,
    isForwardAndBack: Bool = false
  ) {
    precondition(!frames.isEmpty, "an animation needs at least one frame")
    precondition(
      frames.allSatisfy { $0.width == frames[0].width && $0.height == frames[0].height },
      "the frames of an animation have \(Set(frames.map { "\($0.width)x\($0.height)" }).sorted())")
    precondition(
      Self.durationRange.contains(frameDuration), "a frame lasts \(frameDuration) seconds")
    precondition(Self.loopRange.contains(loopCount), "an animation plays \(loopCount) times")
    let hasColor = frames.contains { $0.channels >= 3 }
    let hasAlpha = frames.contains { $0.hasAlpha }
    self.frames = frames.map {
      $0.converted(toChannels: (hasColor ? 3 : 1) + (hasAlpha ? 1 : 0))
    }
    self.frameDuration = frameDuration
    self.loopCount = loopCount
    self.isForwardAndBack = isForwardAndBack
  }

  /// The frames in the order in which they are shown.
  public var shownFrames: [Image] {
    isForwardAndBack && frames.count > 2
      ? frames + frames.dropFirst().dropLast().reversed() : frames
  }

  /// The duration of a frame in milliseconds.
  var milliseconds: Int { max(1, Int((frameDuration * 1000).rounded())) }

  /// Encodes all frames; equal input gives equal bytes.
  ///
  /// - Parameters:
  ///   - format: The file format.
  ///   - text: For PNG only.
  ///   - quality: For WebP; nil is lossless.
  /// - Throws: `unencodable` and `unencodableAnimation` for a side that the format cannot have, and for
  ///   text elsewhere.
  public func encoded(
    as format: AnimationFormat, text: [(key: String, value: String)] = [], quality: Int? = 90
  ) throws(ImageError) -> [UInt8] {
    guard text.isEmpty || format == .png else {
      throw .unencodableAnimation(format: format, reason: "text can be stored in PNG only")
    }
    switch format {
    case .png: return try APNG.encode(self, text: text)
    case .webp: return try AnimatedWebP.encode(self, quality: quality)
    case .gif: return try GIFEncoder.encode(self)
    }
  }

  /// Saves the animation in the format of the file name's extension.
  ///
  /// As with ``Image/write(to:text:quality:replacing:)``, `url` holds the old file or the whole new
  /// one.
  /// - Throws: `unknownAnimation`, `unwritable`; otherwise as ``encoded(as:text:quality:)``.
  public func write(
    to url: URL, text: [(key: String, value: String)] = [], quality: Int? = 90,
    replacing: Bool = true
  ) throws(ImageError) {
    guard let format = AnimationFormat(pathExtension: url.pathExtension) else {
      throw .unknownAnimation(name: url.path)
    }
    let bytes = try encoded(as: format, text: text, quality: quality)
    do {
      try AtomicFile.write(bytes, to: url, replacing: replacing)
    } catch {
      throw .unwritable(name: url.path, reason: error.reason)
    }
  }
}

/// The file formats of animations.
public enum AnimationFormat: String, Sendable, CaseIterable {
  /// Lossless, with text chunks; programs that know PNG only show the first frame.
  case png = "PNG"
  /// Lossy or lossless, with alpha.
  case webp = "WebP"
  /// 256 colours.
  case gif = "GIF"

  /// The format of a file name's extension, upper or lower case, or nil.
  public init?(pathExtension: String) {
    switch pathExtension.lowercased() {
    case "png", "apng": self = .png
    case "webp": self = .webp
    case "gif": self = .gif
    default: return nil
    }
  }
}

/// Grows by integers of either byte order.
extension [UInt8] {
  /// Appends the low `count` bytes of a value, the lowest first.
  mutating func appendLittleEndian(_ value: Int, count: Int) {
    for byte in 0..<count { append(UInt8(truncatingIfNeeded: value >> (8 * byte))) }
  }

  /// Appends the low `count` bytes of a value, the highest first.
  mutating func appendBigEndian(_ value: Int, count: Int) {
    for byte in (0..<count).reversed() { append(UInt8(truncatingIfNeeded: value >> (8 * byte))) }
  }
}
