/// What a user asks for: a sentence and how to draw it.
public struct ImageRequest: Sendable, Equatable, Codable {
  /// The sentence; empty draws without one.
  public var prompt: String
  /// What guidance steers away from; empty is the paper's unconditional text.
  public var negative: String
  /// Pictures to draw; picture *i* uses the seed `seed + i`.
  public var count: Int
  /// Seed of the first picture.
  public var seed: UInt64
  /// Side of the pictures, pixels: one of the sizes the model can make.
  public var size: Int
  /// How each stage samples; nil takes the model's own default.
  public var prior: StageSettings
  /// See `prior`.
  public var decoder: StageSettings
  /// See `prior`; upsamplers are not guided.
  public var upsampler: StageSettings
  /// Image embeddings drawn by the prior, of which the one nearest to the text is kept
  /// (paper section 2.2); nil takes the model's default.
  public var priorCandidates: Int?

  /// Steps and guidance of one stage.
  public struct StageSettings: Sendable, Equatable, Codable {
    /// Denoising steps, 1 … 1000.
    public var steps: Int?
    /// Guidance scale; 1 is none.
    public var guidance: Double?

    /// Leaves what is nil to the model.
    public init(steps: Int? = nil, guidance: Double? = nil) {
      self.steps = steps
      self.guidance = guidance
    }
  }

  /// A request for one picture with the model's defaults.
  public init(
    prompt: String, negative: String = "", count: Int = 1, seed: UInt64 = 0, size: Int = 256,
    prior: StageSettings = .init(), decoder: StageSettings = .init(),
    upsampler: StageSettings = .init(), priorCandidates: Int? = nil
  ) {
    self.prompt = prompt
    self.negative = negative
    self.count = count
    self.seed = seed
    self.size = size
    self.prior = prior
    self.decoder = decoder
    self.upsampler = upsampler
    self.priorCandidates = priorCandidates
  }

  /// Checks what can be wrong before any work is done.
  /// - Parameter sizes: the sizes the model can make.
  /// - Throws: `RequestError`.
  public func validate(sizes: [Int]) throws(RequestError) {
    guard sizes.contains(size) else { throw .size(size, possible: sizes) }
    guard count >= 1 else { throw .outOfRange("count", "\(count)", "at least 1") }
    for (name, stage) in [("prior", prior), ("decoder", decoder), ("upsampler", upsampler)] {
      if let steps = stage.steps, !(1...1000).contains(steps) {
        throw .outOfRange("\(name) steps", "\(steps)", "1 to 1000")
      }
      if let scale = stage.guidance, !(scale.isFinite && scale >= 0 && scale <= 100) {
        throw .outOfRange("\(name) guidance", "\(scale)", "0 to 100")
      }
    }
    if upsampler.guidance != nil {
      throw .outOfRange("upsampler guidance", "given", "left out: upsamplers are not guided")
    }
    if let candidates = priorCandidates, !(1...64).contains(candidates) {
      throw .outOfRange("prior candidates", "\(candidates)", "1 to 64")
    }
  }
}

/// Why a request cannot be met; one sentence each.
public enum RequestError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The model cannot make pictures of this size.
  case size(Int, possible: [Int])
  /// A value outside its range: name, value, range.
  case outOfRange(String, String, String)

  /// One sentence a user can act on.
  public var description: String {
    switch self {
    case .size(let size, let possible):
      let list = possible.map(String.init).joined(separator: " or ")
      return "size \(size) is not possible with this model; ask for \(list)."
    case .outOfRange(let name, let value, let range):
      return "\(name) is \(value), but it must be \(range)."
    }
  }
}

/// How far a drawing is.
public struct DrawingProgress: Sendable, Equatable {
  /// The parts of the chain, in order.
  public enum Stage: String, Sendable, Codable, CaseIterable {
    /// Sentence to text embedding.
    case text
    /// Text embedding to image embedding.
    case prior
    /// Image embedding to 64 px.
    case decoder
    /// 64 px to 256 px.
    case upsampler
  }
  /// The stage at work.
  public let stage: Stage
  /// Steps done of this stage.
  public let step: Int
  /// Steps of this stage.
  public let stepCount: Int
  /// Index of the picture, from 0.
  public let picture: Int
  /// Pictures asked for.
  public let pictureCount: Int
}
