import Config
public import Torch
public import TorchNN

/// An encoder of images as feature maps: `[B, C, S, S] -> [B, widths.last, S/2ⁿ, S/2ⁿ]` with n
/// stages, each a 4×4 convolution that halves the side, and a ReLU.
///
/// Source: the strided encoder of Radford et al. 2016 (DCGAN), without its norms.
public final class ConvolutionEncoder: UnaryLayer {
  let stages: [Conv2d]

  /// Makes an encoder with one stage per width.
  ///
  /// - Precondition: `widths` is not empty.
  public init(channels: Int, widths: [Int], using random: RandomSource) {
    precondition(!widths.isEmpty, "an encoder needs at least one width")
    stages = zip([channels] + widths, widths).map { input, output in
      Conv2d(input, output, kernel: 4, stride: 2, padding: 1, using: random)
    }
  }

  /// Encodes images.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    stages.reduce(x) { $1($0).relu() }
  }
}

/// A decoder of feature maps to images, the mirror of ``ConvolutionEncoder``:
/// `[B, widths.last, S/2ⁿ, S/2ⁿ] -> [B, C, S, S]`; the last stage has no ReLU.
public final class ConvolutionDecoder: UnaryLayer {
  let stages: [ConvTranspose2d]

  /// Makes a decoder from the widths of its encoder, which it uses from the last to the first.
  ///
  /// - Precondition: `widths` is not empty.
  public init(channels: Int, widths: [Int], using random: RandomSource) {
    precondition(!widths.isEmpty, "a decoder needs at least one width")
    let outputs = widths.dropLast().reversed() + [channels]
    stages = zip(widths.reversed(), outputs).map { input, output in
      ConvTranspose2d(input, output, kernel: 4, stride: 2, padding: 1, using: random)
    }
  }

  /// Decodes features to images, or to the parameters of their distribution.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    stages.dropLast().reduce(x) { $1($0).relu() }.through(stages.last)
  }
}

extension Tensor {
  fileprivate func through(_ layer: ConvTranspose2d?) -> Tensor { layer?(self) ?? self }
}

/// Checks of image models' sizes, whose keys are in the section `model`.
extension ConfigCheck {
  /// Checks values of the section `model`.
  init(model file: String) { self.init(file: file, at: "model") }

  /// Checks the keys `image_size`, `channels` and `widths` that all models of images have.
  func stack(imageSize: Int, channels: Int, widths: [Int]) throws(ConfigError) {
    try count("image_size", imageSize, in: 1...ConfigLimit.side)
    try require(
      channels == 1 || channels == 3, "channels", channels, "images have 1 or 3 channels")
    try require(
      (1...11).contains(widths.count)
        && widths.allSatisfy { (1...ConfigLimit.width).contains($0) }, "widths", widths,
      "it must list 1 to 11 counts of 1 to \(ConfigLimit.width)")
    let shrink = 1 << widths.count
    try require(
      imageSize.isMultiple(of: shrink), "image_size", imageSize,
      "\(widths.count) widths halve the side as often, so it must be a multiple of \(shrink)")
    let convolutions = zip([channels] + widths, widths).reduce(0.0) {
      $0 + 32 * Double($1.0) * Double($1.1)
    }
    try weights(convolutions, "widths", widths)
  }

  /// Checks a vector that linear layers connect with the smallest map of a stack.
  func vector(
    _ key: String, _ length: Int, imageSize: Int, widths: [Int], upTo most: Int
  ) throws(ConfigError) {
    try count(key, length, in: 1...most)
    let side = Double(imageSize >> widths.count)
    try weights(2 * side * side * Double(widths.last ?? 1) * Double(length), key, length)
  }

  /// Checks that a latent vector is smaller than its image.
  func latent(
    _ length: Int, imageSize: Int, channels: Int, widths: [Int]
  ) throws(ConfigError) {
    try vector(
      "latent_dim", length, imageSize: imageSize, widths: widths,
      upTo: imageSize * imageSize * channels)
  }
}
