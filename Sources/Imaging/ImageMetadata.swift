import Files
public import Foundation

/// What an image file says beside its pixels.
public struct ImageMetadata: Sendable, Equatable {
  /// Format, size, and whether it is an animation.
  public let header: ImageHeader
  /// Texts by name: those of PNG chunks, the texts of EXIF by their tags' names, and a JPEG file's
  /// `comment`.
  public let texts: [String: String]

  /// Reads a PNG, JPEG or WebP file; errors quote `name`.
  ///
  /// Animations are read too. A text may have 4 MiB, and all of a PNG file 32 MiB.
  /// - Throws: `empty`, `unknownFormat`, `damaged`, `tooManyPixels`, `tooManyBytes`.
  public static func read(
    _ data: some ContiguousBytes, name: String, limits: ImageLimits = .default
  ) throws(ImageError) -> ImageMetadata {
    try data.read { (bytes) throws(ImageError) in
      let header = try ImageHeader(bytes, name: name, limits: limits, allowsAnimation: true)
      guard header.format != .png else {
        return ImageMetadata(
          header: header, texts: try PNGText.read(Data(bytes), name: name, limits: limits))
      }
      let (exif, comment) = header.notes(in: bytes)
      var texts = EXIFTexts(exif).texts
      if let comment, let text = EXIFTexts.plain(comment) { texts["comment"] = text }
      return ImageMetadata(header: header, texts: texts)
    }
  }

  /// Reads the file at `url`.
  ///
  /// - Throws: `unreadable`; otherwise as ``read(_:name:limits:)``.
  public static func read(
    contentsOf url: URL, limits: ImageLimits = .default
  ) throws(ImageError) -> ImageMetadata {
    try read(readFile(url, limits: limits), name: url.path, limits: limits)
  }
}

/// The texts of EXIF data, by the names of their tags.
///
/// Source: EXIF 2.3, sections 4.6.4 and 4.6.5; TIFF 6.0, section 2.
struct EXIFTexts {
  private(set) var texts: [String: String] = [:]

  /// The longest text that is read.
  private static let most = 4 << 20
  private static let names = [
    0x010D: "DocumentName", 0x010E: "ImageDescription", 0x010F: "Make", 0x0110: "Model",
    0x0131: "Software", 0x0132: "DateTime", 0x013B: "Artist", 0x8298: "Copyright",
    0x9286: "UserComment",
  ]

  /// Reads what is whole; other data has no texts.
  init(_ exif: [UInt8]) {
    let mark = Array("Exif\0\0".utf8)
    exif[(exif.starts(with: mark) ? mark.count : 0)...].withUnsafeBytes { bytes in
      let isLittleEndian = bytes.starts(with: "II".utf8)
      guard isLittleEndian || bytes.starts(with: "MM".utf8) else { return }
      let tiff = ByteReader(bytes, isLittleEndian: isLittleEndian)
      do {
        var directories = [try tiff.uint32(at: 4)]
        while let directory = directories.popLast() {
          for entry in 0..<(try tiff.uint16(at: directory)) {
            let position = directory + 2 + entry * 12
            let tag = try tiff.uint16(at: position)
            // The directory of EXIF's own tags, which may not lead to a third.
            if tag == 0x8769, directory == (try tiff.uint32(at: 4)) {
              let own = try tiff.uint32(at: position + 8)
              if own != directory { directories = [own] }
            }
            guard let name = Self.names[tag], texts[name] == nil else { continue }
            let count = try tiff.uint32(at: position + 4)
            let isText = try tiff.uint16(at: position + 2) == 2
            guard count > 0, count <= Self.most, isText || tag == 0x9286 else { continue }
            let start = count > 4 ? try tiff.uint32(at: position + 8) : position + 8
            let value = try tiff.slice(at: start, count: count)
            texts[name] =
              tag == 0x9286 ? Self.comment(value, isLittleEndian) : Self.plain(value)
          }
        }
      } catch {
        // What stands before the cut is kept.
      }
    }
  }

  /// UTF-8, which ASCII is, up to the first NUL; nil for an empty text and other encodings.
  static func plain(_ bytes: UnsafeRawBufferPointer) -> String? {
    let text = String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
    return text?.isEmpty == true ? nil : text
  }

  /// A text after the eight bytes that name its encoding.
  private static func comment(_ bytes: UnsafeRawBufferPointer, _ isLittleEndian: Bool) -> String? {
    let body = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(8))
    guard bytes.starts(with: "UNICODE\0".utf8) else { return plain(body) }
    // Writers do not agree on the byte order: that of the file, or always the same. Most texts have
    // a zero byte in most letters, which tells it.
    let halves = stride(from: 0, to: body.count - 1, by: 2)
    let (first, second) = halves.reduce((0, 0)) { counts, index in
      (counts.0 + (body[index] == 0 ? 1 : 0), counts.1 + (body[index + 1] == 0 ? 1 : 0))
    }
    let lowFirst = first == second ? isLittleEndian : second > first
    let units = halves.map { index in
      let (a, b) = (UInt16(body[index]), UInt16(body[index + 1]))
      return lowFirst ? b << 8 | a : a << 8 | b
    }
    let text = String(
      validating: units.drop { $0 == 0xFEFF }.prefix { $0 != 0 }, as: UTF16.self)
    return text?.isEmpty == true ? nil : text
  }
}
