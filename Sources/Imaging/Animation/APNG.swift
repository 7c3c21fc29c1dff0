import CZlib
import Files

/// Writes animated PNG files around the encoder of single ones.
///
/// Source: PNG specification, third edition, 11.3.6 (`acTL`, `fcTL`, `fdAT`).
enum APNG {
  static func encode(
    _ animation: Animation, text: [(key: String, value: String)]
  ) throws(ImageError) -> [UInt8] {
    let frames = animation.shownFrames
    var file: [UInt8] = []
    var number = 0
    for (index, frame) in frames.enumerated() {
      let still = try PNGEncoder.encode(frame, text: index == 0 ? text : [])
      var isBeforePixels = true
      for (kind, body) in chunks(of: still) {
        let isPixels = kind == "IDAT"
        if isPixels, isBeforePixels {
          if index == 0 { append("acTL", control(frames.count, animation.loopCount), to: &file) }
          append("fcTL", frameControl(frame, number, animation.milliseconds), to: &file)
          number += 1
          isBeforePixels = false
        }
        if index == 0, kind != "IEND" {
          if file.isEmpty { file += still.prefix(8) }
          append(kind, body, to: &file)
        } else if isPixels {
          var data: [UInt8] = []
          data.appendBigEndian(number, count: 4)
          append("fdAT", data + body, to: &file)
          number += 1
        }
      }
    }
    append("IEND", [], to: &file)
    return file
  }

  private static func control(_ frameCount: Int, _ loopCount: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendBigEndian(frameCount, count: 4)
    bytes.appendBigEndian(loopCount, count: 4)
    return bytes
  }

  /// A frame over the whole image, which replaces the one before, alpha included.
  private static func frameControl(_ frame: Image, _ number: Int, _ milliseconds: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    for value in [number, frame.width, frame.height, 0, 0] {
      bytes.appendBigEndian(value, count: 4)
    }
    bytes.appendBigEndian(milliseconds, count: 2)
    bytes.appendBigEndian(1000, count: 2)
    return bytes + [0, 0]
  }

  /// The chunks of a file that our encoder wrote.
  private static func chunks(of file: [UInt8]) -> [(kind: String, body: ArraySlice<UInt8>)] {
    var found: [(kind: String, body: ArraySlice<UInt8>)] = []
    var position = 8
    while position + 12 <= file.count {
      let length = file[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
      let kind = String(decoding: file[position + 4..<position + 8], as: UTF8.self)
      found.append((kind, file[position + 8..<position + 8 + length]))
      position += 12 + length
    }
    return found
  }

  private static func append(_ kind: String, _ body: some Collection<UInt8>, to file: inout [UInt8])
  {
    file.appendBigEndian(body.count, count: 4)
    let start = file.count
    file += kind.utf8
    file += body
    let checksum = file[start...].withUnsafeBufferPointer { crc32_z(0, $0.baseAddress, $0.count) }
    file.appendBigEndian(Int(checksum), count: 4)
  }
}
