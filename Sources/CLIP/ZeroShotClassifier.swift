public import Torch

/// Classifies images by their similarity to texts about each class.
///
/// Source: CLIP paper, sections 3.1.2 and 3.1.4; openai/CLIP
/// `Prompt_Engineering_for_ImageNet.ipynb`.
public struct ZeroShotClassifier {
  /// The names, in order.
  public let labels: [String]
  /// One unit vector a name, `[labels, width]`.
  public let weights: Tensor
  /// The factor on cosines.
  public let scale: Double

  /// Where the name stands in a template.
  public static let placeholder = "{}"

  /// Embeds every name in every template; the normalised embeddings of a name are averaged and
  /// normalised again.
  ///
  /// `scale` is the logit scale's factor.
  /// - Precondition: there are labels and templates.
  public init(
    labels: [String], templates: [String], scale: Double, encoder: CLIPTextEncoder
  ) {
    precondition(!labels.isEmpty && !templates.isEmpty, "no labels or no templates")
    self.labels = labels
    self.scale = scale
    let rows = labels.map { label in
      let texts = templates.map { $0.replacing(Self.placeholder, with: label) }
      return encoder(texts, normalized: true).mean(over: 0)
    }
    weights = Tensor.stacked(rows).normalized()
  }

  /// Returns how likely each name is.
  ///
  /// Shapes: image embeddings `[N, width]` to `[N, labels]`.
  /// Range: rows add up to 1.
  public func probabilities(of embeds: Tensor) -> Tensor {
    noGrad {
      (embeds.normalized().matmul(weights.transposed()) * scale).softmax(over: -1)
    }
  }
}
