import CLIP
public import Torch
public import TorchNN

/// The autoregressive prior: from a prompt to the CLIP embedding of an image of it, token by token.
///
/// The embedding is reduced to its first principal components, each of which is one token. A token
/// of the dot product of text and image embedding stands before them, which is drawn from the top
/// half of its distribution: captions that describe their image well have large ones.
/// Source: paper section 2.2.
public struct AutoregressivePrior {
  /// The network.
  public let transformer: AutoregressiveTransformer
  /// The CLIP whose embeddings it samples.
  public let clip: CLIPFingerprint

  /// Joins a network and what tells its CLIP.
  public init(transformer: AutoregressiveTransformer, clip: CLIPFingerprint) {
    self.transformer = transformer
    self.clip = clip
  }

  /// How tokens are sampled.
  public struct Sampling: Sendable, Equatable {
    /// Divides the logits: below 1 likely tokens become likelier; greater than 0.
    public var temperature: Double
    /// Top-k: only so many of the likeliest tokens are sampled; 0 for all.
    public var top: Int
    /// Guidance scale s: 1 is none, `ℓ = ℓ_uncond + s (ℓ_cond − ℓ_uncond)` on logits.
    public var guidance: Double
    /// The fraction of the dot product's distribution that is sampled, from its top; a half in the
    /// paper, and 1 is all of it.
    public var dotFraction: Double

    /// Groups the values.
    public init(
      temperature: Double = 1, top: Int = 0, guidance: Double = 1, dotFraction: Double = 0.5
    ) {
      self.temperature = temperature
      self.top = top
      self.guidance = guidance
      self.dotFraction = dotFraction
    }
  }

  /// Returns the mean of `−log p` over the token of the dot product and those of all components,
  /// nats; the log gets the dot product's own as `dot_product`.
  ///
  /// - Parameters:
  ///   - images: CLIP embeddings of the images, raw, `[B, D]`.
  ///   - conditioning: Their captions. What replaces a dropped one changes the text alone: the dot
  ///     product stays that of the image's own caption.
  ///   - random: The source of what is dropped.
  public func loss(
    of images: Tensor, _ conditioning: DiffusionPrior.TrainingConditioning,
    using random: RandomSource
  ) -> Losses {
    let (quantizer, text) = (transformer.quantizer, conditioning.text)
    let dropped = random.bernoulli(
      conditioning.textDropRate, [text.count], dtype: .bool, device: text.embedding.device)
    let left = text.replaced(where: dropped, by: conditioning.unconditional)
      .trimmed(by: transformer.gather)
    let dots = quantizer.dotTokens(images: images, texts: text.embedding)
    let tokens = Tensor.concatenated(
      [dots.unsqueezed(1), quantizer.tokens(of: images)], over: 1)  // [B, 1 + K]
    let inputs = tokens.narrowed(1, start: 0, count: quantizer.count)
    let logits = transformer(inputs, text: left).to(.float32)
    let total = F.crossEntropy(
      logits.reshaped(-1, quantizer.buckets), tokens.reshaped(-1))
    let dot = noGrad { F.crossEntropy(logits.selected(1, 0), dots) }
    return Losses(total: total, parts: ["dot_product": dot])
  }

  /// Samples the image embedding of one prompt: `[1, D]`, raw.
  ///
  /// - Parameters:
  ///   - prompt: The encoded prompt.
  ///   - sampling: Temperature, top-k and guidance.
  ///   - candidates: embeddings sampled, of which the one with the largest dot product with the
  ///     text's is kept.
  ///   - random: The source of all random numbers.
  ///   - onToken: called after each token with how many are sampled; what it throws ends the
  ///     sampling.
  /// - Throws: What `onToken` throws.
  public func embedding(
    of prompt: PromptConditioning, sampling: Sampling = Sampling(), candidates: Int = 1,
    using random: RandomSource, onToken: (_ done: Int) throws -> Void = { _ in }
  ) throws -> Tensor {
    let prompts = PromptConditioning(
      text: prompt.text.repeated(candidates), negative: prompt.negative.repeated(candidates))
    let embeddings = try embeddings(
      of: prompts, sampling: sampling, using: random, onToken: onToken)
    return noGrad { embeddings.nearest(to: prompt.text.embedding) }
  }

