package import Torch

/// The keys and values of the positions that a causal transformer has seen, of each block, so that
/// a new position costs one row.
package struct KeyValueCache {
  /// One block's: `[B, heads, n, width / heads]` each.
  fileprivate var blocks: [(keys: Tensor, values: Tensor)] = []

  /// A cache without positions.
  package init() {}

  /// The number of positions in it.
  package var count: Int { blocks.first?.keys.dim(2) ?? 0 }
}

/// A pre-norm transformer block in which a position attends to itself and those before it:
/// `x ← x + attention(norm(x))`, `x ← x + W₂ gelu(W₁ norm(x))`.
///
/// `attention(Q, K, V) = softmax(Q Kᵀ/√d + mask) V`, the mask −∞ where j > i.
/// Source: Vaswani et al. 2017, equation 1; the order of norms is that of Radford et al. 2019.
package final class CausalBlock: Module {
  let norm1: LayerNorm
  let toQkv: Linear
  let toOut: Linear
  let norm2: LayerNorm
  let expand: Linear
  let contract: Linear
  private let heads: Int
  let dropout: Dropout

  /// Makes a block; `heads` divides `width`.
  package init(width: Int, heads: Int, dropout: Double = 0, using random: RandomSource) {
    norm1 = LayerNorm(width)
    toQkv = Linear(width, 3 * width, using: random)
    toOut = Linear(width, width, using: random)
    norm2 = LayerNorm(width)
    expand = Linear(width, 4 * width, using: random)
    contract = Linear(4 * width, width, using: random)
    self.heads = heads
    self.dropout = Dropout(dropout)
  }

  /// Runs the block, `[B, n, width]` in and out, after the positions `past`; returns all keys and
  /// values too.
  fileprivate func callAsFunction(
    _ x: Tensor, mask: Tensor?, isCausal: Bool, after past: (keys: Tensor, values: Tensor)?
  ) -> (Tensor, (keys: Tensor, values: Tensor)) {
    // [B, heads, n, width / heads] each
    let qkv = toQkv(norm1(x)).splitHeads(3 * heads).chunked(3, over: 1)
    var (keys, values) = (qkv[1], qkv[2])
    if let past {
      keys = Tensor.concatenated([past.keys, keys], over: 2)
      values = Tensor.concatenated([past.values, values], over: 2)
    }
    let attended = F.scaledDotProductAttention(
      qkv[0], keys, values, mask: mask, isCausal: isCausal)
    let h = x + dropout(toOut(attended.mergedHeads()))
    return (h + dropout(contract(expand(norm2(h)).gelu())), (keys, values))
  }
}

extension [CausalBlock] {
  /// Runs all blocks on whole rows, `[B, n, width]` in and out.
  ///
  /// - Parameter visible: `[B, n]` bool, false where no position may look, such as padding; nil
  ///   shows all.
  package func callAsFunction(_ x: Tensor, visible: Tensor? = nil) -> Tensor {
    var cache = KeyValueCache()
    return self(x, visible: visible, growing: &cache)
  }

  /// Runs all blocks on the positions after those in the cache, which grows by them.
  ///
  /// - Parameter visible: `[B, n]` bool as above, of all positions, those in the cache too.
  package func callAsFunction(
    _ x: Tensor, visible: Tensor? = nil, growing cache: inout KeyValueCache
  ) -> Tensor {
    let (new, past) = (x.dim(1), cache.count)
    var mask: Tensor?
    if visible != nil || (past > 0 && new > 1) {
      // Row i of the new ones is position past + i.
      var seen = Tensor.ones([1, 1, new, past + new], dtype: .bool, device: x.device)
        .lowerTriangle(diagonal: past)
      if let visible { seen = seen.logicalAnd(visible.unsqueezed(1).unsqueezed(1)) }
      mask = seen
    }
    var x = x
    for (index, block) in enumerated() {
      let (y, all) = block(
        x, mask: mask, isCausal: mask == nil && new > 1,
        after: past > 0 ? cache.blocks[index] : nil)
      x = y
      if index < cache.blocks.count { cache.blocks[index] = all } else { cache.blocks.append(all) }
    }
    return x
  }
}

extension Tensor {
  /// Returns the probabilities to sample from, `[B, K]`, of logits of the same shape.
  ///
  /// - Parameters:
  ///   - temperature: Divides the logits: below 1 what is likely becomes likelier.
  ///   - top: Keeps only so many of the likeliest, and those tied with the last; 0 keeps all.
  /// - Precondition: The temperature is finite and greater than 0.
  package func samplingProbabilities(temperature: Double, top: Int) -> Tensor {
    precondition(
      temperature > 0 && temperature.isFinite, "sampling at temperature \(temperature)")
    var logits = self * (1 / temperature)
    if top > 0, top < logits.dim(1) {
      let least = logits.topK(top).values.min(over: 1, keepingDims: true)
      logits = logits.masked(fill: logits .< least, -.infinity)
    }
    return logits.softmax(over: 1)
  }
}
