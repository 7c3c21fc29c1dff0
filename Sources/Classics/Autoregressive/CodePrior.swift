public import Config
public import Torch
public import TorchNN

/// What a prior over codes is conditioned on.
public struct CodeCondition: Codable, Sendable, Equatable {
  /// The kinds of conditions.
  public enum Kind: String, ConfigChoice {
    /// Nothing.
    case none
    /// A class, `[B]` int64.
    case `class`
    /// An embedding of a caption, `[B, size]`.
    case embedding
  }

  /// The kind.
  public var kind: Kind
  /// The number of classes, or the width of the embedding; 0 for none.
  public var size: Int

  /// Groups the values.
  public init(kind: Kind, size: Int) {
    self.kind = kind
    self.size = size
  }
}

/// The grid of codes that a prior samples, row by row from the top left.
public struct CodeGrid: Codable, Sendable, Equatable {
  /// K, the number of codes.
  public var codebookSize: Int
  /// Rows.
  public var height: Int
  /// Columns.
  public var width: Int
  /// What the prior is conditioned on.
  public var condition: CodeCondition

  enum CodingKeys: String, CodingKey {
    case height, width, condition
    case codebookSize = "codebook_size"
  }

  /// Groups the values.
  public init(codebookSize: Int, height: Int, width: Int, condition: CodeCondition) {
    self.codebookSize = codebookSize
    self.height = height
    self.width = width
    self.condition = condition
  }

  /// Codes in an image.
  var count: Int { height * width }

  /// Checks each value.
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  func validate(file: String) throws(ConfigError) {
    let check = ConfigCheck(model: file).section("codes")
    try check.count("codebook_size", codebookSize, in: 1...ConfigLimit.vocabulary)
    try check.count("height", height, in: 1...ConfigLimit.side)
    try check.count("width", width, in: 1...ConfigLimit.side)
    try check.require(
      count <= ConfigLimit.positions, "height", height,
      "\(height) rows of \(width) are \(count) codes, and at most \(ConfigLimit.positions) are "
        + "supported")
    let size = check.section("condition")
    if condition.kind == .none {
      try size.require(condition.size == 0, "size", condition.size, "without a condition it is 0")
    } else {
      try size.count("size", condition.size, in: 1...ConfigLimit.vocabulary)
    }
  }
}

extension CodeGrid {
  /// Estimates the weights of the embeddings and of the logits of a prior of a width.
  func weightEstimate(width: Int) -> Double {
    Double(2 * codebookSize + count + condition.size) * Double(width)
  }
}

/// How codes are sampled from a prior's logits.
public struct CodeSampling: Sendable, Equatable {
  /// Divides the logits: below 1 likely codes become likelier; greater than 0.
  public var temperature: Double
  /// Top-k: only so many of the likeliest codes are sampled, and those tied with the last; 0 for
  /// all.
  public var top: Int
  /// Guidance scale s: 0 is the unconditional distribution, 1 the conditioned one, and above 1
  /// follows the condition more: `ℓ = ℓ_uncond + s (ℓ_cond − ℓ_uncond)`.
  ///
  /// Source: Ho & Salimans 2022, equation 6, on logits instead of scores.
  public var guidance: Double

  /// Groups the values.
  public init(temperature: Double = 1, top: Int = 0, guidance: Double = 1) {
    self.temperature = temperature
    self.top = top
    self.guidance = guidance
  }

  /// Returns the probabilities to sample from, `[B, K]`, of logits of the same shape.
  func probabilities(_ logits: Tensor) -> Tensor {
    logits.samplingProbabilities(temperature: temperature, top: top)
  }
}

/// A prior's configuration.
public protocol CodePriorConfig: ClassicConfig {
  /// The grid of codes.
  var codes: CodeGrid { get }
}

/// Samples codes one position at a time, and keeps the state between them.
public protocol CodeWriter: AnyObject {
  /// Returns the logits `[B, K]` of the code at the next position, given all before it.
  ///
  /// - Parameter last: The code chosen for the position before, `[B]`; nil at the first.
  func next(after last: Tensor?) -> Tensor
}

