import Config
public import Torch
public import TorchNN

/// CLIP's text tower with the projection to the space shared with pictures.
///
/// Shapes: ids `[B, L]` int64 to embeddings `[B, D]` and encodings `[B, L, W]`.
/// Source: CLIP paper section 2.4; keys as transformers `CLIPTextModelWithProjection`.
public final class CLIPTextModelWithProjection: Module {
  /// The sizes.
  public let config: CLIPTextConfig
  let textModel: CLIPTextTransformer
  let textProjection: Linear

  /// Makes a tower, drawing the weights as OpenAI did.
  ///
  /// Traps: a configuration that does not validate.
  public init(_ config: CLIPTextConfig, using random: RandomSource) {
    CLIPConfigKeys.requireValid { () throws(ConfigError) in try config.validate() }
    self.config = config
    textModel = CLIPTextTransformer(config, using: random)
    textProjection = Linear(config.hiddenSize, config.projectionDim, bias: false, using: random)
    textProjection.weight.initialize(
      .normal(deviation: 1 / Double(config.hiddenSize).squareRoot()), using: random)
  }

  /// What the tower says of texts.
  public struct Output {
    /// The embeddings, `[B, D]`, not normalised.
    public let embeds: Tensor
    /// The encodings of all tokens, `[B, L, W]`, after the last norm.
    public let lastHiddenState: Tensor
  }

  /// Where the weights are.
  public var device: Device { textProjection.weight.device }

  /// Encodes texts.
  ///
  /// No padding mask is needed: no token sees what comes after it, so what stands in the padding
  /// changes neither the embedding nor the encodings up to the end token.
  /// Shapes: `ids` `[B, L]` int64.
  /// Traps: more tokens than the context.
  public func callAsFunction(_ ids: Tensor) -> Output {
    let encodings = textModel(ids)  // [B, L, W]
    let (b, l, w) = encodings.shape3
    let isEnd = config.eosTokenID == 2 ? ids : (ids .== Double(config.eosTokenID)).to(.int64)
    let starts = Tensor.arange(0, Double(b * l), step: Double(l), dtype: .int64, device: ids.device)
    let ends = isEnd.argmax(over: -1) + starts  // [B], rows of all sequences in one list
    let pooled = encodings.reshaped(b * l, w).indexed(by: ends)  // [B, W]
    return Output(embeds: textProjection(pooled), lastHiddenState: encodings)
  }
}

/// Embeddings, causal blocks, norm. Source: transformers `CLIPTextTransformer`, its keys.
final class CLIPTextTransformer: Module {
  let embeddings: CLIPTextEmbeddings
  let encoder: CLIPEncoder
  let finalLayerNorm: LayerNorm

  init(_ config: CLIPTextConfig, using random: RandomSource) {
    embeddings = CLIPTextEmbeddings(config, using: random)
    encoder = CLIPEncoder(
      width: config.hiddenSize, hiddenWidth: config.intermediateSize,
      layerCount: config.numHiddenLayers,
      headCount: config.numAttentionHeads, activation: config.hiddenAct,
      epsilon: config.layerNormEps,
      initialization: .scaled, using: random)
    finalLayerNorm = LayerNorm(config.hiddenSize, epsilon: config.layerNormEps)
  }

  func callAsFunction(_ ids: Tensor) -> Tensor {
    finalLayerNorm(encoder(embeddings(ids), isCausal: true))
  }
}

/// Token and position tables. Source: transformers `CLIPTextEmbeddings`, its keys.
final class CLIPTextEmbeddings: Module {
  let tokenEmbedding: Embedding
  let positionEmbedding: Embedding

  init(_ config: CLIPTextConfig, using random: RandomSource) {
    tokenEmbedding = Embedding(config.vocabSize, config.hiddenSize, using: random)
    positionEmbedding = Embedding(config.maxPositionEmbeddings, config.hiddenSize, using: random)
    tokenEmbedding.weight.initialize(.normal(deviation: 0.02), using: random)
    positionEmbedding.weight.initialize(.normal(deviation: 0.01), using: random)
  }

  func callAsFunction(_ ids: Tensor) -> Tensor {
    let (_, l) = ids.shape2
    let context = positionEmbedding.weight.shape[0]
    precondition(l <= context, "\(l) tokens do not fit a context of \(context)")
    return tokenEmbedding(ids) + positionEmbedding.weight.value[0..<l]  // [B, L, W]
  }
}
