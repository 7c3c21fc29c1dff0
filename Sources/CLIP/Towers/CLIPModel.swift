import Config
import Foundation
public import Torch
public import TorchNN

/// A text and a vision tower whose embeddings share one space.
///
/// Source: CLIP paper section 2.3; keys as transformers `CLIPModel`.
public final class CLIPModel: Module {
  /// The towers' keys have no prefix.
  public static let keys = ["text": "", "vision": ""]
  /// The text tower.
  public let text: CLIPTextModelWithProjection
  /// The vision tower.
  public let vision: CLIPVisionModelWithProjection
  /// `[]`, the logarithm of the factor on cosines.
  public let logitScale: Parameter

  /// The largest factor on cosines (CLIP paper, section 2.5).
  public static let largestScale = 100.0
  /// The logit scale of a new model: its factor is 1 / 0.07.
  public static let firstLogitScale = log(1 / 0.07)

  /// Makes both towers, with weights initialised as OpenAI's.
  ///
  /// - Precondition: The configuration is valid.
  public init(_ config: CLIPConfig, using random: RandomSource) {
    text = CLIPTextModelWithProjection(config.text, using: random)
    vision = CLIPVisionModelWithProjection(config.vision, using: random)
    logitScale = Parameter([], filledWith: Self.firstLogitScale)
  }

  /// Joins two towers.
  ///
  /// - Precondition: The embeddings of both have the same width.
  public init(
    text: CLIPTextModelWithProjection, vision: CLIPVisionModelWithProjection,
    logitScale: Double = firstLogitScale
  ) {
    _ = CLIPConfig(text: text.config, vision: vision.config)
    self.text = text
    self.vision = vision
    self.logitScale = Parameter(Tensor(scalar: logitScale))
  }

  /// The sizes of both towers.
  public var config: CLIPConfig { CLIPConfig(text: text.config, vision: vision.config) }

  /// Returns the scaled cosines of every image with every text.
  ///
  /// Shapes: pixels `[N, 3, S, S]` and ids `[M, L]` to `[N, M]`.
  /// Range: `±exp(logitScale)`.
  public func callAsFunction(pixels: Tensor, ids: Tensor) -> Tensor {
    logits(imageEmbeds: vision(pixels), textEmbeds: text(ids).embeds)
  }

  /// Returns `exp(s) ẑ_image ẑ_textᵀ` in float32, where ẑ are the normalised embeddings.
  ///
  /// Shapes: `[N, D]` and `[M, D]` to `[N, M]`.
  public func logits(imageEmbeds: Tensor, textEmbeds: Tensor) -> Tensor {
    // An enclosing autocast would make the product in bfloat16, where 99.5 and 100 are equal.
    autocast(to: .float32, device: imageEmbeds.device) {
      let images = imageEmbeds.to(.float32).normalized()
      let texts = textEmbeds.to(.float32).normalized()
      return images.matmul(texts.transposed()) * logitScale.value.exp()
    }
  }

  /// Returns the mean of two cross-entropies: of each image's text among all texts of the batch,
  /// and of each text's image among all images.
  ///
  /// Shapes: `[N, D]` twice to a scalar; row i of one belongs to row i of the other.
  /// - Precondition: Both have the same shape.
  ///
  /// Source: CLIP paper, figure 3.
  /// - Precondition: both have one shape.
  public func contrastiveLoss(imageEmbeds: Tensor, textEmbeds: Tensor) -> Tensor {
    precondition(
      imageEmbeds.shape == textEmbeds.shape,
      "\(imageEmbeds.shape) image embeddings with \(textEmbeds.shape) text embeddings")
    let logits = logits(imageEmbeds: imageEmbeds, textEmbeds: textEmbeds)
    let own = Tensor.indices(logits.dim(0), device: logits.device)  // [N]
    return (F.crossEntropy(logits, own) + F.crossEntropy(logits.transposed(), own)) / 2
  }

  /// Returns the contrastive loss of the rows of a batch that several processes share: the mean over
  /// all rows of what the processes have is ``contrastiveLoss(imageEmbeds:textEmbeds:)`` of the whole
  /// batch, and so are the gradients.
  ///
  /// - Parameters:
  ///   - imageEmbeds: The images of this process, `[n, D]`.
  ///   - textEmbeds: Their texts, `[n, D]`.
  ///   - first: The row of the first of them in the batch.
  ///   - gathered: Concatenates the rows of all processes, `[N, D]`, and sums gradients back.
  public func contrastiveLoss(
    imageEmbeds: Tensor, textEmbeds: Tensor, from first: Int, gathered: (Tensor) -> Tensor
  ) -> Tensor {
    let own = Tensor.indices(imageEmbeds.dim(0), device: imageEmbeds.device) + Double(first)  // [n]
    let images = logits(imageEmbeds: imageEmbeds, textEmbeds: gathered(textEmbeds))  // [n, N]
    let texts = logits(imageEmbeds: gathered(imageEmbeds), textEmbeds: textEmbeds)  // [N, n]
    return (F.crossEntropy(images, own) + F.crossEntropy(texts.transposed(), own)) / 2
  }

