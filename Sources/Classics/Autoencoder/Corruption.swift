public import Config
public import Torch
import TorchNN

/// A random corruption of images, `x̃ ~ q(x̃ | x)`.
///
/// Source: Vincent et al. 2008 and 2010; the masks of patches are those of Pathak et al. 2016.
public struct Corruption: Codable, Sendable, Equatable {
  /// The kind of corruption.
  public enum Kind: String, ConfigChoice {
    /// Gaussian noise is added to every element.
    case gaussian
    /// Pixels become grey.
    case maskPixels = "mask_pixels"
    /// Squares of pixels become grey.
    case maskPatches = "mask_patches"
    /// Pixels become black or white with equal probability.
    case saltAndPepper = "salt_and_pepper"
  }

  /// The kind of corruption.
  public var kind: Kind
  /// The noise's deviation on the scale [-1, 1]; else the fraction of pixels or squares hit.
  public var amount: Double
  /// Side of the squares, pixels.
  public var patch: Int

  /// Groups the values.
  public init(kind: Kind, amount: Double, patch: Int = 1) {
    self.kind = kind
    self.amount = amount
    self.patch = patch
  }

  /// Checks each value for images of a size.
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  public func validate(imageSize: Int, file: String) throws(ConfigError) {
    let check = ConfigCheck(model: file).section("corruption")
    try check.number("amount", amount, in: 0...(kind == .gaussian ? 1000 : 1))
    try check.count("patch", patch, in: 1...ConfigLimit.side)
    try check.divides("patch", patch, imageSize, of: "image_size")
  }

  /// Corrupts each image of `[B, C, S, S]` in [-1, 1] by itself.
  public func callAsFunction(_ x: Tensor, using random: RandomSource) -> Tensor {
    let (count, _, height, width) = x.shape4
    /// Chooses the pixels to hit, `[B, 1, S, S]`, square by square.
    func hit(side: Int) -> Tensor {
      let grid = [count, 1, height / side, width / side]
      let mask = random.bernoulli(amount, grid, dtype: .float32, device: x.device)
      return mask.repeatInterleaved(side, over: 2).repeatInterleaved(side, over: 3)
    }
    switch kind {
    case .gaussian: return x + random.normal(x.shape, device: x.device) * amount
    case .maskPixels: return x * (1 - hit(side: 1))
    case .maskPatches: return x * (1 - hit(side: patch))
    case .saltAndPepper:
      let mask = hit(side: 1)
      let grains = random.bernoulli(0.5, mask.shape, dtype: .float32, device: x.device) * 2 - 1
      return x * (1 - mask) + grains * mask
    }
  }
}
