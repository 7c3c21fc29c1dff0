import CZlib
import Files
import Foundation

/// What an image file says about its orientation, in EXIF or in XMP.
///
/// Source: Pillow `Image.getexif`, `ImageOps.exif_transpose`.
struct OrientationTags {
  /// The EXIF data; JPEG may split it into several segments.
  var exif: [UInt8] = []
  /// The XMP packet, which counts where EXIF names no orientation.
  var xmp: [UInt8] = []

  /// The orientation, 1 ... 8; 1, upright, where nothing names another.
  var orientation: Int {
    let found = exifOrientation ?? xmpOrientation ?? 1
    return (1...8).contains(found) ? found : 1
  }

  /// The value of the EXIF tag, 0 for one that is no integer; nil without the tag.
  ///
  /// Source: EXIF 2.3 section 4.6.2; TIFF 6.0 section 2.
  private var exifOrientation: Int? {
    let mark = Array("Exif\0\0".utf8)
    var start = 0
    while exif[start...].starts(with: mark) { start += mark.count }
    return exif[start...].withUnsafeBytes { bytes in
      let isLittleEndian = bytes.starts(with: "II".utf8)
      guard isLittleEndian || bytes.starts(with: "MM".utf8), bytes.count > 8,
        Set(bytes[2...3]) == [0, 42]
      else { return nil }
      let tiff = ByteReader(bytes, isLittleEndian: isLittleEndian)
      var found: Int?
      var size = 0
      do {
        let directory = try tiff.uint32(at: 4)
        for entry in 0..<(try tiff.uint16(at: directory)) {
          let position = directory + 2 + entry * 12
          let (tag, type) = (try tiff.uint16(at: position), try tiff.uint16(at: position + 2))
          let count = try tiff.uint32(at: position + 4)
          let widths = [1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8]
          guard let width = widths.merging([13: 4, 16: 8], uniquingKeysWith: { $1 })[type],
            count > 0
          else { continue }
          var offset = position + 8
          if count * width > 4 {
            size += count * width
            if size > tiff.count { continue }
            offset = try tiff.uint32(at: offset)
            _ = try tiff.slice(at: offset, count: count * width)
          }
          if tag == 0x0112, found == nil {
            found = Int(exactly: try tiff.number(of: type, at: offset)) ?? 0
          }
        }
      } catch {
        // What a truncated segment says before its end counts: the pixels may be whole.
      }
      return found
    }
  }

  /// The digit of `tiff:Orientation` in the packet, as an attribute or an element.
  private var xmpOrientation: Int? {
    let packet = Data(xmp)
    var start = packet.startIndex
    while let name = packet.range(of: Data("tiff:Orientation".utf8), in: start..<packet.endIndex) {
      start = name.upperBound
      for mark in ["=\"", ">"] where packet[start...].starts(with: mark.utf8) {
        let digit = packet.dropFirst(start + mark.utf8.count).first ?? 0
        if (0x30...0x39).contains(digit) { return Int(digit) - 0x30 }
      }
    }
    return nil
  }
}

extension ByteReader {
  /// The number of a TIFF type at an offset; NaN for a type of texts.
  fileprivate func number(of type: Int, at offset: Int) throws(Ended) -> Double {
    func signed(_ value: Int, _ bits: Int) -> Double {
      Double(value >= 1 << (bits - 1) ? value - 1 << bits : value)
    }
    switch type {
    case 3: return Double(try uint16(at: offset))
    case 4, 13: return Double(try uint32(at: offset))
    case 6: return signed(try uint8(at: offset), 8)
    case 8: return signed(try uint16(at: offset), 16)
    case 9: return signed(try uint32(at: offset), 32)
    case 5: return Double(try uint32(at: offset)) / Double(try uint32(at: offset + 4))
    case 10:
      return signed(try uint32(at: offset), 32) / signed(try uint32(at: offset + 4), 32)
    case 11: return Double(Float(bitPattern: UInt32(try uint32(at: offset))))
    case 12: return Double(bitPattern: try integer(UInt64.self, at: offset))
    case 16: return Double(try integer(UInt64.self, at: offset))
    default: return .nan
    }
  }
}

// MARK: Where formats keep them

