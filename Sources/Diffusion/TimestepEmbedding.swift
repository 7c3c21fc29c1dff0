import Foundation
public import Torch
public import TorchNN

/// Computes the sinusoidal embedding of timesteps, cosines first: `[B] -> [B, width]`, float32.
///
/// Frequencies fall from 1 to nearly 1/10000 over half the width, as with `freq_shift` 0 in
/// diffusers.
///
/// Range: timesteps as they are, 0 … 999.
///
/// Source: ADM (guided-diffusion `timestep_embedding`).
/// - Precondition: `width` is even and at least 2.
public func timestepSinusoid(_ timesteps: Tensor, width: Int) -> Tensor {
  precondition(width >= 2 && width % 2 == 0, "the width of a sinusoid is even, not \(width)")
  let half = width / 2
  let exponent = Tensor.arange(0, Double(half), dtype: .float32, device: timesteps.device)
  let frequencies = (exponent * (-Foundation.log(10000.0) / Double(half))).exp()
  let angles = timesteps.to(.float32).unsqueezed(1) * frequencies.unsqueezed(0)  // [B, half]
  return Tensor.concatenated([angles.cos(), angles.sin()], over: 1)
}

/// An MLP with SiLU on the sinusoidal embedding: `[B, inputWidth] -> [B, width]`.
///
/// Source: diffusers `TimestepEmbedding`; keys `linear_1`, `linear_2`.
public final class TimestepEmbedding: Module {
  /// Property names that are not the snake case of diffusers'.
  public static let keys = ["linear1": "linear_1", "linear2": "linear_2"]
  let linear1: Linear
  let linear2: Linear

  /// Makes the two layers with random weights.
  public init(inputWidth: Int, width: Int, using random: RandomSource) {
    linear1 = Linear(inputWidth, width, using: random)
    linear2 = Linear(width, width, using: random)
  }

  /// Maps `[B, inputWidth] -> [B, width]`.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    linear2(linear1(x).silu())
  }
}
