import CZlib
import Foundation
import Imaging
import Testing

/// Takes animations apart, so that the decoders of single images can judge every frame.
struct AnimationReader {
  var frames: [Image] = []
  /// Milliseconds of each frame.
  var durations: [Int] = []
  /// How often it is played, 0 for ever.
  var loopCount = 1

  private static func big(_ bytes: some Collection<UInt8>) -> Int {
    bytes.reduce(0) { $0 << 8 | Int($1) }
  }

  private static func little(_ bytes: some BidirectionalCollection<UInt8>) -> Int {
    big(bytes.reversed())
  }

  /// Reads an APNG file: each frame becomes a PNG file of its own for libpng.
  init(png file: [UInt8]) throws {
    var position = 8
    var (header, pixels, sequence, frameCount) = ([UInt8](), [[UInt8]](), 0, 0)
    func chunk(_ kind: String, _ body: [UInt8]) -> [UInt8] {
      let all = Array(kind.utf8) + body
      let checksum = crc32(0, all, uInt(all.count))
      return withUnsafeBytes(of: UInt32(body.count).bigEndian, Array.init) + all
        + withUnsafeBytes(of: UInt32(checksum).bigEndian, Array.init)
    }
    func number(_ body: [UInt8]) {
      #expect(Self.big(body[..<4]) == sequence, "fcTL and fdAT are numbered together")
      sequence += 1
    }
    while position < file.count {
      let length = Self.big(file[position..<position + 4])
      let kind = String(decoding: file[position + 4..<position + 8], as: UTF8.self)
      let body = Array(file[position + 8..<position + 8 + length])
      let whole = Array(file[position..<position + 12 + length])
      #expect(whole == chunk(kind, body), "the checksum of \(kind)")
      switch kind {
      case "IHDR": header = whole
      case "acTL":
        #expect(pixels.isEmpty, "acTL goes before the pixels")
        frameCount = Self.big(body[..<4])
        loopCount = Self.big(body[4...])
      case "fcTL":
        number(body)
        #expect(Array(body[4..<12]) == Array(header[8..<16]), "frames cover the image")
        durations.append(Self.big(body[20..<22]) * 1000 / Self.big(body[22..<24]))
        pixels.append([])
      case "IDAT": pixels[pixels.count - 1] += body
      case "fdAT":
        number(body)
        pixels[pixels.count - 1] += body[4...]
      default: break
      }
      position += 12 + length
    }
    #expect(frameCount == pixels.count)
    frames = try pixels.map {
      try ImageDecoder.decode(
        Array(file[..<8]) + header + chunk("IDAT", $0) + chunk("IEND", []), name: "frame")
    }
  }

  /// Reads an animated WebP file: each frame becomes a file of its own for libwebp.
  init(webp file: [UInt8]) throws {
    var position = 12
    #expect(Self.little(file[4..<8]) == file.count - 8)
    var canvas: [UInt8] = []
    func chunk(_ kind: String, _ body: [UInt8]) -> [UInt8] {
      Array(kind.utf8) + withUnsafeBytes(of: UInt32(body.count).littleEndian, Array.init) + body
    }
    while position < file.count {
      let length = Self.little(file[position + 4..<position + 8])
      let kind = String(decoding: file[position..<position + 4], as: UTF8.self)
      let body = Array(file[position + 8..<position + 8 + length])
      switch kind {
      case "VP8X":
        canvas = body
        #expect(canvas[0] & 2 == 2, "the flag of animations")
      case "ANIM": loopCount = Self.little(body[4..<6])
      case "ANMF":
        #expect(Array(body[6..<12]) == Array(canvas[4..<10]), "frames cover the image")
        durations.append(Self.little(body[12..<15]))
        let still = chunk("VP8X", [canvas[0] & 16, 0, 0, 0] + canvas[4...]) + body[16...]
        frames.append(
          try ImageDecoder.decode(chunk("RIFF", Array("WEBP".utf8) + still), name: "frame"))
      default: break
      }
      position += 8 + length + length % 2
    }
  }

  /// Reads a GIF file with one palette, as RGBA.
  init(gif file: [UInt8]) throws {
    #expect(file.starts(with: "GIF89a".utf8))
    let (width, height) = (Self.little(file[6..<8]), Self.little(file[8..<10]))
    let colorCount = 2 << Int(file[10] & 7)
    let palette = Array(file[13..<13 + 3 * colorCount])
    var position = 13 + 3 * colorCount
    var transparent: Int?
    func blocks() -> [UInt8] {
      var all: [UInt8] = []
      while file[position] > 0 {
        let count = Int(file[position])
        all += file[position + 1..<position + 1 + count]
        position += 1 + count
      }
      position += 1
      return all
    }
    while file[position] != 0x3B {
      if file[position] == 0x21 {
        let kind = file[position + 1]
        position += 2
        let body = blocks()
        if kind == 0xF9 {
          durations.append(Self.little(body[1..<3]) * 10)
          transparent = body[0] & 1 == 1 ? Int(body[3]) : nil
        } else if body.starts(with: "NETSCAPE2.0".utf8) {
          let repeats = Self.little(body[12..<14])
          loopCount = repeats == 0 ? 0 : repeats + 1
        }
      } else {
        #expect(file[position] == 0x2C)
        let bits = Int(file[position + 10])
        position += 11
        let indices = try #require(Self.unpacked(blocks(), minimumBits: bits))
        #expect(indices.count == width * height)
        frames.append(
          Image(
            width: width, height: height, channels: 4,
            pixels: indices.flatMap { index in
              palette[3 * index..<3 * index + 3] + [index == transparent ? 0 : 255]
            }))
      }
    }
  }

  /// Undoes LZW as the specification says it, with whole rows as entries.
  private static func unpacked(_ data: [UInt8], minimumBits: Int) -> [Int]? {
    let clear = 1 << minimumBits
    var (rows, width, previous, out) = ([[Int]](), minimumBits + 1, [Int]?.none, [Int]())
    func reset() {
      rows = (0..<clear + 2).map { $0 < clear ? [$0] : [] }
      (width, previous) = (minimumBits + 1, nil)
    }
    reset()
    var bit = 0
    while bit + width <= data.count * 8 {
      var code = 0
      for index in 0..<width {
        code |= Int(data[(bit + index) / 8] >> UInt8((bit + index) % 8) & 1) << index
      }
      bit += width
      if code == clear + 1 { return out }
      guard code != clear else {
        reset()
        continue
      }
      guard code <= rows.count else { return nil }
      if let before = previous {
        let row = code < rows.count ? rows[code] : before + [before[0]]
        out += row
        if rows.count < 4096 { rows.append(before + [row[0]]) }
        previous = row
      } else {
        guard code < clear else { return nil }
        out += rows[code]
        previous = rows[code]
      }
      if rows.count == 1 << width, width < 12 { width += 1 }
    }
    return nil
  }
}
