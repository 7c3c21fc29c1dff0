import Foundation
import Torch
import TorchNN

/// Self-attention over the pixels of a feature map, with a context sequence's keys and values
/// before the pixels' in one softmax: `[B, C, H, W], [B, L, X] -> [B, C, H, W]`.
///
/// Queries, keys and values of the pixels come from the normed map; those of the context from the
/// raw sequence. The mask hides context keys only.
/// Source: GLIDE `AttentionBlock.encoder_kv`; keys as diffusers `Attention` with added KV.
final class AddedKVAttention: Module {
  let groupNorm: GroupNorm
  let toQ: Linear
  let toK: Linear
  let toV: Linear
  let addKProj: Linear
  let addVProj: Linear
  let toOut: [Linear]
  private let headWidth: Int

  /// Makes a layer of `channels / headWidth` heads; its output projection starts at zero.
  init(
    channels: Int, headWidth: Int, contextWidth: Int, config: UNetConfig,
    using random: RandomSource
  ) {
    self.headWidth = headWidth
    groupNorm = GroupNorm(config.normNumGroups, channels, epsilon: 1e-5)
    toQ = Linear(channels, channels, using: random)
    toK = Linear(channels, channels, using: random)
    toV = Linear(channels, channels, using: random)
    addKProj = Linear(contextWidth, channels, using: random)
    addVProj = Linear(contextWidth, channels, using: random)
    toOut = [zeroed(Linear(channels, channels, using: random))]
  }

  /// Attends to the context and the pixels of `x`, `[B, C, H, W]`.
  func callAsFunction(_ x: Tensor, context: UNetContext) -> Tensor {
    let text = context[self]
    let (b, c, h, w) = x.shape4
    let pixels = groupNorm(x).permuted(0, 2, 3, 1).reshaped(b, h * w, c)
    let keys = Tensor.concatenated([text.keys, toK(pixels)], over: 1)  // [B, L+HW, C]
    let values = Tensor.concatenated([text.values, toV(pixels)], over: 1)
    let visible = context.mask.map { mask in
      Tensor.concatenated(
        [mask, Tensor.ones([b, h * w], dtype: .bool, device: mask.device)], over: 1
      ).reshaped(b, 1, 1, mask.dim(1) + h * w)
    }
    let heads = c / headWidth
    let attended = F.scaledDotProductAttention(
      toQ(pixels).splitHeads(heads), keys.splitHeads(heads), values.splitHeads(heads),
      mask: visible)  // [B, heads, HW, d]
    return x + toOut[0](attended.mergedHeads()).reshaped(b, h, w, c).permuted(0, 3, 1, 2)
  }
}
