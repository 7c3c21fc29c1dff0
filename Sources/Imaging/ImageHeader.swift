import CImaging
import Files
public import Foundation

/// What the header of an image file says, read before any pixel is decoded.
public struct ImageHeader: Sendable, Equatable {
  /// The format of the first bytes, whatever the file's extension.
  public let format: ImageFormat
  /// Columns of the decoded image, once `orientation` is applied.
  public let width: Int
  /// Rows of the decoded image, once `orientation` is applied.
  public let height: Int
  /// Channels of the decoded image, 1 ... 4.
  public let channels: Int
  /// The orientation in EXIF or else XMP, 1 ... 8; 1 if the file names none.
  public let orientation: Int
  /// Whether the file holds further images, which are shown after the first.
  public let isAnimated: Bool

  /// Reads the header of a PNG, JPEG or WebP file; errors quote `name`.
  ///
  /// - Throws: `empty`, `unknownFormat`, `damaged`, `animated`, and `tooManyPixels` or
  ///   `tooManyBytes` over `limits`.
  public static func read(
    _ data: some ContiguousBytes, name: String, limits: ImageLimits = .default
  ) throws(ImageError) -> ImageHeader {
    try data.read { (bytes) throws(ImageError) in
      try ImageHeader(bytes, name: name, limits: limits)
    }
  }

  init(
    _ bytes: UnsafeRawBufferPointer, name: String, limits: ImageLimits,
    allowsAnimation: Bool = false
  ) throws(ImageError) {
    guard !bytes.isEmpty else { throw .empty(name: name) }
    guard bytes.count <= limits.bytes else {
      throw .tooManyBytes(name: name, count: bytes.count, limit: limits.bytes)
    }
    guard let format = ImageFormat(bytes: bytes) else { throw .unknownFormat(name: name) }
    let stored: StoredHeader
    do {
      switch format {
      case .png: stored = try StoredHeader(png: ByteReader(bytes))
      case .jpeg: stored = try StoredHeader(jpeg: ByteReader(bytes))
      case .webp: stored = try StoredHeader(webp: bytes)
      }
    } catch HeaderFault.damaged(let reason) {
      throw .damaged(name: name, format: format, reason: reason)
    } catch {
      throw .damaged(name: name, format: format, reason: "the file ends early")
    }
    // The first image of a PNG file is one for readers that know no animations; WebP has no such.
    if stored.isAnimated, format == .webp, !allowsAnimation { throw .animated(name: name) }
    let turned = (5...8).contains(stored.orientation)
    self.format = format
    width = turned ? stored.height : stored.width
    height = turned ? stored.width : stored.height
    channels = stored.channels
    orientation = stored.orientation
    isAnimated = stored.isAnimated
    let (area, overflow) = width.multipliedReportingOverflow(by: height)
    guard !overflow, area <= limits.pixels else {
      throw .tooManyPixels(name: name, width: width, height: height, limit: limits.pixels)
    }
  }

  /// Columns and rows as stored in the file.
  var storedSize: (width: Int, height: Int) {
    (5...8).contains(orientation) ? (height, width) : (width, height)
  }

  /// The EXIF data of a JPEG or WebP file whose header has been read, and a JPEG file's comment.
  func notes(
    in bytes: UnsafeRawBufferPointer
  ) -> (exif: [UInt8], comment: UnsafeRawBufferPointer?) {
    switch format {
    case .png: return ([], nil)
    case .webp: return (OrientationTags(webp: ByteReader(bytes)).exif, nil)
    case .jpeg:
      do {
        let stored = try StoredHeader(jpeg: ByteReader(bytes))
        return (stored.exif, stored.comment)
      } catch {
        preconditionFailure("the header of a JPEG file was read and then not: \(error)")
      }
    }
  }
}

/// Why a header cannot be read, before the file's name is known.
private enum HeaderFault: Error {
  case damaged(String)
}

/// Size and channels as stored in the file.
private struct StoredHeader {
  var width: Int
  var height: Int
  var channels: Int
  var orientation = 1
  var isAnimated = false
  /// The EXIF data and the comment of a JPEG file.
  private(set) var exif: [UInt8] = []
  private(set) var comment: UnsafeRawBufferPointer?

