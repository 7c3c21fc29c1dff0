import CLIP
import Diffusion
public import Imaging
package import Torch

extension UnCLIPPipeline {
  /// Generates a part of an image anew; all else comes back as it was, bit for bit.
  ///
  /// Decoder and upsampler keep the known pixels at each of their steps, and go back as
  /// ``SamplingSettings/resampling`` says. An empty prompt takes the image's own CLIP embedding.
  /// - Parameters:
  ///   - inpainting: The image and its part; ``Inpainting/init(extending:left:top:right:bottom:)``
  ///     makes it larger.
  ///   - settings: Prompt, seed and sampling, best after ``SamplingSettings/prepareForImage()``; the
  ///     size is that of the work, one of the model's.
  ///   - progress: Called at every step; what it throws ends the generation.
  /// - Returns: An image of the inpainting's size.
  /// - Throws: As ``image(_:varying:progress:)``; `RequestError.outOfRange` for a strength or a
  ///   window outside its range.
  public func inpainted(
    _ inpainting: Inpainting, _ settings: GenerationSettings,
    progress: (GenerationProgress) throws -> Void = { _ in }
  ) throws -> Image {
    try Self.check(strength: inpainting.strength)
    if let window = inpainting.window, !Inpainting.windowRange.contains(window) {
      throw RequestError.outOfRange("window", "\(window)", "8 to 8192 pixels")
    }
    let region = Region(
      around: inpainting.part, width: inpainting.image.width, height: inpainting.image.height,
      window: inpainting.window(size: settings.size), size: settings.size,
      multiple: settings.size / decoderSize)
    guard region.workWidth * region.workHeight <= Self.mostWork else {
      throw RequestError.outOfRange(
        "window", "\(inpainting.window(size: settings.size))",
        "larger for a part of this size: the work would be \(region.workWidth)x"
          + "\(region.workHeight) pixels, over the limit of \(Self.mostWork)")
    }
    let canvas = Canvas(inpainting, region)
    let own = settings.prompt.isEmpty ? inpainting.original ?? canvas.image : nil
    let work = try image(settings, embeddingOf: own, on: canvas, progress: progress)
    return inpainting.completed(
      with: work.resized(width: region.width, height: region.height), x: region.x, y: region.y)
  }

  /// The most pixels of an inpainting's work, which takes some hundred bytes of each.
  private static let mostWork = 1 << 24

  /// Generates an image of a prompt that starts from another image.
  ///
  /// Decoder and upsampler start from its central square, noised to `strength` of their process:
  /// little of it stays near 1, and nearly all near 0. At 1 this is ``image(_:varying:progress:)``.
  /// ``SamplingSettings/prepareForImage()`` makes sure of steps enough.
  /// - Throws: As that; `RequestError.outOfRange` for a strength outside its range.
  public func image(
    _ settings: GenerationSettings, startingFrom original: Image, strength: Double,
    progress: (GenerationProgress) throws -> Void = { _ in }
  ) throws -> Image {
    try Self.check(strength: strength)
    let canvas = Canvas(startingFrom: original, strength: strength, size: settings.size)
    return try image(settings, embeddingOf: nil, on: canvas, progress: progress)
  }

  /// Enlarges an image of any size fourfold: an upsampler alone.
  ///
  /// It sees one tile after the other, at each step, and takes the weighted mean where tiles
  /// overlap. So the network's memory is that of one tile, beside 116 bytes for each pixel of the
  /// result (measured; <doc:Inpaint>). Transparency is enlarged without the model.
  /// - Parameters:
  ///   - image: The image.
  ///   - level: Which upsampler; the second is trained for larger images that are not clean.
  ///   - sampling: nil takes the model's.
  ///   - seed: Seed of the image's random source.
  ///   - tile: Side of a tile, pixels of the image: a multiple of ``tileMultiple(of:)``; nil takes the
  ///     side of the images that the upsampler is trained for.
  ///   - progress: Called at every step; what it throws ends the work.
  /// - Throws: `RequestError` for an image that would become too large, or a tile outside its
  ///   range; as ``upsampled(_:by:given:windows:settings:using:onStep:)``.
  public func upscaled(
    _ image: Image, by level: Upsampler.Level = .first, sampling: SamplingSettings? = nil,
    seed: UInt64, tile: Int? = nil, progress: (GenerationProgress) throws -> Void = { _ in }
  ) throws -> Image {
    let factor = Upsampler.factor
    let (width, height) = (image.width * factor, image.height * factor)
    guard width * height <= ImageLimits.default.pixels else {
      throw RequestError.outOfRange(
        "the size of the enlarged image", "\(width)x\(height) pixels",
        "at most \(ImageLimits.default.pixels) pixels")
    }
    let multiple = try tileMultiple(of: level)
    let usual = sizes[level.index]
    var tile = tile ?? usual
    guard Self.tileRange.contains(tile), tile.isMultiple(of: multiple) else {
      throw RequestError.outOfRange(
        "tile", "\(tile)",
        "\(Self.tileRange.lowerBound) to \(Self.tileRange.upperBound) and a multiple of \(multiple)"
      )
    }
    let settings = sampling ?? defaults.sampling
    try settings.validate()
    let longest = (max(image.width, image.height) + multiple - 1) / multiple * multiple
    tile = min(tile, max(longest, usual))
    let colors = image.composited(over: (255, 255, 255))
    // The edge goes on where an image is smaller than a tile.
    let small = Tensor(images: [colors], range: .symmetric, device: device).padded(
      [0, max(0, tile - image.width), 0, max(0, tile - image.height)], mode: .replicate)
    let (_, _, h, w) = small.shape4
    let windows =
      h == tile && w == tile
      ? nil
      : Windows(
        height: h * factor, width: w * factor, side: tile * factor, overlap: tile * factor / 4)
    let large = try Self.reporting(
      windows, level.stage, settings[level].steps, progress
    ) { windows, onStep in
      try upsampled(
        small, by: level, windows: windows, settings: settings, using: RandomSource(seed: seed),
        onStep: onStep)
    }
    return Image(
      large.narrowed(2, start: 0, count: height).narrowed(3, start: 0, count: width)
    ).withTransparency(of: image)
  }

