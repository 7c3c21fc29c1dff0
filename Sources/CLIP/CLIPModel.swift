import Foundation
public import Torch
public import TorchNN

/// A text and a vision tower whose embeddings share one space.
///
/// Source: CLIP paper section 2.3; keys as transformers `CLIPModel`.
public final class CLIPModel: Module {
  /// The towers pass their keys on as they are.
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

  /// Makes both towers, drawing the weights as OpenAI did.
  ///
  /// Traps: a configuration that does not validate.
  public init(_ config: CLIPConfig, using random: RandomSource) {
    text = CLIPTextModelWithProjection(config.text, using: random)
    vision = CLIPVisionModelWithProjection(config.vision, using: random)
    logitScale = Parameter([], filledWith: Self.firstLogitScale)
  }

  /// Joins two towers.
  ///
  /// Traps: embeddings of different widths.
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

  /// Scaled cosines of every picture with every text.
  ///
  /// Shapes: pixels `[N, 3, S, S]` and ids `[M, L]` to `[N, M]`.
  /// Range: `±exp(logitScale)`.
  public func callAsFunction(pixels: Tensor, ids: Tensor) -> Tensor {
    logits(imageEmbeds: vision(pixels), textEmbeds: text(ids).embeds)
  }

  /// `exp(s) ẑ_image ẑ_textᵀ` in float32, where ẑ are the embeddings brought to length one.
  ///
  /// Shapes: `[N, D]` and `[M, D]` to `[N, M]`.
  public func logits(imageEmbeds: Tensor, textEmbeds: Tensor) -> Tensor {
    // An enclosing autocast would make the product in bfloat16, where 99.5 and 100 are one number.
    autocast(to: .float32, device: imageEmbeds.device) {
      let images = imageEmbeds.to(.float32).normalized()
      let texts = textEmbeds.to(.float32).normalized()
      return images.matmul(texts.transposed()) * logitScale.value.exp()
    }
  }

  /// The mean of two cross-entropies: the text of each picture among all texts of the batch, and
  /// the picture of each text among all pictures.
  ///
  /// Shapes: `[N, D]` twice to a scalar; row i of one belongs to row i of the other.
  /// Traps: different shapes.
  /// Source: CLIP paper, figure 3.
  public func contrastiveLoss(imageEmbeds: Tensor, textEmbeds: Tensor) -> Tensor {
    precondition(
      imageEmbeds.shape == textEmbeds.shape,
      "\(imageEmbeds.shape) image embeddings with \(textEmbeds.shape) text embeddings")
    let logits = logits(imageEmbeds: imageEmbeds, textEmbeds: textEmbeds)
    let own = Tensor.indices(logits.dim(0), device: logits.device)  // [N]
    return (F.crossEntropy(logits, own) + F.crossEntropy(logits.transposed(), own)) / 2
  }

  /// Brings a logit scale whose factor an optimiser step took beyond 100 back to it, in place.
  ///
  /// Call it after each step; clamping in the forward pass would stop the gradient for good.
  public func clampLogitScale() {
    let scale = logitScale.value
    noGrad { scale.copy(from: scale.clamped(max: log(Self.largestScale))) }
  }
}
