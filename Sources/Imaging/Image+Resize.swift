extension Image {
  /// The picture at another size, as Pillow's `resize` makes it.
  ///
  /// Two passes in 22-bit fixed point, rows first, rounded to bytes between. With alpha the
  /// colours are premultiplied to 8 bits before and divided after, so hidden colours do not bleed.
  /// Traps: a side below 1.
  /// Source: Pillow `Image.resize`, `src/libImaging/Resample.c`.
  public func resized(
    width newWidth: Int, height newHeight: Int, filter: ResizeFilter = .bicubic
  ) -> Image {
    precondition(
      newWidth > 0 && newHeight > 0, "cannot resize to \(newWidth)x\(newHeight) pixels")
    if newWidth == width && newHeight == height { return self }
    guard hasAlpha else { return resampled(newWidth, newHeight, filter) }
    return premultiplied().resampled(newWidth, newHeight, filter).unpremultiplied()
  }

  /// The largest picture of the same proportions that fits a square of `side` pixels.
  ///
  /// Sides are rounded to nearest and at least 1; smaller pictures grow.
  /// Traps: a side below 1.
  public func fitted(inSquareOf side: Int, filter: ResizeFilter = .bicubic) -> Image {
    precondition(side > 0, "cannot fit a picture into \(side) pixels")
    let scale = Double(side) / Double(max(width, height))
    return resized(
      width: max(1, Int((Double(width) * scale).rounded())),
      height: max(1, Int((Double(height) * scale).rounded())), filter: filter)
  }

  private func resampled(_ newWidth: Int, _ newHeight: Int, _ filter: ResizeFilter) -> Image {
    var image = self
    if newWidth != width {
      let table = ResampleTable(from: width, to: newWidth, filter)
      image = Image(width: newWidth, height: height, channels: channels) { out in
        image.pixels.withUnsafeBufferPointer { source in
          resampleRows(source, width: width, channels: channels, by: table, to: out)
        }
      }
    }
    if newHeight != height {
      let table = ResampleTable(from: height, to: newHeight, filter)
      let row = newWidth * channels
      image = Image(width: newWidth, height: newHeight, channels: channels) { out in
        image.pixels.withUnsafeBufferPointer { source in
          resampleColumns(source, row: row, by: table, to: out)
        }
      }
    }
    return image
  }

  /// Each colour times alpha, `(c * a + 128) / 255` as Pillow rounds it.
  private func premultiplied() -> Image {
    mappedColors { color, alpha in
      let product = color * alpha + 128
      return (product >> 8 + product) >> 8
    }
  }

  /// Each colour over alpha, rounded down and at most 255; clear and opaque pixels are kept.
  private func unpremultiplied() -> Image {
    mappedColors { color, alpha in
      alpha == 0 || alpha == 255 ? color : min(255, color * 255 / alpha)
    }
  }

  @inline(__always)
  private func mappedColors(_ map: (UInt32, UInt32) -> UInt32) -> Image {
    Image(width: width, height: height, channels: channels) { out in
      pixels.withUnsafeBufferPointer { source in
        for start in stride(from: 0, to: source.count, by: channels) {
          let last = start + channels - 1
          let alpha = UInt32(source[last])
          for i in start..<last {
            out[i] = UInt8(truncatingIfNeeded: map(UInt32(source[i]), alpha))
          }
          out[last] = source[last]
        }
      }
    }
  }
}
