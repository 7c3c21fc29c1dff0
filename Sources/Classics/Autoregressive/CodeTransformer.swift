public import Config
public import Torch
import TorchNN

/// The shape of a ``CodeTransformer``.
public struct CodeTransformerConfig: CodePriorConfig {
  /// The grid of codes.
  public var codes: CodeGrid
  /// Numbers at a position.
  public var width: Int
  /// Blocks.
  public var depth: Int
  /// Heads of attention.
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

/// Keys and values of the positions that were written, of one block: `[B, heads, n, width/heads]`.
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

  /// Computes `[B, n, width]` to the same. With a cache, x is the one position after those in it,
  /// by which the cache grows.
  func callAsFunction(_ x: Tensor, cache: inout KeyValueCache?, isCaching: Bool) -> Tensor {
    let length = x.dim(1)
    precondition(cache == nil || length == 1, "a cache grows by one position at a time")
    // [B, heads, n, width / heads] each
    let parts = toQkv(norm1(x)).splitHeads(3 * heads).chunked(3, over: 1)
    var (keys, values) = (parts[1], parts[2])
    if let cache {
      keys = Tensor.concatenated([cache.keys, keys], over: 2)
      values = Tensor.concatenated([cache.values, values], over: 2)
    }
    // One new position may see all that is cached; whole rows see what is before.
    let attended = F.scaledDotProductAttention(
      parts[0], keys, values, isCausal: cache == nil && length > 1)
    if isCaching { cache = KeyValueCache(keys: keys, values: values) }
    let h = x + toOut(attended.mergedHeads())
    return h + contract(expand(norm2(h)).gelu())
  }
}

/// A causal transformer over codes: each position looks at all before it.
///
/// `attention(Q, K, V) = softmax(Q Kᵀ/√d + mask) V`, the mask −∞ where j > i. The input of position
/// i is the code before it, a start row for the first, with its place and what the prior is told.
/// Source: Vaswani et al. 2017, equation 1; the order of norms is that of Radford et al. 2019.
public final class CodeTransformer: CodePrior {
  /// Its name in commands and model folders.
  public static let kind = ClassicKind("transformer")
  /// Returns its transformer blocks.
  public static func blockCount(of config: CodeTransformerConfig) -> Int { config.depth }
  /// Its shape.
  public let config: CodeTransformerConfig
  /// One row a code, and one for the place before the first.
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

  /// Computes `log p` up to a constant of each code given those before it: `[B, h, w]` to
  /// `[B, h, w, K]`.
  public func logits(_ codes: Tensor, condition told: Tensor?) -> Tensor {
    let (grid, count) = (config.codes, codes.dim(0))
    let c = condition(told, count: count, width: config.width, device: codes.device)
    var x = embedding(grid.shifted(codes)) + position.value + c.unsqueezed(1)
    var none: KeyValueCache?
    for block in blocks { x = block(x, cache: &none, isCaching: false) }
    return toLogits(norm(x)).reshaped(count, grid.height, grid.width, grid.codebookSize)
  }

  /// Starts to write: keys and values are kept, so each position costs one row of every product.
  public func writer(_ count: Int, condition told: Tensor?) -> any CodeWriter {
    Writer(self, count, told)
  }

  private final class Writer: CodeWriter {
    private let model: CodeTransformer
    private let c: Tensor
    private var place = 0
    private var caches: [KeyValueCache?]

    init(_ model: CodeTransformer, _ count: Int, _ told: Tensor?) {
      self.model = model
      c = model.condition(
        told, count: count, width: model.config.width, device: model.position.value.device)
      caches = Array(repeating: nil, count: model.blocks.count)
    }

    func next(after last: Tensor?) -> Tensor {
      let code = last ?? model.config.codes.start(c.dim(0), device: c.device)
      var x = (model.embedding(code) + model.position.value[place] + c).unsqueezed(1)
      for (index, block) in model.blocks.enumerated() {
        x = block(x, cache: &caches[index], isCaching: true)
      }
      place += 1
      return model.toLogits(model.norm(x).squeezed(1))
    }
  }
}
