public import CLIP
import Diffusion
public import Torch
public import TorchNN

/// The diffusion prior's network: a decoder-only causal transformer that predicts a clean CLIP
/// image embedding from a noised one and the text (paper section 2.2).
///
/// Its sequence is, in this order: the encoded text, CLIP's text embedding, the timestep, the noised
/// image embedding, and a learned query whose output is the prediction.
/// Source: paper section 2.2; keys as diffusers `PriorTransformer`.
public final class PriorTransformer: ConfiguredModule, BatchDependent {
  /// Property names that are not the snake case of diffusers'.
  public static let keys = ["timeEmbedding": "time_embedding"]
  /// What this network was made from.
  public let config: PriorConfig
  /// Gathers the lengths of other processes' texts in training.
  public var gather: ((Tensor) -> Tensor)?
  let timeEmbedding: TimestepEmbedding
  let projIn: Linear
  let embeddingProj: Linear
  let encoderHiddenStatesProj: Linear
  let positionalEmbedding: Parameter  // [1, L + 4, W]
  let prdEmbedding: Parameter  // [1, 1, W], the query
  let transformerBlocks: [PriorBlock]
  let normOut: LayerNorm
  let projToClipEmbeddings: Linear
  /// Mean of CLIP's image embeddings, `[1, D]`.
  public let clipMean: Buffer
  /// Standard deviation of CLIP's image embeddings, `[1, D]`.
  public let clipStd: Buffer

  /// Makes a network for embeddings of mean 0 and deviation 1.
  /// - Precondition: `config.validate` passes.
  public init(_ config: PriorConfig, using random: RandomSource) {
    self.config = config
    let width = config.width
    timeEmbedding = TimestepEmbedding(inputWidth: width, width: width, using: random)
    projIn = Linear(config.embeddingDim, width, using: random)
    embeddingProj = Linear(config.embeddingDim, width, using: random)
    encoderHiddenStatesProj = Linear(config.embeddingDim, width, using: random)
    let length = config.numEmbeddings + config.additionalEmbeddings
    positionalEmbedding = Parameter([1, length, width], .normal(deviation: 0.01), using: random)
    prdEmbedding = Parameter([1, 1, width], .normal(deviation: 0.01), using: random)
    transformerBlocks = (0..<config.numLayers).map { _ in PriorBlock(config, using: random) }
    normOut = LayerNorm(width)
    projToClipEmbeddings = Linear(width, config.embeddingDim, using: random)
    clipMean = Buffer([1, config.embeddingDim], filledWith: 0)
    clipStd = Buffer([1, config.embeddingDim], filledWith: 1)
  }

  /// Returns its transformer blocks.
  public static func blockCount(of config: PriorConfig) -> Int { config.numLayers }

  /// Predicts clean embeddings in the standardised space.
  ///
  /// - Parameters:
  ///   - noised: `[B, D]`, standardised.
  ///   - timesteps: `[B]`, 0 ..< 1000.
  ///   - text: embedding `[B, D]`, encodings `[B, L, D]`, mask `[B, L]`; L may be less than the
  ///     context where the rest is padding.
  /// - Returns: `[B, D]`.
  public func callAsFunction(
    _ noised: Tensor, timesteps: Tensor, text: TextConditioning
  ) -> Tensor {
    let b = noised.dim(0)
    let width = config.width
    let time = timeEmbedding(timestepSinusoid(timesteps, width: width).to(noised.dtype))
    var h = Tensor.concatenated(
      [
        encoderHiddenStatesProj(text.encodings), embeddingProj(text.embedding).unsqueezed(1),
        time.unsqueezed(1), projIn(noised).unsqueezed(1),
        prdEmbedding.value.to(noised.dtype).expanded([b, 1, width]),
      ], over: 1)  // [B, L + 4, W]
    h = h + positions(forTextOf: text.mask.dim(1)).to(h.dtype)
    let mask = visibility(of: text.mask)
    for block in transformerBlocks { h = block(h, mask: mask) }
    return projToClipEmbeddings(normOut(h.selected(1, h.dim(1) - 1)))
  }

  /// Embeddings of CLIP to the standardised space, `[B, D] -> [B, D]`.
  public func standardised(_ embedding: Tensor) -> Tensor {
    (embedding - clipMean.value) / clipStd.value
  }