  /// Source: PNG specification, 5.3 and 11.2.2.
  init(png reader: ByteReader) throws {
    guard reader.holds("IHDR", at: 12), try reader.uint32(at: 8) == 13 else {
      _ = try reader.uint32(at: 12)
      throw HeaderFault.damaged("no IHDR chunk")
    }
    width = try reader.uint32(at: 16)
    height = try reader.uint32(at: 20)
    let colorType = try reader.uint8(at: 25)
    guard width > 0, height > 0, width < 1 << 31, height < 1 << 31 else {
      throw HeaderFault.damaged("its size is \(width)x\(height)")
    }
    guard let colors = [0: 1, 2: 3, 3: 3, 4: 2, 6: 4][colorType] else {
      throw HeaderFault.damaged("colour type \(colorType)")
    }
    channels = colors
    var orientation = PNGOrientation()
    var (position, isBeforePixels) = (33, true)
    while position + 8 <= reader.count {
      let length = try reader.uint32(at: position)
      let kind = String(decoding: try reader.slice(at: position + 4, count: 4), as: UTF8.self)
      if kind == "IDAT" { isBeforePixels = false }
      if kind == "acTL", isBeforePixels { isAnimated = true }
      if kind == "tRNS", isBeforePixels, !colors.isMultiple(of: 2) { channels = colors + 1 }
      if ["eXIf", "tEXt", "zTXt", "iTXt"].contains(kind), position + 8 + length <= reader.count {
        orientation.add(kind, try reader.slice(at: position + 8, count: length))
      }
      position += length + 12
    }
    self.orientation = orientation.tags.orientation
  }

  /// Source: ITU-T T.81, B.1 and B.2.
  init(jpeg reader: ByteReader) throws {
    var position = 2
    var tags = OrientationTags()
    var frame: (width: Int, height: Int, components: Int)?
    while true {
      while try reader.uint8(at: position) != 0xFF { position += 1 }
      while try reader.uint8(at: position) == 0xFF { position += 1 }
      let marker = try reader.uint8(at: position)
      position += 1
      if marker == 0 || marker == 1 || (0xD0...0xD8).contains(marker) { continue }
      if marker == 0xD9 || marker == 0xDA { break }
      let length = try reader.uint16(at: position)
      guard length >= 2 else { throw HeaderFault.damaged("a marker of length \(length)") }
      if (0xC0...0xCF).contains(marker), ![0xC4, 0xC8, 0xCC].contains(marker), frame == nil {
        frame = (
          try reader.uint16(at: position + 5), try reader.uint16(at: position + 3),
          try reader.uint8(at: position + 7)
        )
      } else if marker == 0xFE, position + length <= reader.count {
        comment = try reader.slice(at: position + 2, count: length - 2)
      } else if marker == 0xE1, position + length <= reader.count {
        tags.add(jpegSegment: try reader.slice(at: position + 2, count: length - 2))
      }
      position += length
    }
    guard let frame else { throw HeaderFault.damaged("no frame header") }
    guard frame.width > 0, frame.height > 0 else {
      throw HeaderFault.damaged("its size is \(frame.width)x\(frame.height)")
    }
    guard [1, 3, 4].contains(frame.components) else {
      throw HeaderFault.damaged("\(frame.components) colour components")
    }
    (width, height) = (frame.width, frame.height)
    channels = frame.components == 1 ? 1 : 3
    orientation = tags.orientation
    exif = tags.exif
  }

  init(webp bytes: UnsafeRawBufferPointer) throws {
    var width: UInt32 = 0
    var height: UInt32 = 0
    var hasAlpha: Int32 = 0
    var hasFrames: Int32 = 0
    let data = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
    let text = message {
      ci_webp_header(data, bytes.count, &width, &height, &hasAlpha, &hasFrames, $0)
    }
    if let text { throw HeaderFault.damaged(text) }
    isAnimated = hasFrames != 0
    self.width = Int(width)
    self.height = Int(height)
    channels = hasAlpha != 0 ? 4 : 3
    orientation = OrientationTags(webp: ByteReader(bytes)).orientation
  }
}
