public import Imaging

/// An image of which a part is generated anew, and which part.
///
/// What is worked on is the square that holds the part with some of the image around it, at the
/// model's size; the result is brought back to the image's size and put into the part alone. Pixels
/// outside the part come back as they were, bit for bit.
public struct Inpainting: Sendable, Equatable {
  /// The image, at its own size.
  public let image: Image
  /// How much of each pixel is generated, row by row: 0 keeps it, 255 replaces it.
  let weights: [UInt8]
  /// Whether the part is what is transparent in the image, which is then opaque in the result.
  let fillsTransparency: Bool
  /// The pixels that are not kept.
  let part: PixelRect
  /// The image before it was extended; nil where it was not.
  let original: Image?
  /// Side of the square that the model sees at once, pixels of the image; a larger part is covered
  /// with overlapping squares. nil takes the model's size; or, unless the image is extended, the
  /// square that holds the part with a quarter of its side around, if that is larger.
  public var window: Int?
  /// Where generation starts: 1 from noise, less from what the part holds now, noised to that
  /// fraction of the process.
  public var strength = 1.0

  /// Range: ``strength``, without 0 itself.
  public static let strengthRange = 0.0...1
  /// Range: ``window``, pixels.
  public static let windowRange = 8...8192
  /// Range: feathers, pixels.
  public static let featherRange = 0...1024
  /// Range: new space at one side, pixels.
  public static let spaceRange = 0...8192

  /// Takes an image and a mask of its size.
  ///
  /// - Parameters:
  ///   - image: The image; transparency that the part does not cover stays.
  ///   - mask: White where the image is generated anew, black where it stays; or, if the mask has
  ///     transparency, transparent where it is generated anew. nil takes the image's transparency.
  ///   - isInverted: Whether the mask says the opposite.
  ///   - feather: Pixels inside the part over which the old image fades out.
  /// - Throws: `RequestError.mask` for a mask of another size, one that keeps all or nothing, or
  ///   none on an image without transparency; `.outOfRange` for a feather outside its range.
  public init(
    _ image: Image, mask: Image? = nil, isInverted: Bool = false, feather: Int = 0
  ) throws(RequestError) {
    try Self.check("feather", feather, in: Self.featherRange)
    if let mask, (mask.width, mask.height) != (image.width, image.height) {
      throw .mask(.otherSize(mask: ImageSize(mask), image: ImageSize(image)))
    }
    let source = mask ?? image
    let transparency = source.hasAlpha ? source.alphas.map { 255 - $0 } : []
    let isTransparent = transparency.contains { $0 > 0 }
    guard mask != nil || isTransparent else { throw .mask(.noTransparency) }
    var weights = isTransparent ? transparency : source.converted(toChannels: 1).pixels
    if isInverted { weights = weights.map { 255 - $0 } }
    try self.init(
      image, weights: weights, fillsTransparency: mask == nil && !isInverted,
      feather: mask == nil ? 0 : feather)
  }

  /// Takes an image and new space around it, in pixels.
  ///
  /// - Throws: `RequestError.mask` when there is no new space; `.outOfRange` for space outside its
  ///   range, or an image that would be too large.
  public init(
    extending image: Image, left: Int = 0, top: Int = 0, right: Int = 0, bottom: Int = 0
  ) throws(RequestError) {
    for (name, space) in [("left", left), ("top", top), ("right", right), ("bottom", bottom)] {
      try Self.check("space at the \(name)", space, in: Self.spaceRange)
    }
    let (width, height) = (image.width + left + right, image.height + top + bottom)
    guard width * height <= ImageLimits.default.pixels else {
      throw .outOfRange(
        "the size of the new image", "\(width)x\(height) pixels",
        "at most \(ImageLimits.default.pixels) pixels")
    }
    let white = [UInt8](repeating: 255, count: image.hasAlpha ? image.channels - 1 : image.channels)
    let canvas = image.padded(
      left: left, top: top, right: right, bottom: bottom,
      color: white + (image.hasAlpha ? [0] : []))
    var mask = Image(width: canvas.width, height: canvas.height, color: [255])
    mask.paste(Image(width: image.width, height: image.height, color: [0]), x: left, y: top)
    try self.init(
      canvas, weights: mask.pixels, fillsTransparency: false, feather: 0, original: image)
  }

  private init(
    _ image: Image, weights: [UInt8], fillsTransparency: Bool, feather: Int,
    original: Image? = nil
  ) throws(RequestError) {
    guard let part = Self.bounds(of: weights, width: image.width) else {
      throw .mask(.keepsAll)
    }
    guard weights.contains(where: { $0 < 255 }) else { throw .mask(.keepsNothing) }
    self.image = image
    self.weights =
      feather > 0
      ? Self.feathered(weights, in: part, width: image.width, by: feather) : weights
    self.fillsTransparency = fillsTransparency
    self.part = part
    self.original = original
  }