  /// Samples one image embedding for each of many prompts at once: `[B, D]`, raw; NaN where the
  /// network's values are not finite.
  ///
  /// - Parameters:
  ///   - prompts: The prompts, and as many negative ones.
  ///   - sampling: Temperature, top-k and guidance.
  ///   - random: The source of all random numbers.
  ///   - onToken: As above.
  /// - Throws: What `onToken` throws.
  public func embeddings(
    of prompts: PromptConditioning, sampling: Sampling = Sampling(), using random: RandomSource,
    onToken: (_ done: Int) throws -> Void = { _ in }
  ) throws -> Tensor {
    let quantizer = transformer.quantizer
    return try noGrad {
      do {
        let tokens = try tokens(
          of: prompts, sampling: sampling, using: random, onToken: onToken)
        return quantizer.embeddings(of: tokens.narrowed(1, start: 1, count: quantizer.count))
      } catch is NotFinite {
        // Whoever looks for the cause finds it in the result, as with the other stages.
        return Tensor.full(
          prompts.text.embedding.shape, .nan, device: prompts.text.embedding.device)
      }
    }
  }

  /// Steps of a sampling: the tokens.
  public var tokenCount: Int { 1 + transformer.quantizer.count }

  /// Samples the token of the dot product, then those of the components: `[B, 1 + K]`.
  func tokens(
    of prompts: PromptConditioning, sampling: Sampling, using random: RandomSource,
    onToken: (_ done: Int) throws -> Void = { _ in }
  ) throws -> Tensor {
    let isGuided = sampling.guidance != 1
    let text = prompts.batch(isGuided: isGuided).trimmed()
    var (logits, state) = transformer.start(text)
    let rows = prompts.text.count
    let dot = logits.to(.float32).narrowed(0, start: text.count - rows, count: rows)
    var tokens = [
      try Self.drawn(Self.top(sampling.dotFraction, of: dot.softmax(over: 1)), using: random)
    ]
    try onToken(1)
    for index in 1..<tokenCount {
      let last =
        isGuided
        ? Tensor.concatenated([tokens[index - 1], tokens[index - 1]], over: 0)
        : tokens[index - 1]
      logits = transformer.next(after: last, &state).to(.float32)
      if isGuided {
        let halves = logits.chunked(2, over: 0)
        logits = halves[0] + (halves[1] - halves[0]) * sampling.guidance
      }
      let probabilities = logits.samplingProbabilities(
        temperature: sampling.temperature, top: sampling.top)
      tokens.append(try Self.drawn(probabilities, using: random))
      try onToken(index + 1)
    }
    return Tensor.stacked(tokens, over: 1)
  }

  /// Probabilities that nothing can be sampled from.
  private struct NotFinite: Error {}

  /// Samples a token by each row's weights, `[B, n] -> [B]`.
  private static func drawn(
    _ weights: Tensor, using random: RandomSource
  ) throws(NotFinite) -> Tensor {
    guard weights.isFinite().all().item() != 0 else { throw NotFinite() }
    return random.multinomial(weights, 1).squeezed(1)
  }

  /// Returns the weights of the top fraction of a distribution over ascending buckets,
  /// `[B, n] -> [B, n]`; the bucket in which it begins keeps what of it is above.
  static func top(_ fraction: Double, of probabilities: Tensor) -> Tensor {
    // What lies above each bucket.
    let above = probabilities.flipped(1).cumulativeSum(over: 1).flipped(1) - probabilities
    return Tensor.minimum(probabilities, (above * -1 + fraction).clamped(min: 0))
  }
}

extension Tensor {
  /// Returns the row of `[N, D]` with the largest dot product with a text embedding `[1, D]`, as
  /// `[1, D]`.
  func nearest(to text: Tensor) -> Tensor {
    guard dim(0) > 1 else { return self }
    let closeness = matmul(text.to(.float32).transposed(0, 1))  // [N, 1]
    return narrowed(0, start: closeness.reshaped(dim(0)).argmax(over: 0).itemInt(), count: 1)
  }
}
