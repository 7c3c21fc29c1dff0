/// A rectangle of pixels.
public struct PixelRect: Sendable, Equatable {
  /// Columns from the left edge.
  public var x: Range<Int>
  /// Rows from the top edge.
  public var y: Range<Int>

  /// The columns `x` of the rows `y`.
  public init(x: Range<Int>, y: Range<Int>) { (self.x, self.y) = (x, y) }
}

extension Image {
  /// Resizes the image as Pillow's `resize` does.
  ///
  /// Two passes in 22-bit fixed point, rows first, rounded to bytes between. With alpha, the
  /// colours are premultiplied to 8 bits before and divided after, so hidden colours do not bleed.
  ///
  /// With `part`, only that part of the resized image is computed, with the bytes that a crop of
  /// the whole would have: enlarging the middle of a thin image then takes little memory.
  ///
  /// - Precondition: Sides of at least 1; `part` is not empty and lies inside the resized image.
  ///
  /// Source: Pillow `Image.resize`, `src/libImaging/Resample.c`.
  public func resized(
    width newWidth: Int, height newHeight: Int, filter: ResizeFilter = .bicubic,
    part: PixelRect? = nil
  ) -> Image {
    precondition(
      newWidth > 0 && newHeight > 0, "cannot resize to \(newWidth)x\(newHeight) pixels")
    let part = part ?? PixelRect(x: 0..<newWidth, y: 0..<newHeight)
    precondition(
      !part.x.isEmpty && !part.y.isEmpty && part.x.lowerBound >= 0 && part.y.lowerBound >= 0
        && part.x.upperBound <= newWidth && part.y.upperBound <= newHeight,
      "the part \(part.x), \(part.y) does not lie inside \(newWidth)x\(newHeight)")
    // Only the pixels that `part` depends on are read.
    let columns = Resampling(from: width, to: newWidth, filter)
    let rows = Resampling(from: height, to: newHeight, filter)
    let (across, down) = (columns.pixels(of: part.x), rows.pixels(of: part.y))
    let source = cropped(
      x: across.lowerBound, y: down.lowerBound, width: across.count, height: down.count)
    guard columns.changesSize || rows.changesSize else { return source }
    func resampled(_ image: Image) -> Image {
      image.averaged(across: columns.block, down: rows.block)
        .resampledAcross(columns, part.x).resampledDown(rows, part.y)
    }
    guard hasAlpha else { return resampled(source) }
    return resampled(source.premultiplied()).unpremultiplied()
  }

  /// Resizes the image to the largest of the same proportions that fits a square of `side` pixels.
  ///
  /// Sides are rounded to nearest and at least 1; smaller images grow.
  /// - Precondition: `side` is at least 1.
  public func fitted(inSquareOf side: Int, filter: ResizeFilter = .bicubic) -> Image {
    precondition(side > 0, "cannot fit an image into \(side) pixels")
    let scale = Double(side) / Double(max(width, height))
    return resized(
      width: max(1, Int((Double(width) * scale).rounded())),
      height: max(1, Int((Double(height) * scale).rounded())), filter: filter)
  }

  private func resampledAcross(_ resampling: Resampling, _ part: Range<Int>) -> Image {
    guard resampling.changesSize else { return self }
    let table = resampling.table(of: part)
    return Image(width: part.count, height: height, channels: channels) { out in
      pixels.withUnsafeBufferPointer { source in
        resampleRows(source, width: width, channels: channels, by: table, to: out)
      }
    }
  }

  private func resampledDown(_ resampling: Resampling, _ part: Range<Int>) -> Image {
    guard resampling.changesSize else { return self }
    let table = resampling.table(of: part)
    return Image(width: width, height: part.count, channels: channels) { out in
      pixels.withUnsafeBufferPointer { source in
        resampleColumns(source, row: width * channels, by: table, to: out)
      }
    }
  }

  /// Averages blocks of pixels; the last block of a line may be smaller.
  private func averaged(across: Int, down: Int) -> Image {
    if across == 1 && down == 1 { return self }
    let (newWidth, newHeight) = ((width + across - 1) / across, (height + down - 1) / down)
    return Image(width: newWidth, height: newHeight, channels: channels) { out in
      pixels.withUnsafeBufferPointer { source in
        for y in 0..<newHeight {
          let lines = y * down..<min(height, (y + 1) * down)
          for x in 0..<newWidth {
            let columns = x * across..<min(width, (x + 1) * across)
            for c in 0..<channels {
              var sum = 0
              for line in lines {
                let start = line * width
                for column in columns { sum += Int(source[(start + column) * channels + c]) }
              }
              let count = lines.count * columns.count
              out[(y * newWidth + x) * channels + c] = UInt8((sum + count / 2) / count)
            }
          }
        }
      }
    }
  }

  /// Multiplies each colour by alpha, `(c * a + 128) / 255` as Pillow rounds it.
  private func premultiplied() -> Image {
    mappedColors { color, alpha in
      let product = color * alpha + 128
      return (product >> 8 + product) >> 8
    }
  }

  /// Divides each colour by alpha, rounded down and at most 255; clear and opaque pixels are kept.
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
