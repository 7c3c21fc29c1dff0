public import Torch
public import TorchNN

/// CLIP's text encoder: a causal transformer whose state at the end of the text is projected to
/// the joint embedding.
///
/// Source: CLIP section 2.4; keys as Hugging Face `CLIPTextModelWithProjection`.
public final class CLIPTextModelWithProjection: Module {
  /// What this network was made from.
  public let config: CLIPTextConfig
  let textModel: CLIPTextTransformer
  let textProjection: Linear

  /// Makes a tower with OpenAI's initialisation.
  public init(_ config: CLIPTextConfig, using random: RandomSource) {
    self.config = config
    textModel = CLIPTextTransformer(config, using: random)
    textProjection = clipProjection(config.hiddenSize, config.projectionDim, using: random)
  }

  /// The text's embedding and the encoding of each token.
  public struct Output {
    /// `[B, D]`, not normalised.
    public let embeds: Tensor
    /// `[B, L, W]`, after the final norm.
    public let lastHiddenState: Tensor
  }

  /// Encodes token ids, `[B, L]` int64 with L at most the context length.
  ///
  /// No padding mask is needed: attention is causal and padding comes last.
  public func callAsFunction(_ ids: Tensor) -> Output {
    let (pooled, states) = textModel(ids)
    return Output(embeds: textProjection(pooled), lastHiddenState: states)
  }

  /// Where the weights live.
  public var device: Device { textProjection.weight.value.device }
}

/// The text tower without its projection; keys as Hugging Face `CLIPTextTransformer`.
final class CLIPTextTransformer: Module {
  let embeddings: CLIPTextEmbeddings
  let encoder: CLIPEncoder
  let finalLayerNorm: LayerNorm
  private let endOfText: Int

  init(_ config: CLIPTextConfig, using random: RandomSource) {
    endOfText = config.eosTokenID
    embeddings = CLIPTextEmbeddings(config, using: random)
    encoder = CLIPEncoder(
      width: config.hiddenSize, inner: config.intermediateSize, layers: config.numHiddenLayers,
      heads: config.numAttentionHeads, activation: config.hiddenAct,
      epsilon: config.layerNormEps,
      initialisation: CLIPInitialisation(
        width: config.hiddenSize, layers: config.numHiddenLayers),
      using: random)
    finalLayerNorm = LayerNorm(config.hiddenSize, epsilon: config.layerNormEps)
  }

  /// The state at the end of the text `[B, W]` and all states `[B, L, W]`.
  func callAsFunction(_ ids: Tensor) -> (pooled: Tensor, states: Tensor) {
    let states = finalLayerNorm(encoder(embeddings(ids), isCausal: true))
    let (b, _, width) = states.shape3
    // Both rules take the first of equals: the largest id, or the first end of text.
    let marks = endOfText == 2 ? ids : (ids .== Double(endOfText)).to(.int64)
    let ends = marks.argmax(over: 1).reshaped(b, 1, 1).expanded([b, 1, width])
    return (states.gathered(1, ends).squeezed(1), states)
  }
}

/// Token plus position embeddings.
final class CLIPTextEmbeddings: Module {
  let tokenEmbedding: Embedding
  let positionEmbedding: Embedding

  init(_ config: CLIPTextConfig, using random: RandomSource) {
    tokenEmbedding = Embedding(config.vocabSize, config.hiddenSize, using: random)
    tokenEmbedding.weight.initialize(.normal(deviation: 0.02), using: random)
    positionEmbedding = Embedding(config.maxPositionEmbeddings, config.hiddenSize, using: random)
    positionEmbedding.weight.initialize(.normal(deviation: 0.01), using: random)
  }

  func callAsFunction(_ ids: Tensor) -> Tensor {
    let positions = positionEmbedding.weight.value.narrowed(0, start: 0, count: ids.dim(1))
    return tokenEmbedding(ids) + positions
  }
}

/// A projection to the joint embedding, without bias.
func clipProjection(_ width: Int, _ embedding: Int, using random: RandomSource) -> Linear {
  let layer = Linear(width, embedding, bias: false, using: random)
  layer.weight.initialize(.normal(deviation: 1 / Double(width).squareRoot()), using: random)
  return layer
}
