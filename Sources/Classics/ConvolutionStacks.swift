import Config
public import Torch
public import TorchNN

/// From a picture to a small map of features: `[B, C, S, S] -> [B, widths.last, S/2ⁿ, S/2ⁿ]` with
/// n stages, each a 4×4 convolution that halves the side, and a ReLU.
///
/// Source: the strided encoder of Radford et al. 2016 (DCGAN), without its norms.
public final class ConvolutionEncoder: UnaryLayer {
  let stages: [Conv2d]

  /// An encoder with one stage for each width.
  ///
  /// Traps: when `widths` is empty.
  public init(channels: Int, widths: [Int], using random: RandomSource) {
    precondition(!widths.isEmpty, "an encoder needs at least one width")
    stages = zip([channels] + widths, widths).map { input, output in
      Conv2d(input, output, kernel: 4, stride: 2, padding: 1, using: random)
    }
  }

  /// The features of pictures.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    stages.reduce(x) { $1($0).relu() }
  }
}

/// From a small map of features to a picture, the mirror of ``ConvolutionEncoder``:
/// `[B, widths.last, S/2ⁿ, S/2ⁿ] -> [B, C, S, S]`; the last stage has no ReLU.
public final class ConvolutionDecoder: UnaryLayer {
  let stages: [ConvTranspose2d]

  /// A decoder whose widths are those of its encoder, so they are used from the last to the first.
  ///
  /// Traps: when `widths` is empty.
  public init(channels: Int, widths: [Int], using random: RandomSource) {
    precondition(!widths.isEmpty, "a decoder needs at least one width")
    let outputs = widths.dropLast().reversed() + [channels]
    stages = zip(widths.reversed(), outputs).map { input, output in
      ConvTranspose2d(input, output, kernel: 4, stride: 2, padding: 1, using: random)
    }
  }

  /// Pictures, or what a picture's distribution is made of, from features.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    stages.dropLast().reduce(x) { $1($0).relu() }.through(stages.last)
  }
}

extension Tensor {
  fileprivate func through(_ layer: ConvTranspose2d?) -> Tensor { layer?(self) ?? self }
}

/// How convolution stacks are checked in a configuration.
struct StackCheck {
  let file: String

  /// Checks the keys `image_size`, `channels` and `widths` that all models of pictures have.
  func check(imageSize: Int, channels: Int, widths: [Int]) throws(ConfigError) {
    guard channels == 1 || channels == 3 else {
      throw invalid("channels", channels, "pictures have 1 or 3 channels")
    }
    guard !widths.isEmpty, widths.count < 12, widths.allSatisfy({ $0 >= 1 }) else {
      throw invalid("widths", widths, "it must be a list of counts of at least 1")
    }
    let shrink = 1 << widths.count
    guard imageSize >= 1, imageSize.isMultiple(of: shrink) else {
      throw invalid(
        "image_size", imageSize,
        "\(widths.count) widths halve the side as often, so it must be a multiple of \(shrink)")
    }
  }

  /// Checks that a latent vector is smaller than the picture it stands for.
  func check(latentDim: Int, imageSize: Int, channels: Int) throws(ConfigError) {
    let most = imageSize * imageSize * channels
    guard (1...most).contains(latentDim) else {
      throw invalid(
        "latent_dim", latentDim, "it must be at least 1 and at most the picture's \(most) numbers")
    }
  }

  func invalid(_ key: String, _ value: some Any, _ expected: String) -> ConfigError {
    .invalid(file: file, key: "model." + key, value: "\(value)", expected: expected)
  }
}