extension OrientationTags {
  /// Takes over an APP1 segment of a JPEG file.
  ///
  /// EXIF segments follow one another, so that the first one's tag counts; of XMP the last does.
  mutating func add(jpegSegment bytes: UnsafeRawBufferPointer) {
    let xmpMark = Array("http://ns.adobe.com/xap/1.0/\0".utf8)
    if bytes.starts(with: "Exif\0\0".utf8) {
      exif += exif.isEmpty ? bytes[...] : bytes.dropFirst(6)
    } else if bytes.starts(with: xmpMark) {
      xmp = Array(bytes.dropFirst(xmpMark.count))
    }
  }

  /// Reads the chunks of a WebP file whose flags announce them.
  ///
  /// Source: RFC 9649, section 2.7.
  init(webp reader: ByteReader) {
    guard reader.holds("VP8X", at: 12) else { return }
    do {
      let flags = try reader.uint8(at: 20)
      var position = 12
      while true {
        let length = try ByteReader(reader.bytes, isLittleEndian: true).uint32(at: position + 4)
        let isExif = flags & 8 != 0 && exif.isEmpty && reader.holds("EXIF", at: position)
        let isXMP = flags & 4 != 0 && xmp.isEmpty && reader.holds("XMP ", at: position)
        if isExif { exif = Array(try reader.slice(at: position + 8, count: length)) }
        if isXMP { xmp = Array(try reader.slice(at: position + 8, count: length)) }
        position += 8 + length + length % 2
      }
    } catch {
      // The end of the file.
    }
  }
}

/// The orientation tags of a PNG file, chunk by chunk; of equal chunks the last counts.
struct PNGOrientation {
  private var exif: UnsafeRawBufferPointer?
  /// The text of ImageMagick's hexadecimal EXIF, and the XMP packet.
  private var (profile, xmp): (Text?, Text?)

  private struct Text {
    let bytes: UnsafeRawBufferPointer.SubSequence
    let isDeflated: Bool
  }

  /// Takes over a chunk that may name an orientation.
  mutating func add(_ kind: String, _ bytes: UnsafeRawBufferPointer) {
    if kind == "eXIf" { exif = bytes }
    let key = bytes.prefix(80).prefix { $0 != 0 }
    let isProfile = key.elementsEqual("Raw profile type exif".utf8)
    guard isProfile || key.elementsEqual("XML:com.adobe.xmp".utf8) else { return }
    var rest = bytes.dropFirst(key.count + 1)
    var isDeflated = kind == "zTXt"
    if kind == "zTXt" { rest = rest.dropFirst() }
    if kind == "iTXt" {
      isDeflated = rest.first == 1
      rest = rest.dropFirst(2)
      // The language and the key in that language.
      for _ in 0..<2 { rest = rest.drop { $0 != 0 }.dropFirst() }
    }
    let text = Text(bytes: rest, isDeflated: isDeflated)
    if isProfile { profile = text } else { xmp = text }
  }

  /// The tags of the file.
  var tags: OrientationTags {
    var tags = OrientationTags()
    if let exif {
      tags.exif = Array(exif)
    } else if let profile {
      let lines = plain(profile).split(separator: 10, omittingEmptySubsequences: false)
      tags.exif = hexadecimal(lines.dropFirst(3).joined())
    }
    if let xmp { tags.xmp = plain(xmp) }
    return tags
  }

  /// The bytes of a text; none if it inflates to more than a megabyte, as in Pillow.
  private func plain(_ text: Text) -> [UInt8] {
    guard text.isDeflated else { return Array(text.bytes) }
    let source = UnsafeRawBufferPointer(rebasing: text.bytes).bindMemory(to: UInt8.self)
    return [UInt8](unsafeUninitializedCapacity: 1 << 20) { buffer, count in
      var length = uLong(buffer.count)
      let status = uncompress(buffer.baseAddress, &length, source.baseAddress, uLong(source.count))
      count = status == Z_OK ? Int(length) : 0
    }
  }

  private func hexadecimal(_ digits: some Sequence<UInt8>) -> [UInt8] {
    let values = digits.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    return stride(from: 0, to: values.count - 1, by: 2).map {
      UInt8(values[$0] * 16 + values[$0 + 1])
    }
  }
}