/// A model of grids of codes, `p(z) = Π p(zᵢ | z₁ … zᵢ₋₁, c)` in raster order.
///
/// With such a prior a VQ-VAE generates images: `z ~ p(z)`, then the decoder.
/// Source: van den Oord et al. 2017, section 3.3.
public protocol CodePrior: ClassicModel where Config: CodePriorConfig {
  /// Returns the logits of each code given those before it: codes `[B, h, w]` to `[B, h, w, K]`.
  ///
  /// - Parameters:
  ///   - codes: The grids.
  ///   - condition: Classes `[B]` or embeddings `[B, D]`; nil for unconditional logits.
  func logits(_ codes: Tensor, condition: Tensor?) -> Tensor
  /// Starts to write `count` grids of codes.
  func writer(_ count: Int, condition: Tensor?) -> any CodeWriter
}

extension CodePrior {
  /// The grid of codes.
  public var codes: CodeGrid { config.codes }

  /// Returns the mean of `−log p(zᵢ | z before i)` over all codes, nats.
  public func loss(_ codes: Tensor, condition: Tensor?) -> Tensor {
    let logits = logits(codes, condition: condition)
    return F.crossEntropy(
      logits.reshaped(-1, self.codes.codebookSize), codes.reshaped(-1))
  }

  /// The mean of `−log₂ p` over all codes, bits.
  public func bitsPerCode(_ codes: Tensor, condition: Tensor?) -> Double {
    noGrad { loss(codes, condition: condition) }.item() / 0.693_147_180_559_945_3
  }

  /// Returns the conditions, dropped where `mask` `[B]` is nonzero.
  public func dropping(_ conditions: Tensor, where mask: Tensor) -> Tensor {
    switch codes.condition.kind {
    case .none: return conditions
    case .class:
      // The class after the last stands for none.
      return conditions.masked(fill: mask .!= 0, Double(codes.condition.size))
    case .embedding: return conditions.masked(fill: (mask .!= 0).unsqueezed(1), 0)
    }
  }

  /// Samples grids of codes `[count, h, w]`.
  ///
  /// - Precondition: The temperature is finite and greater than 0.
  public func sample(
    _ count: Int, condition: Tensor?, sampling: CodeSampling = CodeSampling(),
    using random: RandomSource
  ) -> Tensor {
    precondition(
      sampling.temperature > 0 && sampling.temperature.isFinite,
      "codes cannot be sampled at temperature \(sampling.temperature)")
    return noGrad {
      let conditioned = writer(count, condition: condition)
      let unconditional = sampling.guidance == 1 ? nil : writer(count, condition: nil)
      var written: [Tensor] = []
      for _ in 0..<codes.count {
        var logits = conditioned.next(after: written.last).to(.float32)
        if let unconditional {
          let plain = unconditional.next(after: written.last).to(.float32)
          logits = plain + (logits - plain) * sampling.guidance
        }
        let probabilities = sampling.probabilities(logits)
        written.append(random.multinomial(probabilities, 1).squeezed(1))
      }
      return Tensor.stacked(written, over: 1).reshaped(count, codes.height, codes.width)
    }
  }
}

/// Embeds a prior's condition: `[B] or [B, D] -> [B, width]`.
final class ConditionEmbedding: Module {
  private let condition: CodeCondition
  /// One row per class, and one for none.
  let classes: Embedding?
  let projection: Linear?
  /// Replaces a dropped embedding, which is all zeros as no caption's is.
  let missing: Parameter?

  init(_ condition: CodeCondition, width: Int, using random: RandomSource) {
    self.condition = condition
    classes =
      condition.kind == .class ? Embedding(condition.size + 1, width, using: random) : nil
    projection =
      condition.kind == .embedding ? Linear(condition.size, width, using: random) : nil
    missing =
      condition.kind == .embedding
      ? Parameter([width], .normal(deviation: 0.02), using: random) : nil
  }

  /// Embeds `count` conditions; returns zeros for a prior without conditions.
  func callAsFunction(_ given: Tensor?, count: Int, width: Int, device: Device) -> Tensor {
    if let classes {
      let none = Tensor.full(
        [count], Double(condition.size), dtype: .int64, device: device)
      return classes(given ?? none)
    }
    if let projection, let missing {
      let nothing = missing.value.expanded(count, width)
      guard let given else { return nothing }
      let isMissing = (given.abs().sum(over: 1, keepingDims: true) .== 0)
      return Tensor.where(isMissing, nothing, projection(given))
    }
    return Tensor.zeros([count, width], device: device)
  }
}
