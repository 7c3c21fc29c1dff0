/// A square RGB image on which sprites are drawn, antialiased, at any position and size.
struct Canvas {
  let side: Int
  private(set) var pixels: [UInt8]

  /// Makes a canvas of one colour.
  init(side: Int, color: (UInt8, UInt8, UInt8)) {
    self.side = side
    pixels = [UInt8](repeating: color.0, count: side * side * 3)
    if color.0 != color.1 || color.0 != color.2 {
      fill(x: 0..<side, y: 0..<side, color)
    }
  }

  mutating func fill(x: Range<Int>, y: Range<Int>, _ color: (UInt8, UInt8, UInt8)) {
    let x = x.clamped(to: 0..<side)
    for row in y.clamped(to: 0..<side) {
      var index = (row * side + x.lowerBound) * 3
      for _ in x {
        pixels[index] = color.0
        pixels[index + 1] = color.1
        pixels[index + 2] = color.2
        index += 3
      }
    }
  }

  /// Draws a sprite into the square of `size` pixels whose top left corner is (`x`, `y`).
  ///
  /// A triangle filter as wide as a source pixel on the canvas, and at least as wide as a canvas
  /// pixel, antialiases reduced sprites.
  ///
  /// Range: pixels, fractions allowed.
  mutating func draw(_ sprite: Sprite, x: Double, y: Double, size: Double, flipped: Bool = false) {
    let columns = Resampling(
      source: sprite.width, origin: x, size: size, limit: side, flipped: flipped)
    let rows = Resampling(source: sprite.height, origin: y, size: size, limit: side, flipped: false)
    guard !columns.range.isEmpty, !rows.range.isEmpty else { return }
    let width = columns.range.count
    let between = Self.horizontal(sprite, columns)
    let side = side
    between.withUnsafeBufferPointer { between in
      pixels.withUnsafeMutableBufferPointer { pixels in
        for (row, y) in rows.range.enumerated() {
          let first = rows.firsts[row]
          let taps = rows.offsets[row]..<rows.offsets[row + 1]
          for column in 0..<width {
            var sum = SIMD4<Float>.zero
            for tap in taps {
              let source = first + tap - taps.lowerBound
              sum += between[source * width + column] * rows.weights[tap]
            }
            if sum.w <= 0 { continue }
            let rest = 1 - min(1, sum.w * (1 / 255))
            let index = (y * side + columns.range.lowerBound + column) * 3
            pixels[index] = Self.byte(sum.x + Float(pixels[index]) * rest)
            pixels[index + 1] = Self.byte(sum.y + Float(pixels[index + 1]) * rest)
            pixels[index + 2] = Self.byte(sum.z + Float(pixels[index + 2]) * rest)
          }
        }
      }
    }
  }

  /// Resamples the rows of the sprite to the columns of the canvas.
  private static func horizontal(_ sprite: Sprite, _ columns: Resampling) -> [SIMD4<Float>] {
    let width = columns.range.count
    return [SIMD4<Float>](unsafeUninitializedCapacity: width * sprite.height) { buffer, count in
      sprite.pixels.withUnsafeBytes { source in
        for row in 0..<sprite.height {
          let line = row * sprite.width
          for column in 0..<width {
            let taps = columns.offsets[column]..<columns.offsets[column + 1]
            var at = (line + columns.firsts[column]) * 4
            var sum = SIMD4<Float>.zero
            for tap in taps {
              let pixel = source.loadUnaligned(fromByteOffset: at, as: SIMD4<UInt8>.self)
              sum += SIMD4<Float>(pixel) * columns.weights[tap]
              at += 4
            }
            buffer.initializeElement(at: row * width + column, to: sum)
          }
        }
      }
      count = width * sprite.height
    }
  }

  private static func byte(_ value: Float) -> UInt8 {
    UInt8(max(0, min(255, value + 0.5)))
  }
}

/// The weights of a line of source pixels for each pixel of a line of the canvas.
struct Resampling {
  /// The canvas pixels that are written.
  let range: Range<Int>
  /// The first source pixel of each.
  private(set) var firsts: [Int] = []
  /// Where the weights of each begin, and where the last end.
  private(set) var offsets: [Int] = [0]
  private(set) var weights: [Float] = []

  init(source: Int, origin: Double, size: Double, limit: Int, flipped: Bool) {
    let start = max(0, Int(origin.rounded(.down)))
    let end = min(limit, Int((origin + size).rounded(.up)))
    range = start < end && size > 0 ? start..<end : 0..<0
    let scale = Double(source) / size
    let support = max(1, scale)
    for target in range {
      var centre = (Double(target) + 0.5 - origin) * scale
      if flipped { centre = Double(source) - centre }
      let low = Int((centre - support).rounded(.down))
      let high = Int((centre + support).rounded(.up))
      var first: Int?
      var total = 0.0
      var taps: [Float] = []
      for tap in stride(from: low, through: high, by: 1) {
        let weight = 1 - abs(Double(tap) + 0.5 - centre) / support
        if weight <= 1e-6 { continue }
        // Weights outside the sprite count too: everything is transparent there.
        total += weight
        guard (0..<source).contains(tap) else { continue }
        first = first ?? tap
        taps.append(Float(weight))
      }
      firsts.append(first ?? 0)
      weights.append(contentsOf: taps.map { $0 / Float(total) })
      offsets.append(weights.count)
    }
  }
}
