import CImaging
public import Foundation

/// The format, size and orientation of an image, read before a pixel is decoded.
public struct ImageHeader: Sendable, Equatable {
  /// The format found in the first bytes; a file's extension is ignored.
  public let format: ImageFormat
  /// Columns of the decoded image, after the turn by `orientation`.
  public let width: Int
  /// Rows of the decoded image, after the turn by `orientation`.
  public let height: Int
  /// Channels of the decoded image, 1 ... 4.
  public let channels: Int
  /// The EXIF orientation, 1 ... 8; 1 if the file names none.
  public let orientation: Int

  /// Reads the header of a PNG, JPEG or WebP file; `name` names it in errors.
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
    _ bytes: UnsafeRawBufferPointer, name: String, limits: ImageLimits
  ) throws(ImageError) {
    guard !bytes.isEmpty else { throw .empty(name: name) }
    guard bytes.count <= limits.bytes else {
      throw .tooManyBytes(name: name, count: bytes.count, limit: limits.bytes)
    }
    guard let format = ImageFormat(bytes: bytes) else { throw .unknownFormat(name: name) }
    let stored: StoredHeader
    do throws(HeaderFault) {
      switch format {
      case .png: stored = try StoredHeader(png: ByteReader(bytes))
      case .jpeg: stored = try StoredHeader(jpeg: ByteReader(bytes))
      case .webp: stored = try StoredHeader(webp: bytes)
      }
    } catch {
      switch error {
      case .animated: throw .animated(name: name)
      case .damaged(let reason):
        throw .damaged(name: name, format: format, reason: reason)
      }
    }
    let turned = (5...8).contains(stored.orientation)
    self.format = format
    width = turned ? stored.height : stored.width
    height = turned ? stored.width : stored.height
    channels = stored.channels
    orientation = stored.orientation
    let (area, overflow) = width.multipliedReportingOverflow(by: height)
    guard !overflow, area <= limits.pixels else {
      throw .tooManyPixels(name: name, width: width, height: height, limit: limits.pixels)
    }
  }

  /// Columns and rows as stored in the file.
  var storedSize: (width: Int, height: Int) {
    (5...8).contains(orientation) ? (height, width) : (width, height)
  }
}

/// Why a header cannot be read, before the file's name is known.
private enum HeaderFault: Error {
  case damaged(String)
  case animated

  static let cut = HeaderFault.damaged("the file ends early")
}

/// Size and channels as stored in the file.
private struct StoredHeader {
  var width: Int
  var height: Int
  var channels: Int
  var orientation = 1

  /// Source: PNG specification, 5.3 and 11.2.2.
  init(png reader: ByteReader) throws(HeaderFault) {
    guard reader.holds("IHDR", at: 12), reader.number32(8) == 13 else {
      throw reader.count < 16 ? .cut : .damaged("no IHDR chunk")
    }
    guard
      let width = reader.number32(16), let height = reader.number32(20),
      let colorType = reader.byte(25)
    else { throw .cut }
    guard width > 0, height > 0, width < 1 << 31, height < 1 << 31 else {
      throw .damaged("its size is \(width)x\(height)")
    }
    guard let colors = [0: 1, 2: 3, 3: 3, 4: 2, 6: 4][colorType] else {
      throw .damaged("colour type \(colorType)")
    }
    self.width = width
    self.height = height
    channels = colors
    guard colors.isMultiple(of: 2) == false else { return }
    var position = 33
    while let length = reader.number32(position), !reader.holds("IDAT", at: position + 4) {
      if reader.holds("tRNS", at: position + 4) {
        channels = colors + 1
        return
      }
      position += length + 12
    }
  }

  /// Source: ITU-T T.81, B.1 and B.2.
  init(jpeg reader: ByteReader) throws(HeaderFault) {
    var position = 2
    var frame: (width: Int, height: Int, components: Int)?
    var orientation = 1
    while true {
      while let byte = reader.byte(position), byte != 0xFF { position += 1 }
      while reader.byte(position) == 0xFF { position += 1 }
      guard let marker = reader.byte(position) else { throw .cut }
      position += 1
      if marker == 0 || marker == 1 || (0xD0...0xD8).contains(marker) { continue }
      if marker == 0xD9 || marker == 0xDA { break }
      guard let length = reader.number16(position) else { throw .cut }
      guard length >= 2 else { throw .damaged("a marker of length \(length)") }
      if (0xC0...0xCF).contains(marker), ![0xC4, 0xC8, 0xCC].contains(marker), frame == nil {
        guard
          let height = reader.number16(position + 3), let width = reader.number16(position + 5),
          let components = reader.byte(position + 7)
        else { throw .cut }
        frame = (width, height, components)
      } else if marker == 0xE1, let part = reader.part(from: position + 2, count: length - 2),
        let found = exifOrientation(part)
      {
        orientation = found
      }
      position += length
    }
    guard let frame else { throw .damaged("no frame header") }
    guard frame.width > 0, frame.height > 0 else {
      throw .damaged("its size is \(frame.width)x\(frame.height)")
    }
    guard [1, 3, 4].contains(frame.components) else {
      throw .damaged("\(frame.components) colour components")
    }
    width = frame.width
    height = frame.height
    channels = frame.components == 1 ? 1 : 3
    self.orientation = orientation
  }

  init(webp bytes: UnsafeRawBufferPointer) throws(HeaderFault) {
    var width: UInt32 = 0
    var height: UInt32 = 0
    var hasAlpha: Int32 = 0
    var isAnimated: Int32 = 0
    let data = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
    let text = message {
      ci_webp_header(data, bytes.count, &width, &height, &hasAlpha, &isAnimated, $0)
    }
    if let text { throw .damaged(text) }
    if isAnimated != 0 { throw .animated }
    self.width = Int(width)
    self.height = Int(height)
    channels = hasAlpha != 0 ? 4 : 3
  }
}

/// Reads the orientation from an EXIF segment; nil if it names none between 1 and 8.
///
/// Source: EXIF 2.3 section 4.6.2; TIFF 6.0 section 2.
private func exifOrientation(_ segment: ByteReader) -> Int? {
  guard segment.holds("Exif\0\0", at: 0),
    var tiff = segment.part(from: 6, count: segment.count - 6)
  else { return nil }
  if tiff.holds("II", at: 0) {
    tiff.isLittleEndian = true
  } else if !tiff.holds("MM", at: 0) {
    return nil
  }
  guard tiff.number16(2) == 42, let directory = tiff.number32(4),
    let count = tiff.number16(directory)
  else { return nil }
  for entry in 0..<count {
    let position = directory + 2 + entry * 12
    guard let tag = tiff.number16(position) else { return nil }
    guard tag == 0x0112 else { continue }
    guard tiff.number16(position + 2) == 3, let value = tiff.number16(position + 8),
      (1...8).contains(value)
    else { return nil }
    return value
  }
  return nil
}
