public import Config
public import Torch
import TorchNN

/// The shape of a ``CodeTransformer``.
public struct CodeTransformerConfig: CodePriorConfig {
  /// The grid of codes.
  public var codes: CodeGrid
  /// Width of the residual stream.
  public var width: Int
  /// Transformer blocks.
  public var depth: Int
  /// Attention heads.
  public var heads: Int

  /// Groups the values.
  public init(codes: CodeGrid, width: Int, depth: Int, heads: Int) {
    self.codes = codes
    self.width = width
    self.depth = depth
    self.heads = heads
  }

  /// Checks each value.
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  public func validate(file: String) throws(ConfigError) {
    try codes.validate(file: file)
    let check = ConfigCheck(model: file)
    try check.count("width", width)
    try check.count("depth", depth, in: 1...ConfigLimit.layers)
    try check.count("heads", heads)
    try check.divides("heads", heads, width, of: "width")
    let square = Double(width) * Double(width)
    try check.weights(
      Double(depth) * 12 * square + codes.weightEstimate(width: width), "width", width)
  }
}

/// A causal transformer over codes: each position attends to all before it.
///
/// The input at position i is the sum of the embeddings of the code before it, of the position and
/// of the condition.
/// Source: Vaswani et al. 2017, equation 1; the order of norms is that of Radford et al. 2019.
public final class CodeTransformer: CodePrior {
  /// Its name in commands and model folders.
  public static let kind = ClassicKind("transformer")
  /// Returns the number of transformer blocks.
  public static func blockCount(of config: CodeTransformerConfig) -> Int { config.depth }
  /// Its shape.
  public let config: CodeTransformerConfig
  /// One row per code, and one for the start.
  let embedding: Embedding
  let position: Parameter
  let condition: ConditionEmbedding
  let blocks: [CausalBlock]
  let norm: LayerNorm
  let toLogits: Linear

  /// Makes a model with new weights.
  public init(_ config: CodeTransformerConfig, using random: RandomSource) {
    self.config = config
    embedding = Embedding(config.codes.codebookSize + 1, config.width, using: random)
    embedding.weight.initialize(.normal(deviation: 0.02), using: random)
    position = Parameter(
      [config.codes.count, config.width], .normal(deviation: 0.02), using: random)
    condition = ConditionEmbedding(config.codes.condition, width: config.width, using: random)
    blocks = (0..<config.depth).map { _ in
      CausalBlock(width: config.width, heads: config.heads, using: random)
    }
    norm = LayerNorm(config.width)
    toLogits = Linear(config.width, config.codes.codebookSize, using: random)
  }

  /// `log p` up to a constant of each code given those before it: `[B, h, w]` to `[B, h, w, K]`.
  public func logits(_ codes: Tensor, condition given: Tensor?) -> Tensor {
    let (grid, count) = (config.codes, codes.dim(0))
    let c = condition(given, count: count, width: config.width, device: codes.device)
    let x = embedding(grid.shifted(codes)) + position.value + c.unsqueezed(1)
    return toLogits(norm(blocks(x))).reshaped(count, grid.height, grid.width, grid.codebookSize)
  }

  /// Starts to write codes: it caches keys and values, so each position costs one row.
  public func writer(_ count: Int, condition given: Tensor?) -> any CodeWriter {
    Writer(self, count, given)
  }

  private final class Writer: CodeWriter {
    private let model: CodeTransformer
    private let c: Tensor
    private var cache = KeyValueCache()

    init(_ model: CodeTransformer, _ count: Int, _ given: Tensor?) {
      self.model = model
      c = model.condition(
        given, count: count, width: model.config.width, device: model.position.value.device)
    }

    func next(after last: Tensor?) -> Tensor {
      let code = last ?? model.config.codes.start(c.dim(0), device: c.device)
      let x = (model.embedding(code) + model.position.value[cache.count] + c).unsqueezed(1)
      return model.toLogits(model.norm(model.blocks(x, growing: &cache)).squeezed(1))
    }
  }
}