  /// Range: tiles of ``upscaled(_:by:sampling:seed:tile:progress:)``, pixels.
  public static let tileRange = 8...4096

  /// What the side of a tile is a multiple of, pixels.
  /// - Throws: `ModelFolderError` and `ConfigError` when the upsampler is missing or broken.
  public func tileMultiple(of level: Upsampler.Level = .first) throws -> Int {
    try folder.require([level.part])
    let config = try UNetConfig.read(at: folder.configuration(of: level.part))
    return max(1, config.downsampling / Upsampler.factor)
  }

  /// Generates images of a prompt and ranks them by CLIP score.
  ///
  /// - Parameters:
  ///   - request: What to generate; all of its images are generated.
  ///   - progress: Called at every step; what it throws ends the generation.
  /// - Returns: The images, the best first.
  /// - Throws: As ``images(for:varying:progress:)`` and ``clipScore(of:for:)``.
  public func rankedImages(
    for request: ImageRequest, progress: (GenerationProgress) throws -> Void = { _ in }
  ) throws -> [RankedImage] {
    try folder.require([.imageEncoder])
    var settings = try settings(for: request)
    let images = try images(for: request, progress: progress)
    let ranked = try images.enumerated().map { index, image in
      settings.seed = request.seed &+ UInt64(index)
      return RankedImage(
        image: image, settings: settings,
        score: try clipScore(of: image, for: request.prompt))
    }
    return ranked.sorted { $0.score > $1.score }
  }

  /// How well an image fits a text: 100 times the cosine of their CLIP embeddings.
  ///
  /// Source: Hessel et al. 2021 (CLIPScore), without its factor and its floor at 0.
  /// - Throws: As ``embedding(of:)``.
  public func clipScore(of image: Image, for text: String) throws -> Double {
    clipScore(ofEmbedding: try embedding(of: image), for: text)
  }

  /// The same of an image whose embedding is there, `[1, D]`, raw.
  package func clipScore(ofEmbedding embedding: Tensor, for text: String) -> Double {
    let wanted = textEncoder([text], normalized: true)
    return 100 * (embedding.to(.float32).normalized() * wanted).sum().item()
  }

  private static func check(strength: Double) throws(RequestError) {
    guard strength > 0, Inpainting.strengthRange.contains(strength) else {
      throw .outOfRange("strength", "\(strength)", "more than 0 and at most 1")
    }
  }
}

/// A generated image and how well it fits its prompt.
public struct RankedImage: Sendable {
  /// The image.
  public let image: Image
  /// What it was made with.
  public let settings: GenerationSettings
  /// The CLIP score, see ``UnCLIPPipeline/clipScore(of:for:)``.
  public let score: Double
}

extension Image {
  /// Returns this opaque image with another's transparency, enlarged to its size.
  ///
  /// The colours were blended over white, and here are those that give the same over white again.
  func withTransparency(of original: Image) -> Image {
    guard original.hasAlpha else { return self }
    let alpha = Image(
      width: original.width, height: original.height, channels: 1,
      pixels: stride(from: original.channels - 1, to: original.pixels.count, by: original.channels)
        .map { original.pixels[$0] }
    ).resized(width: width, height: height)
    var pixels: [UInt8] = []
    pixels.reserveCapacity(width * height * 4)
    for (position, a) in alpha.pixels.enumerated() {
      for sample in self.pixels[position * 3..<position * 3 + 3] {
        let color = a == 0 ? 255 : (Int(sample) * 255 - (255 - Int(a)) * 255) / Int(a)
        pixels.append(UInt8(min(max(color, 0), 255)))
      }
      pixels.append(a)
    }
    return Image(width: width, height: height, channels: 4, pixels: pixels)
  }
}
