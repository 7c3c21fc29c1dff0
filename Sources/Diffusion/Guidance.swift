public import Torch

/// Applies classifier-free guidance: `u + scale (c − u)`; scale 1 is the conditional prediction.
///
/// Only the first `channels` are guided; the rest, a learned variance, are the conditional's.
/// `rescale` φ pulls the guided prediction's standard deviation back towards the conditional's, row
/// by row: `φ g std(c) / std(g) + (1 − φ) g`.
///
/// Shapes: `conditional`, `unconditional` `[B, C, …]`, kept; computed in float32.
/// Source: Ho and Salimans 2022; Lin et al. 2023, 3.4; diffusers `UnCLIPPipeline`.
public func guided(
  _ conditional: Tensor, unconditional: Tensor, scale: Double, channels: Int? = nil,
  rescale: Double = 0
) -> Tensor {
  let all = conditional.dim(1)
  let count = channels ?? all
  precondition(count >= 1 && count <= all, "\(count) guided channels of \(all)")
  let c = conditional.narrowed(1, start: 0, count: count).asSamplingType
  let u = unconditional.narrowed(1, start: 0, count: count).asSamplingType
  var mixed = u + (c - u) * scale
  if rescale > 0 {
    let axes = Array(1..<c.rank)
    let ratio = spread(c, over: axes) / spread(mixed, over: axes)
    mixed = mixed * ratio * rescale + mixed * (1 - rescale)
  }
  guard count < all else { return mixed }
  let rest = conditional.narrowed(1, start: count, count: all - count).asSamplingType
  return Tensor.concatenated([mixed, rest], over: 1)
}

/// Applies guidance to one output of the network whose first half is unconditional and second half
/// conditional. Shapes: `[2B, C, …] -> [B, C, …]`.
///
/// - Precondition: the batch is even.
public func guided(
  halves output: Tensor, scale: Double, channels: Int? = nil, rescale: Double = 0
) -> Tensor {
  precondition(output.dim(0) % 2 == 0, "a guided batch is even, not \(output.dim(0))")
  let count = output.dim(0) / 2
  return guided(
    output.narrowed(0, start: count, count: count),
    unconditional: output.narrowed(0, start: 0, count: count),
    scale: scale, channels: channels, rescale: rescale)
}

/// Returns each row's standard deviation, `[B, 1, …]`.
private func spread(_ x: Tensor, over axes: [Int]) -> Tensor {
  let rows = x.reshaped([x.dim(0), -1])
  return rows.standardDeviation(over: 1, unbiased: true)
    .reshaped([x.dim(0)] + Array(repeating: 1, count: axes.count))
}
