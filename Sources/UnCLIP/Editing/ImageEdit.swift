public import Imaging

/// What an edit starts from: something that has a CLIP image embedding z_i and a noise x_T.
public enum ImageSource: Sendable, Equatable {
  /// A prompt: z_i is the prior's, x_T the noise that generating it starts from.
  case prompt(String)
  /// An image: z_i is the image encoder's, x_T comes from inverting the decoder.
  case image(Image)
  /// An image that was encoded and inverted before.
  case latent(ImageLatent)
}

/// Images made from others through their embeddings and noises.
///
/// Each frame mixes the sources with weights, may move towards a difference of two texts, and is
/// decoded. The static functions make the edits of the paper; their frames can be changed.
///
/// ```swift
/// let edit = try ImageEdit.interpolation(between: [.image(cat), .prompt("a lion")], frames: 8)
/// let images = try pipeline.images(for: ImageRequest(prompt: "", seed: 7), editing: edit)
/// ```
///
/// Source: paper section 3.
public struct ImageEdit: Sendable, Equatable {
  /// What the frames are mixed from; each is encoded and inverted once.
  public var sources: [ImageSource]
  /// One image each.
  public var frames: [Frame]
  /// What the frames move towards.
  public var difference: TextDifference?
  /// Where denoising starts.
  public var noise: Noise

  /// One image of an edit.
  public struct Frame: Sendable, Equatable {
    /// The weight of each source; only their ratios matter.
    public var weights: [Double]
    /// How far the embedding moves towards the ``ImageEdit/difference``, as a fraction of the
    /// angle.
    public var theta: Double

    /// Groups the two.
    public init(weights: [Double], theta: Double = 0) {
      self.weights = weights
      self.theta = theta
    }
  }

  /// Where denoising starts.
  public enum Noise: String, Sendable, Codable, CaseIterable {
    /// From noise of the seed, the same for all frames.
    case fresh
    /// From the noises of the sources, mixed as their embeddings are.
    case inverted
  }

  /// The difference of two texts, as a direction in CLIP's space: `normalise(z_to − z_from)`.
  public struct TextDifference: Sendable, Equatable {
    /// What describes the image as it is; may be empty.
    public var from: String
    /// What is to describe it.
    public var to: String

    /// Groups the two.
    public init(from: String, to: String) {
      self.from = from
      self.to = to
    }
  }

  /// Groups all of it.
  public init(
    sources: [ImageSource], frames: [Frame], difference: TextDifference? = nil,
    noise: Noise = .fresh
  ) {
    self.sources = sources
    self.frames = frames
    self.difference = difference
    self.noise = noise
  }

  /// Range: images from one source to the next, both included.
  public static let frameRange = 2...1000
  /// Range: ``Frame/theta``; 0.25 to 0.5 in the paper.
  public static let thetaRange = 0.0...1

  // MARK: The paper's edits

  /// Varies an image: from `fresh` noise all but its content is new; from `inverted` noise it stays
  /// as near as ``SamplingSettings/decoderEta`` allows, and 0 gives it back.
  ///
  /// Source: paper section 3.1.
  public static func variation(of source: ImageSource, noise: Noise = .fresh) -> ImageEdit {
    ImageEdit(sources: [source], frames: [Frame(weights: [1])], noise: noise)
  }

  /// Walks from one source to the next on great circles, `frames` images for each pair, both ends
  /// included: n sources give `(n − 1)(frames − 1) + 1` images.
  ///
  /// Source: paper section 3.2.
  /// - Throws: `RequestError` for fewer than two sources or frames.
  public static func interpolation(
    between sources: [ImageSource], frames: Int, noise: Noise = .inverted
  ) throws(RequestError) -> ImageEdit {
    try check(frames)
    guard sources.count >= 2 else {
      throw .outOfRange("the number of inputs", "\(sources.count)", "at least 2")
    }
    let last = (sources.count - 1) * (frames - 1)
    let path = (0...last).map { index in
      let start = min(index / (frames - 1), sources.count - 2)
      let fraction = Double(index - start * (frames - 1)) / Double(frames - 1)
      var weights = Array(repeating: 0.0, count: sources.count)
      (weights[start], weights[start + 1]) = (1 - fraction, fraction)
      return Frame(weights: weights)
    }
    return ImageEdit(sources: sources, frames: path, noise: noise)
  }