  private static func check(
    _ name: String, _ value: Int, in range: ClosedRange<Int>
  ) throws(RequestError) {
    guard !range.contains(value) else { return }
    throw .outOfRange(name, "\(value)", "\(range.lowerBound) to \(range.upperBound) pixels")
  }

  /// The smallest rectangle around all that is not 0; nil if all is.
  private static func bounds(of weights: [UInt8], width: Int) -> PixelRect? {
    var columns: Range<Int>?
    var rows: Range<Int>?
    for y in 0..<weights.count / width {
      let line = weights[y * width..<(y + 1) * width]
      guard let first = line.firstIndex(where: { $0 > 0 }),
        let last = line.lastIndex(where: { $0 > 0 })
      else { continue }
      let (left, right) = (first - y * width, last - y * width + 1)
      columns = min(columns?.lowerBound ?? left, left)..<max(columns?.upperBound ?? right, right)
      rows = (rows?.lowerBound ?? y)..<y + 1
    }
    guard let columns, let rows else { return nil }
    return PixelRect(x: columns, y: rows)
  }

  /// Fades the weights towards the pixels that are kept, over `feather` pixels of the part.
  ///
  /// Distances are those of a chamfer of 3 and 4 thirds of a pixel. Source: Borgefors 1986.
  private static func feathered(
    _ weights: [UInt8], in part: PixelRect, width: Int, by feather: Int
  ) -> [UInt8] {
    let height = weights.count / width
    let far = 3 * (feather + 1)
    var distance = weights.map { $0 == 0 ? 0 : far }
    func relax(_ x: Int, _ y: Int, _ neighbours: [(x: Int, y: Int, cost: Int)]) {
      var best = distance[y * width + x]
      for n in neighbours {
        let (nx, ny) = (x + n.x, y + n.y)
        guard nx >= 0, nx < width, ny >= 0, ny < height else { continue }
        best = min(best, distance[ny * width + nx] + n.cost)
      }
      distance[y * width + x] = best
    }
    let before = [(-1, 0, 3), (0, -1, 3), (-1, -1, 4), (1, -1, 4)].map {
      (x: $0.0, y: $0.1, cost: $0.2)
    }
    let after = before.map { (x: -$0.x, y: -$0.y, cost: $0.cost) }
    for y in part.y { for x in part.x { relax(x, y, before) } }
    for y in part.y.reversed() { for x in part.x.reversed() { relax(x, y, after) } }
    return zip(weights, distance).map { UInt8((Int($0) * min($1, far) + far / 2) / far) }
  }

  /// The square that the model of a size sees at once, pixels of the image.
  func window(size: Int) -> Int {
    let side = max(part.x.count, part.y.count)
    let fitting = original == nil ? max(size, side + side / 2) : size
    return min(window ?? fitting, max(image.width, image.height))
  }

  /// Puts the generated pixels of a rectangle, as RGB, into the image.
  func completed(with generated: Image, x left: Int, y top: Int) -> Image {
    let hasAlpha = image.hasAlpha && !fillsTransparency
    let old = image.converted(toChannels: image.hasAlpha ? 4 : 3)
    let count = hasAlpha ? 4 : 3
    var pixels = old.converted(toChannels: count).pixels
    for y in part.y {
      for x in part.x {
        let position = y * image.width + x
        let new = UInt32(weights[position])
        guard new > 0 else { continue }
        let fresh = generated[x - left, y - top]
        let out = position * count
        // Straight alpha: colours count by it. What fills transparency is beneath, and so opaque.
        let alpha =
          old.hasAlpha && !fillsTransparency ? UInt32(old.pixels[position * 4 + 3]) : 255
        let kept = (255 - new) * alpha
        let total = new * 255 + kept
        for c in 0..<3 {
          let before = UInt32(old.pixels[position * old.channels + c])
          let sum = new * 255 * UInt32(fresh[fresh.startIndex + c]) + kept * before
          pixels[out + c] = UInt8((sum + total / 2) / total)
        }
        if hasAlpha { pixels[out + 3] = UInt8((total + 127) / 255) }
      }
    }
    return Image(width: image.width, height: image.height, channels: count, pixels: pixels)
  }
}

extension Image {
  /// The samples of the last channel.
  fileprivate var alphas: [UInt8] {
    stride(from: channels - 1, to: pixels.count, by: channels).map { pixels[$0] }
  }
}
