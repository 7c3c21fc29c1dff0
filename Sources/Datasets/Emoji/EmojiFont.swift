public import Foundation

/// A colour bitmap font (CBDT/CBLC) that maps emoji sequences to PNG images.
///
/// Source: OpenType tables `cmap` format 12, `GSUB` lookup type 4, `CBLC`, `CBDT` format 17.
public struct EmojiFont: Sendable {
  private let reader: ByteReader
  private let glyphs: [CodeRange]
  private let ligatures: [Int: [Ligature]]
  private let images: [Int: Range<Int>]

  /// A range of code points whose glyphs are consecutive.
  private struct CodeRange: Sendable {
    let codes: ClosedRange<Int>
    let firstGlyph: Int
  }

  /// The number of items that may still be read from the tables.
  ///
  /// Many entries may have the same offset, so tables can list items without bound. They may list
  /// at most as many as the file has bytes.
  private struct Allowance {
    let file: String
    var left: Int

    mutating func take(_ count: Int = 1) throws(DataError) {
      left -= count
      guard left >= 0 else {
        throw .malformed(
          file: file, entry: nil, problem: "its tables list more glyphs than the file can hold")
      }
    }
  }

  private struct Ligature: Sendable {
    let components: [Int]
    let glyph: Int
  }

  /// Reads the four tables of a font file.
  ///
  /// - Throws: `DataError.unreadable` if the file cannot be read, `.malformed` if a table is
  ///   missing, of another format or cut short.
  public init(contentsOf url: URL) throws(DataError) {
    try self.init(bytes: FileBytes.read(url), file: url.lastPathComponent)
  }

  /// Reads the four tables from a font's bytes; `file` is the name used in errors.
  ///
  /// - Throws: `DataError.malformed` if a table is missing, of another format or cut short.
  public init(bytes: [UInt8], file: String) throws(DataError) {
    let reader = ByteReader(bytes: bytes, file: file)
    self.reader = reader
    let tables = try Self.directory(reader)
    func table(_ tag: String) throws(DataError) -> Int {
      guard let offset = tables[tag] else {
        throw .malformed(
          file: file, entry: "table \(tag)",
          problem: "the table is missing; a colour bitmap font such as NotoColorEmoji.ttf is needed"
        )
      }
      return offset
    }
    var allowance = Allowance(file: file, left: bytes.count)
    glyphs = try Self.characterMap(reader, at: table("cmap"))
    ligatures = try Self.ligatures(reader, at: table("GSUB"), &allowance)
    images = try Self.images(
      reader, location: table("CBLC"), data: table("CBDT"), &allowance)
  }

  /// Number of code points that the font maps to a glyph.
  public var codePointCount: Int { glyphs.reduce(0) { $0 + $1.codes.count } }

  /// Number of glyphs that have an image.
  public var imageCount: Int { images.count }

  /// Returns the PNG bytes of one emoji sequence, or nil if the font has no single glyph for it.
  ///
  /// U+FE0F is ignored.
  public func png(for sequence: [Unicode.Scalar]) -> [UInt8]? {
    guard let glyph = glyph(for: sequence), let range = images[glyph] else { return nil }
    return Array(reader.bytes[range])
  }

  func glyph(for sequence: [Unicode.Scalar]) -> Int? {
    var rest: [Int] = []
    for scalar in sequence where scalar.value != 0xFE0F {
      guard let glyph = glyph(of: Int(scalar.value)) else { return nil }
      rest.append(glyph)
    }
    guard let first = rest.first else { return nil }
    if rest.count == 1 { return first }
    // Only a ligature over the whole sequence leaves exactly one glyph.
    return ligatures[first]?.first { $0.components == rest[1...].map(\.self) }?.glyph
  }

  private func glyph(of code: Int) -> Int? {
    var (low, high) = (0, glyphs.count)
    while low < high {
      let middle = (low + high) / 2
      if glyphs[middle].codes.upperBound < code { low = middle + 1 } else { high = middle }
    }
    guard low < glyphs.count, glyphs[low].codes.contains(code) else { return nil }
    return glyphs[low].firstGlyph + code - glyphs[low].codes.lowerBound
  }

  private static func directory(_ reader: ByteReader) throws(DataError) -> [String: Int] {
    let version = try reader.uint32(at: 0)
    guard version == 0x0001_0000 || version == 0x4F54_544F || version == 0x7472_7565 else {
      throw .malformed(
        file: reader.file, entry: nil, problem: "this is not a TrueType or OpenType font file")
    }
    var tables: [String: Int] = [:]
    for index in 0..<(try reader.uint16(at: 4)) {
      let record = 12 + index * 16
      let tag = String(decoding: try reader.slice(at: record, count: 4), as: UTF8.self)
      tables[tag] = try reader.uint32(at: record + 8)
    }
    return tables
  }

