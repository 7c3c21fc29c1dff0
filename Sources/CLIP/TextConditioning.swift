public import Torch

/// CLIP's text embeddings and encodings of a batch of texts.
public struct TextConditioning {
  /// Text embeddings, `[B, D]`, not normalised.
  public var embedding: Tensor
  /// Encodings of each token after the final norm, `[B, L, D]`.
  public var encodings: Tensor
  /// True up to and including the end of the text, `[B, L]` bool.
  public var mask: Tensor

  /// Groups the three.
  public init(embedding: Tensor, encodings: Tensor, mask: Tensor) {
    self.embedding = embedding
    self.encodings = encodings
    self.mask = mask
  }

  /// Texts in the batch.
  public var count: Int { embedding.dim(0) }

  /// `other` where `dropped` (`[B]` bool) is true, this elsewhere; `other` may hold one text.
  public func replaced(where dropped: Tensor, by other: TextConditioning) -> TextConditioning {
    TextConditioning(
      embedding: Tensor.where(dropped.unsqueezed(1), other.embedding, embedding),
      encodings: Tensor.where(dropped.reshaped(dropped.dim(0), 1, 1), other.encodings, encodings),
      mask: Tensor.where(dropped.unsqueezed(1), other.mask, mask))
  }

  /// Returns the same texts without the positions that are padding in all of them.
  ///
  /// No result depends on those: no network attends to what its mask hides. A prompt of
  /// eight words takes ten of Karlo's 77 positions, and the prior's work falls with them.
  public func trimmed() -> TextConditioning {
    let (_, length) = mask.shape2
    let positions = Tensor.arange(1, Double(length + 1), dtype: .int64, device: mask.device)
    let used = max(1, (mask.to(.int64) * positions).max().itemInt())
    guard used < length else { return self }
    return TextConditioning(
      embedding: embedding, encodings: encodings.narrowed(1, start: 0, count: used),
      mask: mask.narrowed(1, start: 0, count: used))
  }

  /// Returns one batch after the other.
  public static func concatenated(_ parts: [TextConditioning]) -> TextConditioning {
    TextConditioning(
      embedding: Tensor.concatenated(parts.map(\.embedding), over: 0),
      encodings: Tensor.concatenated(parts.map(\.encodings), over: 0),
      mask: Tensor.concatenated(parts.map(\.mask), over: 0))
  }

  /// Returns the same texts, each `n` times in a row.
  public func repeated(_ n: Int) -> TextConditioning {
    TextConditioning(
      embedding: embedding.repeatInterleaved(n, over: 0),
      encodings: encodings.repeatInterleaved(n, over: 0),
      mask: mask.repeatInterleaved(n, over: 0))
  }
}
