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

/// One block's keys and values of the positions so far: `[B, heads, n, width/heads]`.
struct KeyValueCache {
  var keys: Tensor
  var values: Tensor
}

/// One block: `x ← x + attention(norm(x))`, `x ← x + W₂ gelu(W₁ norm(x))`.
final class CausalBlock: Module {
  let norm1: LayerNorm
  let toQkv: Linear
  let toOut: Linear
  let norm2: LayerNorm
  let expand: Linear
  let contract: Linear
  private let heads: Int

  init(width: Int, heads: Int, using random: RandomSource) {
    norm1 = LayerNorm(width)
    toQkv = Linear(width, 3 * width, using: random)
    toOut = Linear(width, width, using: random)
    norm2 = LayerNorm(width)
    expand = Linear(width, 4 * width, using: random)
    contract = Linear(4 * width, width, using: random)
    self.heads = heads
  }

  /// Runs the block, `[B, n, width]` in and out. With a cache, x is the one position after those
  /// in it, and the cache grows by it.
  func callAsFunction(_ x: Tensor, cache: inout KeyValueCache?, isCaching: Bool) -> Tensor {
    let length = x.dim(1)
    precondition(cache == nil || length == 1, "a cache grows by one position at a time")
    // [B, heads, n, width / heads] each
    let qkv = toQkv(norm1(x)).splitHeads(3 * heads).chunked(3, over: 1)
    var (keys, values) = (qkv[1], qkv[2])
    if let cache {
      keys = Tensor.concatenated([cache.keys, keys], over: 2)
      values = Tensor.concatenated([cache.values, values], over: 2)
    }
    // One new position attends to all that is cached; whole rows need the causal mask.
    let attended = F.scaledDotProductAttention(
      qkv[0], keys, values, isCausal: cache == nil && length > 1)
    if isCaching { cache = KeyValueCache(keys: keys, values: values) }
    let h = x + toOut(attended.mergedHeads())
    return h + contract(expand(norm2(h)).gelu())
  }
}

/// A causal transformer over codes: each position attends to all before it.
///
/// `attention(Q, K, V) = softmax(Q Kᵀ/√d + mask) V`, the mask −∞ where j > i. The input at position
/// i is the sum of the embeddings of the code before it, of the position and of the condition.
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
    var x = embedding(grid.shifted(codes)) + position.value + c.unsqueezed(1)
    var none: KeyValueCache?
    for block in blocks { x = block(x, cache: &none, isCaching: false) }
    return toLogits(norm(x)).reshaped(count, grid.height, grid.width, grid.codebookSize)
  }

  /// Starts to write codes: it caches keys and values, so each position costs one row.
  public func writer(_ count: Int, condition given: Tensor?) -> any CodeWriter {
    Writer(self, count, given)
  }

  private final class Writer: CodeWriter {
    private let model: CodeTransformer
    private let c: Tensor
    private var index = 0
    private var caches: [KeyValueCache?]

    init(_ model: CodeTransformer, _ count: Int, _ given: Tensor?) {
      self.model = model
      c = model.condition(
        given, count: count, width: model.config.width, device: model.position.value.device)
      caches = Array(repeating: nil, count: model.blocks.count)
    }

    func next(after last: Tensor?) -> Tensor {
      let code = last ?? model.config.codes.start(c.dim(0), device: c.device)
      var x = (model.embedding(code) + model.position.value[index] + c).unsqueezed(1)
      for (layer, block) in model.blocks.enumerated() {
        x = block(x, cache: &caches[layer], isCaching: true)
      }
      index += 1
      return model.toLogits(model.norm(x).squeezed(1))
    }
  }
}
