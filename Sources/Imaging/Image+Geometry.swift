extension Image {
  /// Cuts out the rectangle whose top left corner is `(x, y)`.
  ///
  /// - Precondition: The rectangle is not empty and lies inside the image.
  public func cropped(x: Int, y: Int, width w: Int, height h: Int) -> Image {
    precondition(
      x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= width && y + h <= height,
      "crop of \(w)x\(h) at (\(x), \(y)) does not lie inside \(width)x\(height)")
    if w == width && h == height { return self }
    let row = w * channels
    return Image(width: w, height: h, channels: channels) { out in
      pixels.withUnsafeBufferPointer { source in
        for line in 0..<h {
          let start = ((y + line) * width + x) * channels
          copy(source, from: start, count: row, to: out, at: line * row)
        }
      }
    }
  }

  /// Cuts out the largest centred square; an odd remainder leaves one pixel more right and below.
  public func croppedToSquare() -> Image {
    let side = min(width, height)
    return cropped(x: (width - side) / 2, y: (height - side) / 2, width: side, height: side)
  }

  /// Adds a border of one colour on each side.
  ///
  /// Range: border widths in pixels, not negative; `color` has one sample for each channel.
  /// - Precondition: Borders as above, and a sample of `color` for each channel.
  public func padded(
    left: Int = 0, top: Int = 0, right: Int = 0, bottom: Int = 0, color: [UInt8]
  ) -> Image {
    precondition(
      left >= 0 && top >= 0 && right >= 0 && bottom >= 0,
      "borders \(left), \(top), \(right), \(bottom) must not be negative")
    precondition(
      color.count == channels, "a colour of \(color.count) samples for \(channels) channels")
    var canvas = Image(width: width + left + right, height: height + top + bottom, color: color)
    canvas.paste(self, x: left, y: top)
    return canvas
  }

  /// Centres the image in the smallest square that holds it.
  ///
  /// - Precondition: `color` has one sample for each channel.
  public func paddedToSquare(color: [UInt8]) -> Image {
    let side = max(width, height)
    let left = (side - width) / 2
    let top = (side - height) / 2
    return padded(
      left: left, top: top, right: side - width - left, bottom: side - height - top, color: color)
  }

  /// Mirrors the image, left and right exchanged.
  public func flippedHorizontally() -> Image {
    remapped(width: width, height: height) { x, y in (width - 1 - x, y) }
  }

  /// Mirrors the image, top and bottom exchanged.
  public func flippedVertically() -> Image {
    remapped(width: width, height: height) { x, y in (x, height - 1 - y) }
  }

  /// Overwrites the part of this image that `other` covers, alpha included.
  ///
  /// - Precondition: Equal channel counts; `other` at `(x, y)` lies inside this image.
  public mutating func paste(_ other: Image, x: Int, y: Int) {
    precondition(
      other.channels == channels, "\(other.channels) channels pasted into \(channels)")
    precondition(
      x >= 0 && y >= 0 && x + other.width <= width && y + other.height <= height,
      "\(other.width)x\(other.height) at (\(x), \(y)) does not lie inside \(width)x\(height)")
    let row = other.width * channels
    let (width, channels) = (self.width, self.channels)
    pixels.withUnsafeMutableBufferPointer { out in
      other.pixels.withUnsafeBufferPointer { source in
        for line in 0..<other.height {
          let start = ((y + line) * width + x) * channels
          copy(source, from: line * row, count: row, to: out, at: start)
        }
      }
    }
  }

  /// Turns and mirrors the stored image upright by its EXIF orientation.
  ///
  /// Orientations outside 1 ... 8 are taken as 1, upright.
  /// Source: EXIF 2.3 section 4.6.4, tag 0x0112.
  func uprighted(from orientation: Int) -> Image {
    let (w, h) = (width, height)
    switch orientation {
    case 2: return remapped(width: w, height: h) { x, y in (w - 1 - x, y) }
    case 3: return remapped(width: w, height: h) { x, y in (w - 1 - x, h - 1 - y) }
    case 4: return remapped(width: w, height: h) { x, y in (x, h - 1 - y) }
    case 5: return remapped(width: h, height: w) { x, y in (y, x) }
    case 6: return remapped(width: h, height: w) { x, y in (y, h - 1 - x) }
    case 7: return remapped(width: h, height: w) { x, y in (w - 1 - y, h - 1 - x) }
    case 8: return remapped(width: h, height: w) { x, y in (w - 1 - y, x) }
    default: return self
    }
  }

  /// Makes an image whose pixel at `(x, y)` is this one's at `position(x, y)`.
  @inline(__always)
  private func remapped(
    width w: Int, height h: Int, _ position: (Int, Int) -> (Int, Int)
  ) -> Image {
    Image(width: w, height: h, channels: channels) { out in
      pixels.withUnsafeBufferPointer { source in
        for y in 0..<h {
          for x in 0..<w {
            let (sx, sy) = position(x, y)
            let s = (sy * width + sx) * channels
            let d = (y * w + x) * channels
            for c in 0..<channels { out[d + c] = source[s + c] }
          }
        }
      }
    }
  }
}

/// Copies `count` bytes between two buffers that do not overlap.
@inline(__always)
private func copy(
  _ source: UnsafeBufferPointer<UInt8>, from start: Int, count: Int,
  to out: UnsafeMutableBufferPointer<UInt8>, at position: Int
) {
  let part = UnsafeBufferPointer(rebasing: source[start..<(start + count)])
  _ = UnsafeMutableBufferPointer(rebasing: out[position..<(position + count)]).update(from: part)
}
