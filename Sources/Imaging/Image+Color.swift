extension Image {
  /// Changes how many channels the image has.
  ///
  /// Colour becomes grey by ITU-R 601 luma in 16-bit fixed point; a new alpha is opaque; a lost
  /// alpha is dropped without blending (see ``composited(over:)``).
  /// - Precondition: `count` is 1 to 4.
  ///
  /// Source: Pillow `Image.convert`.
  public func converted(toChannels count: Int) -> Image {
    precondition((1...4).contains(count), "an image has 1 to 4 channels, not \(count)")
    if count == channels { return self }
    let colors = channels >= 3 ? 3 : 1
    return Image(width: width, height: height, channels: count) { out in
      pixels.withUnsafeBufferPointer { source in
        for i in 0..<(width * height) {
          let s = i * channels
          let d = i * count
          if count >= 3 {
            out[d] = source[s]
            out[d + 1] = source[s + (colors == 3 ? 1 : 0)]
            out[d + 2] = source[s + (colors == 3 ? 2 : 0)]
          } else if colors == 3 {
            let luma =
              Int32(source[s]) * 19595 + Int32(source[s + 1]) * 38470 + Int32(source[s + 2]) * 7471
            out[d] = UInt8(truncatingIfNeeded: (luma + 0x8000) >> 16)
          } else {
            out[d] = source[s]
          }
          if count == 2 || count == 4 {
            out[d + count - 1] = hasAlpha ? source[s + channels - 1] : 255
          }
        }
      }
    }
  }

  /// Blends the image over one opaque colour, as RGB.
  ///
  /// Each sample is `(a * s + (255 - a) * c) / 255`, rounded to nearest.
  /// Source: Pillow `Image.alpha_composite` over an opaque background.
  public func composited(over color: (r: UInt8, g: UInt8, b: UInt8)) -> Image {
    guard hasAlpha else { return converted(toChannels: 3) }
    let green = channels == 4 ? 1 : 0
    let blue = channels == 4 ? 2 : 0
    return Image(width: width, height: height, channels: 3) { out in
      pixels.withUnsafeBufferPointer { source in
        for i in 0..<(width * height) {
          let s = i * channels
          let alpha = UInt32(source[s + channels - 1])
          out[i * 3] = blend(source[s], color.r, alpha)
          out[i * 3 + 1] = blend(source[s + green], color.g, alpha)
          out[i * 3 + 2] = blend(source[s + blue], color.b, alpha)
        }
      }
    }
  }
}

/// Computes `(a * above + (255 - a) * below) / 255` to nearest; no tie exists as 255 is odd.
@inline(__always)
func blend(_ above: UInt8, _ below: UInt8, _ alpha: UInt32) -> UInt8 {
  UInt8(truncatingIfNeeded: (alpha * UInt32(above) + (255 - alpha) * UInt32(below) + 127) / 255)
}
