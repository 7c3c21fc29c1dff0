package import Torch

extension Tensor {
  /// Splits the last axis among attention heads: `[B, L, D] -> [B, heads, L, D / heads]`.
  package func splitHeads(_ count: Int) -> Tensor {
    let (b, l, d) = shape3
    return reshaped(b, l, count, d / count).transposed(1, 2)
  }

  /// Merges attention heads: `[B, heads, L, d] -> [B, L, heads d]`.
  package func mergedHeads() -> Tensor {
    let (b, heads, l, d) = shape4
    return transposed(1, 2).reshaped(b, l, heads * d)
  }
}
