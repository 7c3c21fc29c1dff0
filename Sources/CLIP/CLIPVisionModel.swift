public import Torch
public import TorchNN

/// CLIP's image encoder: a vision transformer whose class token is projected to the joint
/// embedding, `[B, 3, S, S] -> [B, D]`, not normalised.
///
/// Source: CLIP section 2.4; keys as Hugging Face `CLIPVisionModelWithProjection`.
public final class CLIPVisionModelWithProjection: Module {
  /// What this network was made from.
  public let config: CLIPVisionConfig
  let visionModel: CLIPVisionTransformer
  let visualProjection: Linear

  /// Makes a tower with OpenAI's initialisation.
  public init(_ config: CLIPVisionConfig, using random: RandomSource) {
    self.config = config
    visionModel = CLIPVisionTransformer(config, using: random)
    visualProjection = clipProjection(config.hiddenSize, config.projectionDim, using: random)
  }

  /// Encodes pictures normalised as the model's preprocessor says, `[B, 3, S, S] -> [B, D]`.
  public func callAsFunction(_ pixels: Tensor) -> Tensor {
    visualProjection(visionModel(pixels))
  }

  /// Where the weights live.
  public var device: Device { visualProjection.weight.value.device }
}

/// The vision tower without its projection; keys as Hugging Face `CLIPVisionTransformer`, whose
/// misspelt `pre_layrnorm` is in every checkpoint.
final class CLIPVisionTransformer: Module {
  static let keys = ["preNorm": "pre_layrnorm", "postNorm": "post_layernorm"]
  let embeddings: CLIPVisionEmbeddings
  let preNorm: LayerNorm
  let encoder: CLIPEncoder
  let postNorm: LayerNorm

  init(_ config: CLIPVisionConfig, using random: RandomSource) {
    embeddings = CLIPVisionEmbeddings(config, using: random)
    preNorm = LayerNorm(config.hiddenSize, epsilon: config.layerNormEps)
    encoder = CLIPEncoder(
      width: config.hiddenSize, inner: config.intermediateSize, layers: config.numHiddenLayers,
      heads: config.numAttentionHeads, activation: config.hiddenAct,
      epsilon: config.layerNormEps,
      initialisation: CLIPInitialisation(
        width: config.hiddenSize, layers: config.numHiddenLayers),
      using: random)
    postNorm = LayerNorm(config.hiddenSize, epsilon: config.layerNormEps)
  }

  /// The class token's state, `[B, W]`.
  func callAsFunction(_ pixels: Tensor) -> Tensor {
    let states = encoder(preNorm(embeddings(pixels)), isCausal: false)
    return postNorm(states.selected(1, 0))
  }
}

/// Class token and patches plus position embeddings, `[B, 3, S, S] -> [B, 1 + patches, W]`.
final class CLIPVisionEmbeddings: Module {
  let classEmbedding: Parameter
  let patchEmbedding: Conv2d
  let positionEmbedding: Embedding

  init(_ config: CLIPVisionConfig, using random: RandomSource) {
    let deviation = 1 / Double(config.hiddenSize).squareRoot()
    classEmbedding = Parameter(
      [config.hiddenSize], .normal(deviation: deviation), using: random)
    patchEmbedding = Conv2d(
      3, config.hiddenSize, kernel: config.patchSize, stride: config.patchSize, bias: false,
      using: random)
    positionEmbedding = Embedding(1 + config.patchCount, config.hiddenSize, using: random)
    positionEmbedding.weight.initialize(.normal(deviation: deviation), using: random)
  }

  func callAsFunction(_ pixels: Tensor) -> Tensor {
    let patches = patchEmbedding(pixels).flattened(from: 2).transposed(1, 2)  // [B, P, W]
    let (b, _, width) = patches.shape3
    let first = classEmbedding.value.to(patches.dtype).reshaped(1, 1, width).expanded(
      [b, 1, width])
    return Tensor.concatenated([first, patches], over: 1) + positionEmbedding.weight.value
  }
}
