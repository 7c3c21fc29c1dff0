import Files

/// Reads the tables of a colour bitmap font, with a bound on the
/// number of items, since entries may share bytes.
struct FontTables {
  private let reader: ByteReader
  private let file: String
  /// Number of items that may still be read.
  private var left: Int

  /// `file` is the name used in errors.
  init(reader: ByteReader, file: String) {
    self.reader = reader
    self.file = file
    left = reader.count
  }

  private mutating func take(_ count: Int = 1) throws {
    left -= count
    guard left >= 0 else {
      throw DataError.malformed(
        file: file, entry: nil, problem: "its tables list more glyphs than the file can hold")
    }
  }

  /// Returns where the table begins.
  private func offset(of tag: String) throws -> Int {
    let version = try reader.uint32(at: 0)
    guard version == 0x0001_0000 || version == 0x4F54_544F || version == 0x7472_7565 else {
      throw DataError.malformed(
        file: file, entry: nil, problem: "this is not a TrueType or OpenType font file")
    }
    for index in 0..<(try reader.uint16(at: 4)) {
      let record = 12 + index * 16
      if try reader.slice(at: record, count: 4).elementsEqual(tag.utf8) {
        return try reader.uint32(at: record + 8)
      }
    }
    throw DataError.malformed(
      file: file, entry: "table \(tag)",
      problem: "the table is missing; a colour bitmap font such as NotoColorEmoji.ttf is needed")
  }

  /// Returns the ranges of code points with a glyph, ascending: `cmap`.
  func characterMap() throws -> [EmojiFont.CodeRange] {
    let table = try offset(of: "cmap")
    for index in 0..<(try reader.uint16(at: table + 2)) {
      let record = table + 4 + index * 8
      guard try reader.uint16(at: record) == 3, try reader.uint16(at: record + 2) == 10 else {
        continue
      }
      let subtable = table + (try reader.uint32(at: record + 4))
      guard try reader.uint16(at: subtable) == 12 else { continue }
      var glyphs: [EmojiFont.CodeRange] = []
      var free = 0
      for group in 0..<(try reader.uint32(at: subtable + 12)) {
        let at = subtable + 16 + group * 12
        let start = try reader.uint32(at: at)
        let end = try reader.uint32(at: at + 4)
        let firstGlyph = try reader.uint32(at: at + 8)
        guard free <= start, start <= end, end <= 0x10FFFF else {
          throw DataError.malformed(
            file: file, entry: "table cmap",
            problem: "group \(group) runs from \(start) to \(end), which is no code point range"
              + " after those before it")
        }
        free = end + 1
        glyphs.append(EmojiFont.CodeRange(codes: start...end, firstGlyph: firstGlyph))
      }
      return glyphs
    }
    throw DataError.malformed(
      file: file, entry: "table cmap",
      problem: "there is no subtable of platform 3, encoding 10 and format 12")
  }

  /// Returns the ligatures by their first glyph: lookup 0 of `GSUB`.
  mutating func ligatures() throws -> [Int: [EmojiFont.Ligature]] {
    let table = try offset(of: "GSUB")
    let list = table + (try reader.uint16(at: table + 8))
    guard try reader.uint16(at: list) > 0 else { return [:] }
    let lookup = list + (try reader.uint16(at: list + 2))
    let type = try reader.uint16(at: lookup)
    guard type == 4 else {
      throw DataError.malformed(
        file: file, entry: "table GSUB",
        problem: "lookup 0 has type \(type) but ligatures, type 4, are needed")
    }
    var result: [Int: [EmojiFont.Ligature]] = [:]
    for index in 0..<(try reader.uint16(at: lookup + 4)) {
      let subtable = lookup + (try reader.uint16(at: lookup + 6 + index * 2))
      let count = try reader.uint16(at: subtable + 4)
      try take(count)
      let firsts = try coverage(
        at: subtable + (try reader.uint16(at: subtable + 2)), limit: count)
      for set in 0..<min(count, firsts.count) {
        let ligatureSet = subtable + (try reader.uint16(at: subtable + 6 + set * 2))
        for entry in 0..<(try reader.uint16(at: ligatureSet)) {
          let at = ligatureSet + (try reader.uint16(at: ligatureSet + 2 + entry * 2))
          let length = max(1, try reader.uint16(at: at + 2))
          try take(length)
          var components: [Int] = []
          for component in 1..<length {
            components.append(try reader.uint16(at: at + 2 + component * 2))
          }
          let ligature = EmojiFont.Ligature(
            components: components, glyph: try reader.uint16(at: at))
          result[firsts[set], default: []].append(ligature)
        }
      }
    }
    return result
  }

  /// Returns the first glyphs that a table covers, at most `limit`.
  private mutating func coverage(at table: Int, limit: Int) throws -> [Int] {
    let format = try reader.uint16(at: table)
    var glyphs: [Int] = []
    for index in 0..<(try reader.uint16(at: table + 2)) {
      guard glyphs.count < limit else { break }
      try take()
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

  /// Returns where each glyph's PNG lies in the file: `CBLC` and `CBDT`.
  mutating func images() throws -> [Int: Range<Int>] {
    let location = try offset(of: "CBLC")
    let data = try offset(of: "CBDT")
    guard try reader.uint32(at: location + 4) >= 1 else {
      throw DataError.malformed(file: file, entry: "table CBLC", problem: "there is no bitmap size")
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
        throw DataError.malformed(
          file: file, entry: "table CBLC",
          problem: "index format \(indexFormat) with image format \(imageFormat) is not supported;"
            + " formats 1 and 17 are")
      }
      try take(last - first + 1)
      let images = data + (try reader.uint32(at: header + 4))
      for glyph in first...last {
        let at = header + 8 + (glyph - first) * 4
        let offset = try reader.uint32(at: at)
        if try reader.uint32(at: at + 4) == offset { continue }  // equal neighbours: no image
        let start = images + offset + 9  // small metrics, then the length
        let count = try reader.uint32(at: start - 4)
        guard start + count <= reader.count else {
          throw DataError.malformed(
            file: file, entry: "table CBDT",
            problem: "the image of glyph \(glyph) runs past the end of the file")
        }
        result[glyph] = start..<start + count
      }
    }
    return result
  }
}
