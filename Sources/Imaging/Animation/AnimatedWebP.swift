/// Writes animated WebP files around the encoder of single ones.
///
/// Source: RFC 9649, section 2.7.1.
enum AnimatedWebP {
  private static let animationFlag: UInt8 = 2
  private static let alphaFlag: UInt8 = 16

  static func encode(_ animation: Animation, quality: Int?) throws(ImageError) -> [UInt8] {
    let frames = animation.shownFrames
    var chunks: [UInt8] = []
    var extent: [UInt8] = [
      animationFlag | (frames.contains(where: \.hasAlpha) ? alphaFlag : 0), 0, 0, 0,
    ]
    extent.appendLittleEndian(frames[0].width - 1, count: 3)
    extent.appendLittleEndian(frames[0].height - 1, count: 3)
    append("VP8X", extent, to: &chunks)
    // A background of no colour, which viewers need not obey.
    var control: [UInt8] = [0, 0, 0, 0]
    control.appendLittleEndian(animation.loopCount, count: 2)
    append("ANIM", control, to: &chunks)
    for frame in frames {
      var body: [UInt8] = []
      for value in [0, 0, frame.width - 1, frame.height - 1, animation.milliseconds] {
        body.appendLittleEndian(value, count: 3)
      }
      // The frame replaces the one before without blending.
      body.append(2)
      let still = try WebPEncoder.encode(frame, quality: quality ?? 75, lossless: quality == nil)
      append("ANMF", body + pixels(of: still), to: &chunks)
    }
    var file = Array("RIFF".utf8)
    file.appendLittleEndian(chunks.count + 4, count: 4)
    return file + "WEBP".utf8 + chunks
  }

  /// The chunks with alpha and pixels of a file that our encoder wrote.
  private static func pixels(of file: [UInt8]) -> [UInt8] {
    var found: [UInt8] = []
    var position = 12
    while position + 8 <= file.count {
      let length = file[position + 4..<position + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
      let end = position + 8 + length + length % 2
      let kind = String(decoding: file[position..<position + 4], as: UTF8.self)
      if ["ALPH", "VP8 ", "VP8L"].contains(kind) { found += file[position..<end] }
      position = end
    }
    return found
  }

  private static func append(_ kind: String, _ body: [UInt8], to file: inout [UInt8]) {
    file += kind.utf8
    file.appendLittleEndian(body.count, count: 4)
    file += body
    if !body.count.isMultiple(of: 2) { file.append(0) }
  }
}
