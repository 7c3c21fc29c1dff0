import Foundation
public import Torch

/// How an upsampler's low-resolution condition is made from an image in training.
///
/// The paper corrupts the condition with a Gaussian blur (kernel 3, σ 0.6), never the target; it
/// does not say how often, so the rate is DALLE2-pytorch's one half.
/// Source: paper section 2.1 and appendix C.
public enum LowResolution {
  /// Side of the blur's kernel, pixels.
  static let kernelSide = 3
  /// The blur's standard deviation, pixels.
  static let sigma = 0.6

  /// Returns an image reduced `factor` times, blurred where `blurred` is true:
  /// `[B, 3, S, S] -> [B, 3, S / factor, S / factor]`.
  ///
  /// - Parameters:
  ///   - images: The images.
  ///   - factor: How many times smaller the side becomes.
  ///   - blurred: `[B]` bool; nil blurs none.
  public static func reduced(_ images: Tensor, factor: Int, blurred: Tensor? = nil) -> Tensor {
    let side = images.dim(2) / factor
    let small = F.averagePool2d(images, kernel: factor, stride: factor)
    precondition(small.dim(2) == side, "the side \(images.dim(2)) is not a multiple of \(factor)")
    guard let blurred else { return small }
    return Tensor.where(blurred.reshaped(blurred.dim(0), 1, 1, 1), blur(small), small)
  }

  /// Returns the condition at the upsampler's size: antialiased bicubic, as diffusers does.
  /// `[B, 3, s, s] -> [B, 3, size, size]`.
  public static func enlarged(_ images: Tensor, to size: Int) -> Tensor {
    F.interpolate(images, size: (size, size), mode: .bicubic, antialias: true)
  }

  /// As ``enlarged(_:to:)``, for images that need not be square.
  /// `[B, 3, h, w] -> [B, 3, factor · h, factor · w]`.
  static func enlarged(_ images: Tensor, by factor: Int) -> Tensor {
    F.interpolate(
      images, size: (images.dim(2) * factor, images.dim(3) * factor), mode: .bicubic,
      antialias: true)
  }

  /// Gaussian blur of each channel by itself, borders reflected; the shape stays.
  public static func blur(_ images: Tensor) -> Tensor {
    let half = kernelSide / 2
    let weights = (-half...half).map { Foundation.exp(-Double($0 * $0) / (2 * sigma * sigma)) }
    let total = weights.reduce(0, +)
    let line = Tensor(weights.map { Float($0 / total) }, device: images.device)
    let kernel = line.unsqueezed(1).matmul(line.unsqueezed(0))  // [3, 3]
    let channels = images.dim(1)
    let bank = kernel.reshaped(1, 1, kernelSide, kernelSide).expanded(
      [channels, 1, kernelSide, kernelSide]
    ).to(images.dtype).contiguous()
    let padded = images.padded([half, half, half, half], mode: .reflect)
    return F.conv2d(padded, bank, groups: channels)
  }
}
