/// At most 256 colours that stand for all of some images.
///
/// Source: Heckbert 1982, median cut, with boxes cut at the mean of the axis that varies most.
package struct ColorPalette: Sendable {
  /// Red, green and blue of each colour.
  package private(set) var colors: [SIMD3<UInt8>]
  /// The index of each colour where the images have no others.
  private var exact: [SIMD3<UInt8>: UInt8]?

  /// Bits of a channel that tell colours apart.
  private static let bits = 6

  /// Chooses colours for images of 3 or 4 channels, whose alpha is not looked at.
  ///
  /// - Precondition: `count` is 1 to 256.
  package init(of images: [Image], count: Int = 256) {
    precondition((1...256).contains(count), "a palette of \(count) colours")
    var seen: Set<SIMD3<UInt8>> = []
    search: for image in images {
      for pixel in image.colorPixels where seen.insert(pixel).inserted && seen.count > count {
        break search
      }
    }
    guard seen.count > count else {
      colors = seen.sorted { ($0.x, $0.y, $0.z) < ($1.x, $1.y, $1.z) }
      exact = Dictionary(
        uniqueKeysWithValues: colors.enumerated().map { ($1, UInt8($0)) })
      return
    }
    var bins = [Bin](repeating: Bin(), count: 1 << (3 * Self.bits))
    for image in images {
      for pixel in image.colorPixels { bins[Self.bin(of: pixel)].add(pixel) }
    }
    var boxes = [Box(bins.filter { $0.count > 0 })]
    while boxes.count < count {
      guard let widest = boxes.indices.max(by: { boxes[$0].spread < boxes[$1].spread }),
        let (low, high) = boxes[widest].halves
      else { break }
      boxes[widest] = low
      boxes.append(high)
    }
    colors = boxes.map(\.mean)
  }

  /// Returns the index of the colour that stands for each pixel.
  ///
  /// - Parameters:
  ///   - image: 3 or 4 channels.
  ///   - dithers: Whether the errors are spread over the pixels around, where colours are missing.
  ///
  /// Source: Floyd and Steinberg 1976.
  package func indices(of image: Image, dithers: Bool = true) -> [UInt8] {
    if let exact { return image.colorPixels.map { exact[$0] ?? nearest(to: SIMD3(clamping: $0)) } }
    var nearestOfBin = [Int16](repeating: -1, count: 1 << (3 * Self.bits))
    var result: [UInt8] = []
    result.reserveCapacity(image.width * image.height)
    // The errors, times 16, of this row's pixels and the next's, with one pixel more at each end.
    var here = [SIMD3<Int32>](repeating: .zero, count: image.width + 2)
    var below = here
    for (position, pixel) in image.colorPixels.enumerated() {
      let x = position % image.width
      if x == 0 {
        (here, below) = (below, here)
        for index in below.indices { below[index] = .zero }
      }
      var wanted = SIMD3<Int32>(clamping: pixel)
      if dithers {
        wanted &+= (here[x + 1] &+ 8) &>> 4
        wanted.clamp(lowerBound: .zero, upperBound: SIMD3(repeating: 255))
      }
      let bin = Self.bin(of: SIMD3(truncatingIfNeeded: wanted))
      if nearestOfBin[bin] < 0 { nearestOfBin[bin] = Int16(nearest(to: wanted)) }
      let index = Int(nearestOfBin[bin])
      result.append(UInt8(index))
      guard dithers else { continue }
      let error = wanted &- SIMD3<Int32>(clamping: colors[index])
      here[x + 2] &+= error &* 7
      below[x] &+= error &* 3
      below[x + 1] &+= error &* 5
      below[x + 2] &+= error
    }
    return result
  }

  private func nearest(to color: SIMD3<Int32>) -> UInt8 {
    var (best, least) = (0, Int32.max)
    for (index, other) in colors.enumerated() {
      let difference = color &- SIMD3<Int32>(clamping: other)
      let distance = (difference &* difference).wrappedSum()
      if distance < least { (best, least) = (index, distance) }
    }
    return UInt8(best)
  }

  private static func bin(of color: SIMD3<UInt8>) -> Int {
    let high = color &>> UInt8(8 - bits)
    return Int(high.x) << (2 * bits) | Int(high.y) << bits | Int(high.z)
  }
}

/// The pixels whose colours have the same high bits.
private struct Bin {
  var count = 0
  var sum = SIMD3<Int>.zero

  mutating func add(_ color: SIMD3<UInt8>) {
    count += 1
    sum &+= SIMD3<Int>(clamping: color)
  }

  var mean: SIMD3<Double> { SIMD3<Double>(sum) / Double(count) }
}

/// Bins that one colour stands for.
private struct Box {
  private let bins: [Bin]
  private let center: SIMD3<Double>
  private let axis: Int
  /// The squared deviations along the axis that varies most, summed over all pixels.
  let spread: Double

  init(_ bins: [Bin]) {
    self.bins = bins
    let total = bins.reduce(0) { $0 + $1.count }
    let center = bins.reduce(SIMD3<Int>.zero) { $0 &+ $1.sum }
    let mean = SIMD3<Double>(center) / Double(max(1, total))
    let squares = bins.reduce(SIMD3<Double>.zero) { sum, bin in
      let difference = bin.mean - mean
      return sum + difference * difference * Double(bin.count)
    }
    self.center = mean
    axis = (0..<3).max { squares[$0] < squares[$1] } ?? 0
    spread = bins.count > 1 ? squares.max() : 0
  }

  var mean: SIMD3<UInt8> {
    SIMD3<UInt8>(clamping: SIMD3<Int>(center.rounded(.toNearestOrAwayFromZero)))
  }

  /// The bins on each side of the mean; nil where there is nothing to part.
  var halves: (Box, Box)? {
    guard spread > 0 else { return nil }
    let low = bins.filter { $0.mean[axis] <= center[axis] }
    let high = bins.filter { $0.mean[axis] > center[axis] }
    return low.isEmpty || high.isEmpty ? nil : (Box(low), Box(high))
  }
}

extension Image {
  /// Red, green and blue of each pixel; the image has 3 or 4 channels.
  fileprivate var colorPixels: some Sequence<SIMD3<UInt8>> {
    precondition(channels >= 3, "a palette of an image of \(channels) channels")
    return stride(from: 0, to: pixels.count, by: channels).lazy.map {
      SIMD3(pixels[$0], pixels[$0 + 1], pixels[$0 + 2])
    }
  }
}