  /// Fills a square of `side` times `side` images, row by row, between four corners: top left, top
  /// right, bottom left, bottom right.
  ///
  /// - Throws: `RequestError` for another number of corners, or a side below 2.
  public static func square(
    between corners: [ImageSource], side: Int, noise: Noise = .inverted
  ) throws(RequestError) -> ImageEdit {
    try check(side)
    guard corners.count == 4 else {
      throw .outOfRange("the number of corners", "\(corners.count)", "4")
    }
    let frames = (0..<side * side).map { index -> Frame in
      let down = Double(index / side) / Double(side - 1)
      let right = Double(index % side) / Double(side - 1)
      let top: [Double] = [(1 - right) * (1 - down), right * (1 - down)]
      return Frame(weights: top + [(1 - right) * down, right * down])
    }
    return ImageEdit(sources: corners, frames: frames, noise: noise)
  }

  /// Moves an image towards the difference of two texts, up to the fraction `theta` of the angle;
  /// its noise stays. Several frames begin with the image itself.
  ///
  /// Source: paper section 3.3.
  /// - Parameters:
  ///   - source: The image.
  ///   - difference: The texts.
  ///   - theta: How far; 0.25 to 0.5 in the paper.
  ///   - frames: Images from 0 to `theta`, both included; nil makes the last alone.
  ///   - noise: Where denoising starts.
  /// - Throws: `RequestError` for a `theta` outside 0 to 1, or fewer than two frames.
  public static func difference(
    of source: ImageSource, by difference: TextDifference, theta: Double, frames: Int? = nil,
    noise: Noise = .inverted
  ) throws(RequestError) -> ImageEdit {
    try check(theta: theta)
    var thetas = [theta]
    if let frames {
      try check(frames)
      thetas = (0..<frames).map { theta * Double($0) / Double(frames - 1) }
    }
    return ImageEdit(
      sources: [source], frames: thetas.map { Frame(weights: [1], theta: $0) },
      difference: difference, noise: noise)
  }

  /// Mixes any number of sources: the spherical mean of their embeddings, with weights.
  ///
  /// - Throws: `RequestError` for weights of which one is negative or not finite, or all are 0.
  public static func mixture(
    of sources: [(source: ImageSource, weight: Double)], noise: Noise = .fresh
  ) throws(RequestError) -> ImageEdit {
    let edit = ImageEdit(
      sources: sources.map(\.source), frames: [Frame(weights: sources.map(\.weight))],
      noise: noise)
    try edit.validate()
    return edit
  }

  // MARK: Checks

  /// Checks every frame.
  /// - Throws: `RequestError.outOfRange` for the first value that is impossible.
  public func validate() throws(RequestError) {
    guard !frames.isEmpty else { throw .outOfRange("the number of frames", "0", "at least 1") }
    for frame in frames {
      guard frame.weights.count == sources.count else {
        throw .outOfRange(
          "the number of weights", "\(frame.weights.count)",
          "\(sources.count), one for each input")
      }
      for (index, weight) in frame.weights.enumerated() where !(weight >= 0 && weight.isFinite) {
        throw .outOfRange(
          "weight \(index + 1)", "\(weight)", "a finite number of at least 0")
      }
      let sum = frame.weights.reduce(0, +)
      guard sum > 0, sum.isFinite else {
        throw .outOfRange("the sum of the weights", "\(sum)", "above 0 and finite")
      }
      try Self.check(theta: frame.theta)
    }
  }

  private static func check(_ frames: Int) throws(RequestError) {
    guard !frameRange.contains(frames) else { return }
    throw .outOfRange(
      "the number of frames", "\(frames)", "\(frameRange.lowerBound) to \(frameRange.upperBound)")
  }

  private static func check(theta: Double) throws(RequestError) {
    guard !thetaRange.contains(theta) else { return }
    throw .outOfRange("theta", "\(theta)", "0 to 1")
  }
}