  private static func characterMap(
    _ reader: ByteReader, at table: Int
  ) throws(DataError) -> [CodeRange] {
    for index in 0..<(try reader.uint16(at: table + 2)) {
      let record = table + 4 + index * 8
      guard try reader.uint16(at: record) == 3, try reader.uint16(at: record + 2) == 10 else {
        continue
      }
      let subtable = table + (try reader.uint32(at: record + 4))
      guard try reader.uint16(at: subtable) == 12 else { continue }
      var glyphs: [CodeRange] = []
      var free = 0
      for group in 0..<(try reader.uint32(at: subtable + 12)) {
        let at = subtable + 16 + group * 12
        let start = try reader.uint32(at: at)
        let end = try reader.uint32(at: at + 4)
        let firstGlyph = try reader.uint32(at: at + 8)
        guard free <= start, start <= end, end <= 0x10FFFF else {
          throw .malformed(
            file: reader.file, entry: "table cmap",
            problem: "group \(group) runs from \(start) to \(end), which is no code point range"
              + " after those before it")
        }
        free = end + 1
        glyphs.append(CodeRange(codes: start...end, firstGlyph: firstGlyph))
      }
      return glyphs
    }
    throw .malformed(
      file: reader.file, entry: "table cmap",
      problem: "there is no subtable of platform 3, encoding 10 and format 12")
  }

  /// Reads lookup 0 only: it holds the sequences; the others repair broken ones.
  private static func ligatures(
    _ reader: ByteReader, at table: Int, _ allowance: inout Allowance
  ) throws(DataError) -> [Int: [Ligature]] {
    let list = table + (try reader.uint16(at: table + 8))
    guard try reader.uint16(at: list) > 0 else { return [:] }
    let lookup = list + (try reader.uint16(at: list + 2))
    let type = try reader.uint16(at: lookup)
    guard type == 4 else {
      throw .malformed(
        file: reader.file, entry: "table GSUB",
        problem: "lookup 0 has type \(type) but ligatures, type 4, are needed")
    }
    var result: [Int: [Ligature]] = [:]
    for index in 0..<(try reader.uint16(at: lookup + 4)) {
      let subtable = lookup + (try reader.uint16(at: lookup + 6 + index * 2))
      let count = try reader.uint16(at: subtable + 4)
      try allowance.take(count)
      let firsts = try coverage(
        reader, at: subtable + (try reader.uint16(at: subtable + 2)), limit: count, &allowance)
      for set in 0..<min(count, firsts.count) {
        let ligatureSet = subtable + (try reader.uint16(at: subtable + 6 + set * 2))
        for entry in 0..<(try reader.uint16(at: ligatureSet)) {
          let at = ligatureSet + (try reader.uint16(at: ligatureSet + 2 + entry * 2))
          let length = max(1, try reader.uint16(at: at + 2))
          try allowance.take(length)
          var components: [Int] = []
          for component in 1..<length {
            components.append(try reader.uint16(at: at + 2 + component * 2))
          }
          let ligature = Ligature(components: components, glyph: try reader.uint16(at: at))
          result[firsts[set], default: []].append(ligature)
        }
      }
    }
    return result
  }

  /// Reads the first glyphs that a table covers, at most `limit`.
  private static func coverage(
    _ reader: ByteReader, at table: Int, limit: Int, _ allowance: inout Allowance
  ) throws(DataError) -> [Int] {
    let format = try reader.uint16(at: table)
    var glyphs: [Int] = []
    for index in 0..<(try reader.uint16(at: table + 2)) {
      guard glyphs.count < limit else { break }
      try allowance.take()
      if format == 1 {
        glyphs.append(try reader.uint16(at: table + 4 + index * 2))
      } else {
        let start = try reader.uint16(at: table + 4 + index * 6)
        let end = try reader.uint16(at: table + 6 + index * 6)
        if start <= end { glyphs += (start...end).prefix(limit - glyphs.count) }
      }
    }
    return glyphs
  }

  private static func images(
    _ reader: ByteReader, location: Int, data: Int, _ allowance: inout Allowance
  ) throws(DataError) -> [Int: Range<Int>] {
    guard try reader.uint32(at: location + 4) >= 1 else {
      throw .malformed(file: reader.file, entry: "table CBLC", problem: "there is no bitmap size")
    }
    let array = location + (try reader.uint32(at: location + 8))
    var result: [Int: Range<Int>] = [:]
    for index in 0..<(try reader.uint32(at: location + 16)) {
      let record = array + index * 8
      let first = try reader.uint16(at: record)
      let last = try reader.uint16(at: record + 2)
      let header = array + (try reader.uint32(at: record + 4))
      let indexFormat = try reader.uint16(at: header)
      let imageFormat = try reader.uint16(at: header + 2)
      guard indexFormat == 1, imageFormat == 17, first <= last else {
        throw .malformed(
          file: reader.file, entry: "table CBLC",
          problem: "index format \(indexFormat) with image format \(imageFormat) is not supported;"
            + " formats 1 and 17 are")
      }
      try allowance.take(last - first + 1)
      let images = data + (try reader.uint32(at: header + 4))
      for glyph in first...last {
        let at = header + 8 + (glyph - first) * 4
        let offset = try reader.uint32(at: at)
        if try reader.uint32(at: at + 4) == offset { continue }  // equal neighbours: no image
        let start = images + offset + 9  // small metrics, then the length
        let count = try reader.uint32(at: start - 4)
        guard start + count <= reader.bytes.count else {
          throw .malformed(
            file: reader.file, entry: "table CBDT",
            problem: "the image of glyph \(glyph) runs past the end of the file")
        }
        result[glyph] = start..<start + count
      }
    }
    return result
  }
}
