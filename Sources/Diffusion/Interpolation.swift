import Foundation
public import Torch

/// Interpolates between vectors on the sphere, row by row: the point at `fraction` of the angle.
///
/// Nearly parallel rows (cosine beyond 0.9995) are interpolated linearly.
/// Shapes: `a`, `b` `[B, D]`, kept. Range: `fraction` 0 gives `a`, 1 gives `b`.
/// Source: Shoemake 1985; unCLIP 3.2.
public func sphericalInterpolation(_ a: Tensor, _ b: Tensor, fraction: Double) -> Tensor {
  let (x, y) = (a.asSamplingType, b.asSamplingType)
  let norms = x.norm(over: -1, keepingDims: true) * y.norm(over: -1, keepingDims: true)
  let cosine = (x * y).sum(over: -1, keepingDims: true) / norms
  let linear = x * (1 - fraction) + y * fraction
  let angles = cosine.clamped(min: -0.9995, max: 0.9995)
    .array(of: Double.self).map { acos($0) }
  func weight(_ part: Double) -> Tensor {
    Tensor(angles.map { sin(part * $0) / sin($0) }, shape: cosine.shape)
      .to(device: x.device, dtype: x.dtype)
  }
  let spherical = x * weight(1 - fraction) + y * weight(fraction)
  return Tensor.where(cosine.abs() .> 0.9995, linear, spherical)
}
