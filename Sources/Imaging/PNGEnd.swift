import CZlib
import Files

/// The end of a PNG file, which some programs and downloads lose.
enum PNGEnd {
  private static let chunk: [UInt8] = [0, 0, 0, 0] + Array("IEND".utf8) + [0xAE, 0x42, 0x60, 0x82]

  /// A copy of the file with its end added, as Pillow reads files without it; nil where nothing or
  /// more is missing than IEND and the checksum before it.
  static func completed(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
    let file = ByteReader(bytes)
    var position = 8
    while position + 8 <= file.count {
      let isEnd = file.holds("IEND", at: position + 4)
      guard !isEnd || position + 12 > file.count else { return nil }
      if isEnd { break }
      let length: Int
      do { length = try file.uint32(at: position) } catch { return nil }
      let end = position + 8 + length
      if end + 4 > file.count {
        guard end <= file.count, file.holds("IDAT", at: position + 4) else { return nil }
        let body = UnsafeRawBufferPointer(rebasing: bytes[position + 4..<end])
        let checksum = crc32_z(0, body.bindMemory(to: UInt8.self).baseAddress, body.count)
        let stored = (0..<4).map { UInt8(truncatingIfNeeded: checksum >> (24 - 8 * UInt($0))) }
        return Array(bytes[..<end]) + stored + chunk
      }
      position = end + 4
    }
    return position <= file.count ? Array(bytes[..<position]) + chunk : nil
  }
}
