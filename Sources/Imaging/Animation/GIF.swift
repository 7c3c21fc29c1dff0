/// Writes GIF files: one palette for all frames, so that colours do not flicker.
///
/// Source: GIF89a specification.
public enum GIFEncoder {
  /// Encodes an animation of at most 256 colours, fewer by one with transparency.
  ///
  /// Pixels with an alpha under 128 are transparent, all others opaque. A frame lasts whole
  /// hundredths of a second and two at least, since browsers slow down what is shorter.
  ///
  /// - Parameters:
  ///   - animation: The frames.
  ///   - dithers: Whether dots of near colours stand for those that the palette lacks.
  /// - Throws: `unencodableAnimation` if a side is over 65535 pixels.
  public static func encode(
    _ animation: Animation, dithers: Bool = true
  ) throws(ImageError) -> [UInt8] {
    let (width, height) = (animation.frames[0].width, animation.frames[0].height)
    guard width <= 0xFFFF, height <= 0xFFFF else {
      throw .unencodableAnimation(format: .gif, reason: "a side is over 65535 pixels")
    }
    let isTransparent = animation.frames.contains(where: \.hasAlpha)
    let frames = animation.shownFrames.map { $0.converted(toChannels: isTransparent ? 4 : 3) }
    let palette = ColorPalette(
      of: animation.frames.map { $0.converted(toChannels: 3) },
      count: isTransparent ? 255 : 256)
    let transparent = palette.colors.count
    var bits = 1
    while 1 << bits < palette.colors.count + (isTransparent ? 1 : 0) { bits += 1 }

    var file = Array("GIF89a".utf8)
    file.appendLittleEndian(width, count: 2)
    file.appendLittleEndian(height, count: 2)
    // A global palette of 2^bits colours of 8 bits; no background, square pixels.
    file += [0xF0 | UInt8(bits - 1), 0, 0]
    for color in palette.colors { file += [color.x, color.y, color.z] }
    file += [UInt8](repeating: 0, count: 3 * ((1 << bits) - palette.colors.count))
    if animation.loopCount != 1, frames.count > 1 {
      // How often it is repeated after the first time; 0 is for ever.
      file += [0x21, 0xFF, 11] + Array("NETSCAPE2.0".utf8) + [3, 1]
      file.appendLittleEndian(max(0, animation.loopCount - 1), count: 2)
      file.append(0)
    }
    let hundredths = max(2, (animation.milliseconds + 5) / 10)
    for frame in frames {
      // What is transparent shows the empty canvas, not the frame before.
      file += [0x21, 0xF9, 4, isTransparent ? 2 << 2 | 1 : 1 << 2]
      file.appendLittleEndian(hundredths, count: 2)
      file += [isTransparent ? UInt8(transparent) : 0, 0]
      file += [0x2C, 0, 0, 0, 0]
      file.appendLittleEndian(width, count: 2)
      file.appendLittleEndian(height, count: 2)
      file.append(0)
      var indices = palette.indices(of: frame, dithers: dithers)
      if isTransparent {
        for pixel in indices.indices where frame.pixels[4 * pixel + 3] < 128 {
          indices[pixel] = UInt8(transparent)
        }
      }
      file.append(UInt8(max(2, bits)))
      let data = lzw(indices, minimumBits: max(2, bits))
      for start in stride(from: 0, to: data.count, by: 255) {
        let block = data[start..<min(start + 255, data.count)]
        file.append(UInt8(block.count))
        file += block
      }
      file.append(0)
    }
    return file + [0x3B]
  }

  /// Compresses indices.
  ///
  /// Source: GIF89a specification, appendix F.
  private static func lzw(_ indices: [UInt8], minimumBits: Int) -> [UInt8] {
    let (clear, most) = (1 << minimumBits, 4096)
    var out: [UInt8] = []
    var (held, heldBits, width, next) = (0, 0, minimumBits + 1, clear + 2)
    // The code of a known row of indices followed by one more; 0 where there is none.
    var longer = [UInt16](repeating: 0, count: most * 256)
    func emit(_ code: Int) {
      held |= code << heldBits
      heldBits += width
      while heldBits >= 8 {
        out.append(UInt8(truncatingIfNeeded: held))
        held >>= 8
        heldBits -= 8
      }
    }
    emit(clear)
    var row = Int(indices[0])
    for index in indices.dropFirst() {
      let entry = row << 8 | Int(index)
      if longer[entry] != 0 {
        row = Int(longer[entry])
        continue
      }
      emit(row)
      if next < most {
        longer[entry] = UInt16(next)
        if next == 1 << width { width += 1 }
        next += 1
      } else {
        emit(clear)
        for entry in longer.indices { longer[entry] = 0 }
        (width, next) = (minimumBits + 1, clear + 2)
      }
      row = Int(index)
    }
    emit(row)
    if next < most, next == 1 << width { width += 1 }
    emit(clear + 1)
    if heldBits > 0 { out.append(UInt8(truncatingIfNeeded: held)) }
    return out
  }
}