  /// Returns the standardised space back to CLIP's embeddings, `[B, D] -> [B, D]`.
  public func restored(_ latent: Tensor) -> Tensor {
    latent * clipStd.value + clipMean.value
  }

  /// Sets the statistics of CLIP's image embeddings from examples, `[N, D]`.
  public func setStatistics(from embeddings: Tensor) {
    let values = embeddings.to(.float32)
    clipMean.value.copy(from: values.mean(over: 0, keepingDims: true))
    clipStd.value.copy(
      from: values.standardDeviation(over: 0, keepingDims: true).clamped(min: 1e-6, max: nil))
  }

  /// Returns the positions of a text of so many tokens and of what follows it: `[1, L + 4, W]`.
  private func positions(forTextOf length: Int) -> Tensor {
    let table = positionalEmbedding.value
    let context = config.numEmbeddings
    precondition(length <= context, "\(length) tokens do not fit a context of \(context)")
    guard length < context else { return table }
    let rest = table.narrowed(1, start: context, count: config.additionalEmbeddings)
    return Tensor.concatenated([table.narrowed(1, start: 0, count: length), rest], over: 1)
  }

  /// Causal and without padding: `[B, L] -> [B, 1, L + 4, L + 4]` bool, true where visible.
  private func visibility(of mask: Tensor) -> Tensor {
    let (b, length) = mask.shape2
    let total = length + config.additionalEmbeddings
    let causal = Tensor.ones([total, total], dtype: .bool, device: mask.device).lowerTriangle()
    let keys = Tensor.concatenated(
      [
        mask,
        Tensor.ones([b, config.additionalEmbeddings], dtype: .bool, device: mask.device),
      ], over: 1)
    return causal.reshaped(1, 1, total, total).logicalAnd(keys.reshaped(b, 1, 1, total))
  }
}

/// A pre-norm transformer block, `[B, L, W] -> [B, L, W]`; keys as diffusers
/// `BasicTransformerBlock` without cross-attention.
final class PriorBlock: Module {
  let norm1: LayerNorm
  let attn1: PriorAttention
  let norm3: LayerNorm
  let ff: PriorFeedForward

  init(_ config: PriorConfig, using random: RandomSource) {
    norm1 = LayerNorm(config.width)
    attn1 = PriorAttention(config, using: random)
    norm3 = LayerNorm(config.width)
    ff = PriorFeedForward(config, using: random)
  }

  func callAsFunction(_ x: Tensor, mask: Tensor) -> Tensor {
    let h = x + attn1(norm1(x), mask: mask)
    return h + ff(norm3(h))
  }
}

/// Multi-head self-attention, `[B, L, W] -> [B, L, W]`.
final class PriorAttention: Module {
  static let keys = ["toOut": "to_out.0"]
  let toQ: Linear
  let toK: Linear
  let toV: Linear
  let toOut: Linear
  let dropout: Dropout
  private let heads: Int

  init(_ config: PriorConfig, using random: RandomSource) {
    heads = config.numAttentionHeads
    let width = config.width
    toQ = Linear(width, width, using: random)
    toK = Linear(width, width, using: random)
    toV = Linear(width, width, using: random)
    toOut = Linear(width, width, using: random)
    dropout = Dropout(config.dropout)
  }

  func callAsFunction(_ x: Tensor, mask: Tensor) -> Tensor {
    let attended = F.scaledDotProductAttention(
      toQ(x).splitHeads(heads), toK(x).splitHeads(heads), toV(x).splitHeads(heads), mask: mask)
    return dropout(toOut(attended.mergedHeads()))
  }
}

/// Linear, exact GELU, linear, four times wider inside.
final class PriorFeedForward: Module {
  static let keys = ["inner": "net.0.proj", "outer": "net.2"]
  let inner: Linear
  let outer: Linear
  let dropout: Dropout

  init(_ config: PriorConfig, using random: RandomSource) {
    inner = Linear(config.width, 4 * config.width, using: random)
    outer = Linear(4 * config.width, config.width, using: random)
    dropout = Dropout(config.dropout)
  }

  func callAsFunction(_ x: Tensor) -> Tensor { outer(dropout(inner(x).gelu())) }
}
