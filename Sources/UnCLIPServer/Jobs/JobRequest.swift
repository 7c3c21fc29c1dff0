public import Config

/// What a client asks for: one operation with its settings, as the jobs API's JSON holds it.
///
/// The files it names lie in the server's store, by the hash of their content. Keys that an operation
/// does not take are refused when the request is checked.
public struct JobRequest: Codable, Sendable, Equatable {
  /// What is done.
  public enum Operation: String, Codable, Sendable, CaseIterable {
    case generate, vary, interpolate, diff, mix, inpaint, outpaint, upscale
    /// Image or text embeddings, as JSON.
    case embed
    /// Scores of labels, as JSON.
    case classify

    /// Whether the result is images.
    public var makesImages: Bool { self != .embed && self != .classify }
  }

  /// A prompt or a file of the store, with its weight in a mixture.
  public struct Source: Codable, Sendable, Equatable {
    /// The prompt; nil for a file.
    public var prompt: String?
    /// The SHA-256 of a stored file, hexadecimal; nil for a prompt.
    public var file: String?
    /// Its weight in a mixture; 1 if nil.
    public var weight: Double?

    /// Makes a source of a prompt or a file.
    public init(prompt: String? = nil, file: String? = nil, weight: Double? = nil) {
      self.prompt = prompt
      self.file = file
      self.weight = weight
    }
  }

  /// The operation.
  public var operation: Operation
  /// The prompt; nil for operations on images alone.
  public var prompt: String?
  /// What guidance steers away from.
  public var negativePrompt: String?
  /// Images, or frames of an interpolation.
  public var count: Int
  /// Seed of the first image; the server fills it in when it accepts the request.
  public var seed: UInt64?
  /// Side of the images, pixels; nil takes the model's.
  public var size: Int?
  /// Values of `SamplingSettings` by their keys, where they differ from the model's.
  public var settings: [String: JSONValue]
  /// What it is made of, in order.
  public var sources: [Source]
  /// The stored mask of inpainting; nil takes the image's transparency.
  public var mask: String?
  /// The text that a text difference leads away from.
  public var from: String?
  /// The text that it leads to.
  public var to: String?
  /// How far a text difference goes, 0 to 1.
  public var theta: Double?
  /// `fresh` or `inverted`: where the decoder starts.
  public var noise: String?
  /// How much of a starting image is made anew, 0 to 1.
  public var strength: Double?
  /// Pixels over which inpainting blends.
  public var feather: Int?
  /// Pixels to add on the left.
  public var left: Int?
  /// Pixels to add at the top.
  public var top: Int?
  /// Pixels to add on the right.
  public var right: Int?
  /// Pixels to add at the bottom.
  public var bottom: Int?
  /// `first` or `second`: which upsampler enlarges; the first if nil.
  public var upsampler: String?
  /// Labels to classify by.
  public var labels: [String]?
  /// Whether steps carry previews, a few a second, of which a slow listener is told the newest.
  public var previews: Bool
  /// How many previews of each image, evenly over its steps, every listener is told.
  public var partialImages: Int

  enum CodingKeys: String, CodingKey, CaseIterable {
    case operation, prompt, seed, size, settings, sources, mask, from, to, theta, noise, strength
    case feather, left, top, right, bottom, upsampler, labels, previews
    case negativePrompt = "negative_prompt"
    case count = "n"
    case partialImages = "partial_images"
  }

  /// Makes a request for one image.
  public init(_ operation: Operation, prompt: String? = nil) {
    self.operation = operation
    self.prompt = prompt
    count = 1
    settings = [:]
    sources = []
    previews = false
    partialImages = 0
  }

  /// Reads a request; what is missing has its default.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    operation = try values.decode(Operation.self, forKey: .operation)
    prompt = try values.decodeIfPresent(String.self, forKey: .prompt)
    negativePrompt = try values.decodeIfPresent(String.self, forKey: .negativePrompt)
    count = try values.decodeIfPresent(Int.self, forKey: .count) ?? 1
    seed = try values.decodeIfPresent(UInt64.self, forKey: .seed)
    size = try values.decodeIfPresent(Int.self, forKey: .size)
    settings = try values.decodeIfPresent([String: JSONValue].self, forKey: .settings) ?? [:]
    sources = try values.decodeIfPresent([Source].self, forKey: .sources) ?? []
    mask = try values.decodeIfPresent(String.self, forKey: .mask)
    from = try values.decodeIfPresent(String.self, forKey: .from)
    to = try values.decodeIfPresent(String.self, forKey: .to)
    theta = try values.decodeIfPresent(Double.self, forKey: .theta)
    noise = try values.decodeIfPresent(String.self, forKey: .noise)
    strength = try values.decodeIfPresent(Double.self, forKey: .strength)
    feather = try values.decodeIfPresent(Int.self, forKey: .feather)
    left = try values.decodeIfPresent(Int.self, forKey: .left)
    top = try values.decodeIfPresent(Int.self, forKey: .top)
    right = try values.decodeIfPresent(Int.self, forKey: .right)
    bottom = try values.decodeIfPresent(Int.self, forKey: .bottom)
    upsampler = try values.decodeIfPresent(String.self, forKey: .upsampler)
    labels = try values.decodeIfPresent([String].self, forKey: .labels)
    previews = try values.decodeIfPresent(Bool.self, forKey: .previews) ?? false
    partialImages = try values.decodeIfPresent(Int.self, forKey: .partialImages) ?? 0
  }

  /// The stored files that it needs.
  public var files: Set<String> { Set(sources.compactMap(\.file) + [mask].compactMap { $0 }) }
}
