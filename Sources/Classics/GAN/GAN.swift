public import Config
public import Torch
public import TorchNN

/// The shape of a ``GAN``.
public struct GANConfig: ImageConfig {
  /// The discriminator's normalisation.
  public enum Norm: String, ConfigChoice {
    /// Batch norm, as in DCGAN; not with a gradient penalty.
    case batch
    /// Spectral norm of every weight.
    case spectral
    /// No norm.
    case none
  }

  /// Side of the images, pixels.
  public var imageSize: Int
  /// 1 for grey images, 3 for colour.
  public var channels: Int
  /// Channels of the stages, from the image inwards; each halves the side.
  public var widths: [Int]
  /// Dimensions of the latent vector z.
  public var latentDim: Int
  /// The discriminator's normalisation.
  public var discriminatorNorm: Norm

  enum CodingKeys: String, CodingKey {
    case channels, widths
    case imageSize = "image_size"
    case latentDim = "latent_dim"
    case discriminatorNorm = "discriminator_norm"
  }

  /// Groups the values.
  public init(
    imageSize: Int, channels: Int, widths: [Int], latentDim: Int, discriminatorNorm: Norm
  ) {
    self.imageSize = imageSize
    self.channels = channels
    self.widths = widths
    self.latentDim = latentDim
    self.discriminatorNorm = discriminatorNorm
  }

  /// Checks each value.
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  public func validate(file: String) throws(ConfigError) {
    let check = ConfigCheck(model: file)
    try check.stack(imageSize: imageSize, channels: channels, widths: widths)
    try check.latent(
      latentDim, imageSize: imageSize, channels: channels, widths: widths)
  }
}

/// A generative adversarial network: a generator of images, and a discriminator trained to tell
/// them from real ones, each trained against the other.
///
/// `min_G max_D E[log D(x)] + E[log(1 − D(G(z)))]` with `z ~ N(0, I)`.
/// Source: Goodfellow et al. 2014, equation 1; the networks are those of Radford et al. 2016
/// (DCGAN), with their first weights, Gaussian of deviation 0.02.
public final class GAN: LatentGenerating {
  /// Its name in commands and model folders.
  public static let kind = ClassicKind("gan")
  /// Returns the number of stages.
  public static func blockCount(of config: GANConfig) -> Int { config.widths.count }
  /// Its shape.
  public let config: GANConfig
  /// G.
  public let generator: Generator
  /// D.
  public let discriminator: Discriminator

  /// Makes networks with new weights.
  public init(_ config: GANConfig, using random: RandomSource) {
    self.config = config
    generator = Generator(config, using: random)
    discriminator = Discriminator(config, using: random)
  }

  /// Samples z for `count` images, `[count, latent]`, Gaussian.
  public func latents(_ count: Int, using random: RandomSource) -> Tensor {
    random.normal([count, config.latentDim], device: generator.input.weight.device)
  }

  /// Generates images `[count, C, S, S]` in [-1, 1].
  public func sample(_ count: Int, using random: RandomSource) -> Tensor {
    generator(latents(count, using: random))
  }

  /// Generates images along the great circle from one z to another, `[1, latent]` each (slerp).
  ///
  /// A straight line would lead through short vectors, which training never samples.
  /// `slerp(t) = (sin((1−t)ω) z₀ + sin(tω) z₁) / sin ω`, ω the angle (White 2016).
  public func interpolated(from z0: Tensor, to z1: Tensor, steps: Int) -> Tensor {
    let t = Tensor.linspace(0, 1, count: steps).reshaped(steps, 1).to(z0.device)
    let cosine = (z0.normalized() * z1.normalized()).sum(over: 1, keepingDims: true)
    let angle = cosine.clamped(min: -1, max: 1).acos()
    let sine = angle.sin()
    guard sine.item() > 1e-6 else { return generator(z0 + (z1 - z0) * t) }
    let near = ((1 - t) * angle).sin() * z0
    return generator((near + (t * angle).sin() * z1) / sine)
  }
}

/// The generator: a linear layer to a small map, then stages that double the side, each batch norm,
/// ReLU and a 4×4 transposed convolution; the last ends in tanh.
public final class Generator: Module {
  let input: Linear
  let norms: [BatchNorm2d]
  let stages: [ConvTranspose2d]
  private let width: Int
  private let side: Int

  init(_ config: GANConfig, using random: RandomSource) {
    width = config.widths.last ?? 1
    side = config.imageSize >> config.widths.count
    let deviation = Initialization.normal(deviation: 0.02)
    input = Linear(config.latentDim, width * side * side, using: random)
    input.weight.initialize(deviation, using: random)
    let outputs = config.widths.dropLast().reversed() + [config.channels]
    norms = config.widths.reversed().map { width in
      let norm = BatchNorm2d(width)
      norm.weight.initialize(.normal(mean: 1, deviation: 0.02), using: random)
      return norm
    }
    stages = zip(config.widths.reversed(), outputs).map { from, to in
      let stage = ConvTranspose2d(from, to, kernel: 4, stride: 2, padding: 1, using: random)
      stage.weight.initialize(deviation, using: random)
      return stage
    }
  }

  /// Generates images: `[B, latent]` to `[B, C, S, S]` in [-1, 1].
  public func callAsFunction(_ z: Tensor) -> Tensor {
    let map = input(z).reshaped(z.dim(0), width, side, side)
    return zip(norms, stages).reduce(map) { x, stage in stage.1(stage.0(x).relu()) }.tanh()
  }
}

/// The discriminator, whose score is high for real images: stages that halve the side, each a 4×4
/// convolution, a norm (not in the first) and a leaky ReLU; then a linear layer.
public final class Discriminator: Module {
  let stages: [any UnaryLayer]
  let norms: [BatchNorm2d]
  let output: any UnaryLayer

  /// Lists the members by hand: two of them have types that reflection cannot see.
  public func forEachMember(_ body: (String, Any) -> Void) {
    body("stages", stages)
    body("norms", norms)
    body("output", output)
  }

  init(_ config: GANConfig, using random: RandomSource) {
    let side = config.imageSize >> config.widths.count
    let isSpectral = config.discriminatorNorm == .spectral
    let deviation = Initialization.normal(deviation: 0.02)
    stages = zip([config.channels] + config.widths, config.widths).map { from, to in
      if isSpectral {
        return SpectralConv2d(from, to, kernel: 4, stride: 2, padding: 1, using: random)
      }
      let stage = Conv2d(from, to, kernel: 4, stride: 2, padding: 1, using: random)
      stage.weight.initialize(deviation, using: random)
      return stage
    }
    norms =
      config.discriminatorNorm == .batch
      ? config.widths.dropFirst().map { width in
        let norm = BatchNorm2d(width)
        norm.weight.initialize(.normal(mean: 1, deviation: 0.02), using: random)
        return norm
      } : []
    let features = (config.widths.last ?? 1) * side * side
    if isSpectral {
      output = SpectralLinear(features, 1, using: random)
    } else {
      let linear = Linear(features, 1, using: random)
      linear.weight.initialize(deviation, using: random)
      output = linear
    }
  }

  /// Scores images: `[B, C, S, S]` in [-1, 1] to `[B]`, unbounded.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    var h = x
    for (index, stage) in stages.enumerated() {
      h = stage(h)
      if index > 0, !norms.isEmpty { h = norms[index - 1](h) }
      h = h.leakyReLU(0.2)
    }
    return output(h.flattened(from: 1)).squeezed(1)
  }
}
