import Foundation
public import Torch
public import TorchNN

/// CLIP: two towers that put a picture and its caption at the same place of a joint embedding.
///
/// Source: CLIP section 2; its parts load and save as Hugging Face's two models with projection.
public final class CLIPModel: Module {
  /// The text tower.
  public let text: CLIPTextModelWithProjection
  /// The vision tower.
  public let vision: CLIPVisionModelWithProjection
  /// The logarithm of the learned inverse temperature, `[]`.
  public let logitScale: Parameter

  /// Keys equal Hugging Face `CLIPModel`: both towers pass theirs on as they are.
  public static let keys = ["text": "", "vision": ""]

  /// The scale's bound: logits are multiplied by at most 100 (CLIP section 2.5).
  public static let largestScale = 100.0

  /// Makes both towers, with the temperature of the paper, 0.07.
  public init(_ config: CLIPConfig, using random: RandomSource) {
    text = CLIPTextModelWithProjection(config.text, using: random)
    vision = CLIPVisionModelWithProjection(config.vision, using: random)
    logitScale = Parameter([], filledWith: Foundation.log(1 / 0.07))
  }

  /// Joins two towers; the temperature starts anew.
  public init(text: CLIPTextModelWithProjection, vision: CLIPVisionModelWithProjection) {
    self.text = text
    self.vision = vision
    logitScale = Parameter([], filledWith: Foundation.log(1 / 0.07))
  }

  /// Similarities of each picture (row) with each caption (column), scaled: `[N, M]`.
  ///
  /// Shapes: `pixels` `[N, 3, S, S]`, `ids` `[M, L]`.
  public func callAsFunction(pixels: Tensor, ids: Tensor) -> Tensor {
    logits(imageEmbeds: vision(pixels), textEmbeds: text(ids).embeds)
  }

  /// Scaled cosine similarities, `[N, D], [M, D] -> [N, M]`.
  public func logits(imageEmbeds: Tensor, textEmbeds: Tensor) -> Tensor {
    let pictures = normalized(imageEmbeds.to(.float32))
    let captions = normalized(textEmbeds.to(.float32))
    return pictures.matmul(captions.transposed(0, 1)) * logitScale.value.exp()
  }

  /// The symmetric contrastive loss of a batch of pairs: each picture must find its caption among
  /// all captions, and each caption its picture.
  ///
  /// Shapes: both `[N, D]`; result `[]`. Source: CLIP section 2.3, figure 3.
  public func contrastiveLoss(imageEmbeds: Tensor, textEmbeds: Tensor) -> Tensor {
    let logits = logits(imageEmbeds: imageEmbeds, textEmbeds: textEmbeds)
    let labels = Tensor.arange(
      0, Double(logits.dim(0)), dtype: .int64, device: logits.device)
    return
      (F.crossEntropy(logits, labels) + F.crossEntropy(logits.transposed(0, 1), labels)) * 0.5
  }

  /// Puts the learned scale back under its bound; call it after each optimiser step.
  public func clampLogitScale() {
    let scale = logitScale.value
    noGrad { scale.copy(from: scale.clamped(min: nil, max: Foundation.log(Self.largestScale))) }
  }
}

/// Rows of length one, `[N, D] -> [N, D]`.
public func normalized(_ embeddings: Tensor) -> Tensor {
  embeddings / embeddings.norm(over: -1, keepingDims: true)
}