  /// Clamps the logit scale in place, so that its factor is at most 100.
  ///
  /// Call it after each step; clamping in the forward pass would make the gradient zero for good.
  public func clampLogitScale() {
    let scale = logitScale.value
    noGrad { scale.copy(from: scale.clamped(max: log(Self.largestScale))) }
  }
}

// MARK: - Text

/// CLIP's text tower, with the projection to the space shared with images.
///
/// Shapes: ids `[B, L]` int64 to embeddings `[B, D]` and encodings `[B, L, W]`.
/// Source: CLIP paper section 2.4; keys as transformers `CLIPTextModelWithProjection`.
public final class CLIPTextModelWithProjection: ConfiguredModule {
  /// The sizes.
  public let config: CLIPTextConfig
  let textModel: CLIPTextTransformer
  let textProjection: Linear

  /// Makes a tower, with weights initialised as OpenAI's.
  ///
  /// - Precondition: The configuration is valid.
  public init(_ config: CLIPTextConfig, using random: RandomSource) {
    CLIPConfigKeys.requireValid { () throws(ConfigError) in try config.validate() }
    self.config = config
    textModel = CLIPTextTransformer(config, using: random)
    textProjection = Linear(config.hiddenSize, config.projectionDim, bias: false, using: random)
    textProjection.weight.initialize(
      .normal(deviation: 1 / Double(config.hiddenSize).squareRoot()), using: random)
  }

  /// Returns its transformer blocks.
  public static func blockCount(of config: CLIPTextConfig) -> Int { config.numHiddenLayers }

  /// The tower's output for texts.
  public struct Output {
    /// The embeddings, `[B, D]`, not normalised.
    public let embeds: Tensor
    /// The encodings of all tokens, `[B, L, W]`, after the last norm.
    public let lastHiddenState: Tensor
  }

  /// The device of the weights.
  public var device: Device { textProjection.weight.device }

  /// Encodes texts.
  ///
  /// No padding mask is needed: no token attends to those after it, so padding changes neither the
  /// embedding nor the encodings up to the end token.
  /// Shapes: `ids` `[B, L]` int64.
  /// - Precondition: `L` is at most the context length.
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
      Stack(
        width: config.hiddenSize, innerWidth: config.intermediateSize,
        depth: config.numHiddenLayers, heads: config.numAttentionHeads, isCausal: true,
        activation: config.hiddenAct, epsilon: config.layerNormEps, initialization: .scaled),
      using: random)
    finalLayerNorm = LayerNorm(config.hiddenSize, epsilon: config.layerNormEps)
  }

  func callAsFunction(_ ids: Tensor) -> Tensor {
    finalLayerNorm(encoder(embeddings(ids)))
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

// MARK: - Vision

/// CLIP's vision tower, with the projection to the space shared with texts.
///
/// Shapes: pixels `[B, 3, S, S]` to embeddings `[B, D]`.
/// Source: CLIP paper section 2.4; keys as transformers `CLIPVisionModelWithProjection`.
public final class CLIPVisionModelWithProjection: ConfiguredModule {
  /// The sizes.
  public let config: CLIPVisionConfig
  let visionModel: CLIPVisionTransformer
  let visualProjection: Linear

  /// Makes a tower, with weights initialised as OpenAI's.
  ///
  /// - Precondition: The configuration is valid.
  public init(_ config: CLIPVisionConfig, using random: RandomSource) {
    CLIPConfigKeys.requireValid { () throws(ConfigError) in try config.validate() }
    self.config = config
    visionModel = CLIPVisionTransformer(config, using: random)
    visualProjection = Linear(config.hiddenSize, config.projectionDim, bias: false, using: random)
    visualProjection.weight.initialize(
      .normal(deviation: 1 / Double(config.hiddenSize).squareRoot()), using: random)
  }

  /// Returns its transformer blocks.
  public static func blockCount(of config: CLIPVisionConfig) -> Int { config.numHiddenLayers }

  /// The device of the weights.
  public var device: Device { visualProjection.weight.device }

  /// Encodes images; the embedding is not normalised.
  ///
  /// Range: pixels as ``CLIPImagePreprocessor`` makes them.
  /// - Precondition: The images have the tower's size.
  public func callAsFunction(_ pixels: Tensor) -> Tensor {
    let (_, c, h, w) = pixels.shape4
    precondition(
      c == 3 && h == config.imageSize && w == config.imageSize,
      "images of \(pixels.shape) for a tower of [B, 3, \(config.imageSize), "
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
      Stack(
        width: config.hiddenSize, innerWidth: config.intermediateSize,
        depth: config.numHiddenLayers, heads: config.numAttentionHeads, isCausal: false,
        activation: config.hiddenAct, epsilon: config.layerNormEps, initialization: .plain),
      using: random)
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
