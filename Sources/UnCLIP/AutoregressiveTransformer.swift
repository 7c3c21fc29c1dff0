public import CLIP
public import Torch
public import TorchNN

/// The autoregressive prior's network: a causal transformer that predicts the tokens of a CLIP image
/// embedding one after the other from the text (paper section 2.2).
///
/// Its sequence is, in this order: the encoded text, CLIP's text embedding, the token of the dot
/// product of both embeddings, and the tokens of the image embedding's principal components. From
/// the text embedding on, the output at a position is the distribution of the next token.
/// Source: paper section 2.2.
public final class AutoregressiveTransformer: ConfiguredModule, BatchDependent {
  /// What this network was made from.
  public let config: AutoregressivePriorConfig
  /// Gathers the lengths of other processes' texts in training.
  public var gather: ((Tensor) -> Tensor)?
  let encoderHiddenStatesProj: Linear
  let embeddingProj: Linear
  let tokenEmbedding: Embedding
  let positionalEmbedding: Parameter  // [1, L + 1 + K, W]
  let blocks: [CausalBlock]
  let norm: LayerNorm
  let toLogits: Linear
  /// The tokens of embeddings, and back.
  public let quantizer: EmbeddingQuantizer

  /// Makes a network; its quantizer is fitted to no data yet.
  /// - Precondition: `config.validate` passes.
  public init(_ config: AutoregressivePriorConfig, using random: RandomSource) {
    self.config = config
    let width = config.width
    encoderHiddenStatesProj = Linear(config.embeddingDim, width, using: random)
    embeddingProj = Linear(config.embeddingDim, width, using: random)
    tokenEmbedding = Embedding(config.numBuckets, width, using: random)
    tokenEmbedding.weight.initialize(.normal(deviation: 0.02), using: random)
    positionalEmbedding = Parameter(
      [1, config.positions, width], .normal(deviation: 0.01), using: random)
    blocks = (0..<config.numLayers).map { _ in
      CausalBlock(
        width: width, heads: config.numAttentionHeads, dropout: config.dropout, using: random)
    }
    norm = LayerNorm(width)
    toLogits = Linear(width, config.numBuckets, using: random)
    quantizer = EmbeddingQuantizer(
      width: config.embeddingDim, components: config.numComponents, buckets: config.numBuckets)
  }

  /// Returns the number of transformer blocks.
  public static func blockCount(of config: AutoregressivePriorConfig) -> Int { config.numLayers }

  /// Returns `log p` up to a constant of the dot product's token and of each component's, given the
  /// text and the tokens before it.
  ///
  /// - Parameters:
  ///   - tokens: `[B, n]` int64: the dot product's, then the first `n - 1` components'.
  ///   - text: embedding `[B, D]`, encodings `[B, L, D]`, mask `[B, L]`; L may be less than the
  ///     context where the rest is padding.
  /// - Returns: `[B, n + 1, buckets]`.
  public func callAsFunction(_ tokens: Tensor, text: TextConditioning) -> Tensor {
    var cache = KeyValueCache()
    let length = text.mask.dim(1)
    let x = Tensor.concatenated([prefix(text), embedded(tokens, from: 0)], over: 1)
    let h = blocks(x, visible: visible(text.mask, after: 1 + tokens.dim(1)), growing: &cache)
    return toLogits(norm(h.narrowed(1, start: length, count: 1 + tokens.dim(1))))
  }

  /// Text and tokens so far, whose keys and values are kept, so that a new token costs one row.
  struct State {
    fileprivate var cache = KeyValueCache()
    fileprivate var mask: Tensor
    fileprivate var count = 0
  }

  /// Reads the text, and returns the logits of the dot product's token, `[B, buckets]`.
  func start(_ text: TextConditioning) -> (logits: Tensor, state: State) {
    var state = State(mask: text.mask)
    let h = blocks(prefix(text), visible: visible(text.mask, after: 1), growing: &state.cache)
    return (toLogits(norm(h.selected(1, text.mask.dim(1)))), state)
  }

  /// Reads a token `[B]`, and returns the logits of the next one, `[B, buckets]`.
  func next(after token: Tensor, _ state: inout State) -> Tensor {
    let x = embedded(token.unsqueezed(1), from: state.count)
    state.count += 1
    let h = blocks(
      x, visible: visible(state.mask, after: 1 + state.count), growing: &state.cache)
    return toLogits(norm(h.squeezed(1)))
  }

  /// Returns the encoded text and its embedding, `[B, L + 1, W]`.
  private func prefix(_ text: TextConditioning) -> Tensor {
    let (length, context) = (text.mask.dim(1), config.numEmbeddings)
    precondition(length <= context, "\(length) tokens do not fit a context of \(context)")
    let table = positionalEmbedding.value
    let positions = Tensor.concatenated(
      [
        table.narrowed(1, start: 0, count: length), table.narrowed(1, start: context, count: 1),
      ], over: 1)
    return Tensor.concatenated(
      [encoderHiddenStatesProj(text.encodings), embeddingProj(text.embedding).unsqueezed(1)],
      over: 1) + positions
  }

  /// Returns tokens with their positions, the first of which is `start`: `[B, n] -> [B, n, W]`.
  private func embedded(_ tokens: Tensor, from start: Int) -> Tensor {
    tokenEmbedding(tokens)
      + positionalEmbedding.value.narrowed(
        1, start: config.numEmbeddings + 1 + start, count: tokens.dim(1))
  }

  /// Returns what of the text and of `count` positions after it may be seen; nil where all may.
  private func visible(_ mask: Tensor, after count: Int) -> Tensor? {
    guard mask.all().item() == 0 else { return nil }
    let rest = Tensor.ones([mask.dim(0), count], dtype: .bool, device: mask.device)
    return Tensor.concatenated([mask, rest], over: 1)
  }
}
