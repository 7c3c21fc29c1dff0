import Config
public import Torch
public import TorchNN

/// CLIP's vision tower with the projection to the space shared with texts.
///
/// Shapes: pixels `[B, 3, S, S]` to embeddings `[B, D]`.
/// Source: CLIP paper section 2.4; keys as transformers `CLIPVisionModelWithProjection`.
public final class CLIPVisionModelWithProjection: Module {
  /// The sizes.
  public let config: CLIPVisionConfig
  let visionModel: CLIPVisionTransformer
  let visualProjection: Linear

  /// Makes a tower, drawing the weights as OpenAI did.
  ///
  /// Traps: a configuration that does not validate.
  public init(_ config: CLIPVisionConfig, using random: RandomSource) {
    CLIPConfigKeys.requireValid { () throws(ConfigError) in try config.validate() }
    self.config = config
    visionModel = CLIPVisionTransformer(config, using: random)
    visualProjection = Linear(config.hiddenSize, config.projectionDim, bias: false, using: random)
    visualProjection.weight.initialize(
      .normal(deviation: 1 / Double(config.hiddenSize).squareRoot()), using: random)
  }

  /// Where the weights are.
  public var device: Device { visualProjection.weight.device }

  /// Encodes pictures; the embedding is not normalised.
  ///
  /// Range: pixels as ``CLIPImagePreprocessor`` makes them.
  /// Traps: pictures of another size.
  public func callAsFunction(_ pixels: Tensor) -> Tensor {
    let (_, c, h, w) = pixels.shape4
    precondition(
      c == 3 && h == config.imageSize && w == config.imageSize,
      "pictures of \(pixels.shape) for a tower of [B, 3, \(config.imageSize), "
        + "\(config.imageSize)]")
    return visualProjection(visionModel(pixels))  // [B, D]
  }
}

/// Embeddings, norm, blocks, norm of the class token.
///
/// Source: transformers `CLIPVisionTransformer`, its keys with their spelling.
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
      width: config.hiddenSize, hiddenWidth: config.intermediateSize,
      layerCount: config.numHiddenLayers,
      headCount: config.numAttentionHeads, activation: config.hiddenAct,
      epsilon: config.layerNormEps,
      initialization: .plain, using: random)
    postNorm = LayerNorm(config.hiddenSize, epsilon: config.layerNormEps)
  }

  func callAsFunction(_ pixels: Tensor) -> Tensor {
    let encodings = encoder(preNorm(embeddings(pixels)))  // [B, 1 + N, W]
    return postNorm(encodings.selected(1, 0))  // [B, W]
  }
}

/// Patches, the class token and positions. Source: transformers `CLIPVisionEmbeddings`, its keys.
final class CLIPVisionEmbeddings: Module {
  let classEmbedding: Parameter
  let patchEmbedding: Conv2d
  let positionEmbedding: Embedding

  init(_ config: CLIPVisionConfig, using random: RandomSource) {
    let scale = Initialization.normal(deviation: 1 / Double(config.hiddenSize).squareRoot())
    classEmbedding = Parameter([config.hiddenSize], scale, using: random)
    patchEmbedding = Conv2d(
      3, config.hiddenSize, kernel: config.patchSize, stride: config.patchSize,
      bias: false, using: random)
    positionEmbedding = Embedding(config.positionCount, config.hiddenSize, using: random)
    positionEmbedding.weight.initialize(scale, using: random)
  }

  func callAsFunction(_ pixels: Tensor) -> Tensor {
    let patches = patchEmbedding(pixels).flattened(from: 2).transposed(1, 2)  // [B, N, W]
    let (b, _, w) = patches.shape3
    let token = classEmbedding.value.to(patches.dtype).expanded(b, 1, w)
    return Tensor.concatenated([token, patches], over: 1) + positionEmbedding.weight.value
  }
}
