public import Torch

/// CLIP's text embeddings and encodings of a batch of texts.
public struct TextConditioning {
  /// Text embeddings, `[B, D]`, not normalised.
  public var embedding: Tensor
  /// Encodings of each token after the final norm, `[B, L, D]`.
  public var encodings: Tensor
  /// True up to and including the end token, `[B, L]` bool.
  public var mask: Tensor

  /// Groups the values.
  public init(embedding: Tensor, encodings: Tensor, mask: Tensor) {
    self.embedding = embedding
    self.encodings = encodings
    self.mask = mask
  }

  /// Texts in the batch.
  public var count: Int { embedding.dim(0) }

  /// Replaces texts where `dropped` (`[B]` bool) is true by those of `other`, which may hold one.
  public func replaced(where dropped: Tensor, by other: TextConditioning) -> TextConditioning {
    TextConditioning(
      embedding: Tensor.where(dropped.unsqueezed(1), other.embedding, embedding),
      encodings: Tensor.where(dropped.reshaped(dropped.dim(0), 1, 1), other.encodings, encodings),
      mask: Tensor.where(dropped.unsqueezed(1), other.mask, mask))
  }

  /// Removes the positions that are padding in all texts.
  ///
  /// No result depends on them, as masks hide them from every network. A prompt of eight words
  /// takes ten of Karlo's 77 positions, which saves most of the prior's work.
  public func trimmed() -> TextConditioning { trimmed(by: nil) }

  /// Removes the positions that are padding in all texts of a batch that several processes share, so
  /// that a dropout after it has the batch's shape in each.
  ///
  /// - Parameter gather: Concatenates the rows of all processes; nil for one process.
  package func trimmed(by gather: ((Tensor) -> Tensor)?) -> TextConditioning {
    let (_, length) = mask.shape2
    let positions = Tensor.arange(1, Double(length + 1), dtype: .int64, device: mask.device)
    let last = (mask.to(.int64) * positions).max()
    let used = max(1, (gather?(last.unsqueezed(0)).max() ?? last).itemInt())
    guard used < length else { return self }
    return TextConditioning(
      embedding: embedding, encodings: encodings.narrowed(1, start: 0, count: used),
      mask: mask.narrowed(1, start: 0, count: used))
  }

  /// Concatenates batches.
  public static func concatenated(_ parts: [TextConditioning]) -> TextConditioning {
    TextConditioning(
      embedding: Tensor.concatenated(parts.map(\.embedding), over: 0),
      encodings: Tensor.concatenated(parts.map(\.encodings), over: 0),
      mask: Tensor.concatenated(parts.map(\.mask), over: 0))
  }

  /// Returns one text of the batch.
  package func row(_ index: Int) -> TextConditioning {
    TextConditioning(
      embedding: embedding[index..<index + 1], encodings: encodings[index..<index + 1],
      mask: mask[index..<index + 1])
  }

  /// Repeats each text `n` times in a row.
  public func repeated(_ n: Int) -> TextConditioning {
    TextConditioning(
      embedding: embedding.repeatInterleaved(n, over: 0),
      encodings: encodings.repeatInterleaved(n, over: 0),
      mask: mask.repeatInterleaved(n, over: 0))
  }
}
