import CImaging
import Files
public import Foundation

/// Writes PNG files.
public enum PNGEncoder {
  /// Encodes an image of 1 to 4 channels at 8 bits; equal input gives equal bytes.
  ///
  /// Each text becomes a `tEXt` chunk if its value is Latin-1, else an `iTXt` chunk in UTF-8.
  /// Range: `compression` 0 (none) ... 9 (smallest).
  /// - Throws: `unencodable` if a key is not 1 to 79 printable Latin-1 characters without doubled
  ///   or outer spaces, or a value holds NUL.
  public static func encode(
    _ image: Image, text: [(key: String, value: String)] = [], compression: Int = 6
  ) throws(ImageError) -> [UInt8] {
    precondition((0...9).contains(compression), "compression \(compression) is not 0 to 9")
    var texts = [ci_text]()
    defer {
      for text in texts {
        free(text.key)
        free(text.value)
      }
    }
    for (key, value) in text {
      guard let latinKey = latin1(key), isKey(latinKey) else {
        throw .unencodable(
          format: .png,
          reason: "text key '\(key)' is not 1 to 79 Latin-1 characters with single inner spaces")
      }
      guard !value.unicodeScalars.contains("\0") else {
        throw .unencodable(format: .png, reason: "the text of '\(key)' holds a NUL character")
      }
      let latin = latin1(value)
      texts.append(
        ci_text(
          key: cString(latinKey), value: cString(latin ?? Array(value.utf8)),
          is_utf8: latin == nil ? 1 : 0))
    }
    return try encoded(as: .png) { out, message in
      ci_png_encode(
        image.pixels, UInt32(image.width), UInt32(image.height), Int32(image.channels),
        Int32(compression), texts, Int32(texts.count), &out, message)
    }
  }

  /// Encodes text as Latin-1; nil for characters outside it and controls other than a line feed.
  private static func latin1(_ text: String) -> [UInt8]? {
    var bytes = [UInt8]()
    for scalar in text.unicodeScalars {
      guard let byte = UInt8(exactly: scalar.value), isPrintable(byte) || byte == 10 else {
        return nil
      }
      bytes.append(byte)
    }
    return bytes
  }

  private static func isPrintable(_ byte: UInt8) -> Bool {
    (32...126).contains(byte) || byte >= 161
  }

  /// Source: PNG specification, 11.3.4.2.
  private static func isKey(_ bytes: [UInt8]) -> Bool {
    (1...79).contains(bytes.count) && bytes.allSatisfy(isPrintable)
      && bytes.first != 32 && bytes.last != 32
      && !zip(bytes, bytes.dropFirst()).contains { $0 == (32, 32) }
  }

  private static func cString(_ bytes: [UInt8]) -> UnsafeMutablePointer<CChar>? {
    let copy = malloc(bytes.count + 1)?.assumingMemoryBound(to: UInt8.self)
    copy?.update(from: bytes, count: bytes.count)
    copy?[bytes.count] = 0
    return copy.map { UnsafeMutableRawPointer($0).assumingMemoryBound(to: CChar.self) }
  }
}

/// Reads the texts of PNG files.
public enum PNGText {
  /// Reads all `tEXt`, `zTXt` and `iTXt` values by key; of equal keys, the last wins.
  ///
  /// - Throws: `empty`, `unknownFormat` if the bytes are no PNG file, `damaged`, `tooManyPixels` or
  ///   `tooManyBytes`.
  public static func read(
    _ data: some ContiguousBytes, name: String = "data", limits: ImageLimits = .default
  ) throws(ImageError) -> [String: String] {
    try data.read { (bytes) throws(ImageError) in
      let header = try ImageHeader(bytes, name: name, limits: limits)
      guard header.format == .png else { throw .unknownFormat(name: name) }
      guard chunksFit(ByteReader(bytes)) else {
        throw .damaged(name: name, format: .png, reason: "the file ends early")
      }
      var texts: UnsafeMutablePointer<ci_text>?
      var count: Int32 = 0
      defer { ci_png_texts_free(texts, count) }
      let start = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
      let text = message { ci_png_texts(start, bytes.count, &texts, &count, $0) }
      if let text { throw .damaged(name: name, format: .png, reason: text) }
      var found = [String: String]()
      for text in UnsafeBufferPointer(start: texts, count: Int(count)) {
        let value =
          text.is_utf8 != 0 ? String(cString: text.value) : string(latin1: text.value)
        found[string(latin1: text.key)] = value
      }
      return found
    }
  }

  /// Whether no chunk up to IEND announces more bytes than follow; libpng allocates a whole chunk
  /// before it reads one byte.
  private static func chunksFit(_ reader: ByteReader) -> Bool {
    var position = 8
    do {
      while true {
        let length = try reader.uint32(at: position)
        position += length + 12
        if position > reader.count { return false }
        if reader.holds("IEND", at: position - length - 8) { return true }
      }
    } catch {
      return false
    }
  }

  private static func string(latin1 text: UnsafePointer<CChar>) -> String {
    let bytes = UnsafeRawBufferPointer(start: text, count: strlen(text))
    var utf8: [UInt8] = []
    utf8.reserveCapacity(bytes.count * 2)
    for byte in bytes {
      if byte < 0x80 {
        utf8.append(byte)
      } else {
        utf8.append(0xC0 | byte >> 6)
        utf8.append(0x80 | byte & 0x3F)
      }
    }
    return String(decoding: utf8, as: UTF8.self)
  }
}
