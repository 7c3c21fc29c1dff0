import Files
public import Foundation

/// A colour bitmap font (CBDT/CBLC): emoji sequences to the PNG images inside.
///
/// Source: OpenType tables `cmap` format 12, `GSUB` lookup type 4, `CBLC`, `CBDT` format 17.
public struct EmojiFont: Sendable {
  private let bytes: [UInt8]
  private let glyphs: [CodeRange]
  private let ligatures: [Int: [Ligature]]
  private let images: [Int: Range<Int>]

  /// Code points in a row whose glyphs are in a row.
  struct CodeRange: Sendable {
    let codes: ClosedRange<Int>
    let firstGlyph: Int
  }

  struct Ligature: Sendable {
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
    self.bytes = bytes
    do {
      (glyphs, ligatures, images) = try bytes.withUnsafeBytes { bytes in
        var tables = FontTables(reader: ByteReader(bytes), file: file)
        return try (tables.characterMap(), tables.ligatures(), tables.images())
      }
    } catch let error as DataError {
      throw error
    } catch {
      throw .malformed(file: file, entry: nil, problem: "\(error)")
    }
  }

  /// Number of code points that the font maps to a glyph.
  public var codePointCount: Int { glyphs.reduce(0) { $0 + $1.codes.count } }

  /// Number of glyphs that have an image.
  public var imageCount: Int { images.count }

  /// Returns the PNG bytes of one emoji sequence, or nil if the font has no single glyph for it.
  ///
  /// U+FE0F is ignored; the longest matching ligature is taken from left to right.
  public func png(for sequence: [Unicode.Scalar]) -> [UInt8]? {
    guard let glyph = glyph(for: sequence), let range = images[glyph] else { return nil }
    return Array(bytes[range])
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
}
