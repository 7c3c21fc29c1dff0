public import Config
import ImageMetrics
public import Torch
public import TorchNN

/// The shape of an ``Autoencoder``.
public struct AutoencoderConfig: ImageConfig {
  /// Side of the images, pixels.
  public var imageSize: Int
  /// 1 for grey images, 3 for colour.
  public var channels: Int
  /// Channels of the stages, each of which halves the side.
  public var widths: [Int]
  /// Dimensions of the latent vector z.
  public var latentDim: Int

  enum CodingKeys: String, CodingKey {
    case channels, widths
    case imageSize = "image_size"
    case latentDim = "latent_dim"
  }

  /// Groups the values.
  public init(imageSize: Int, channels: Int, widths: [Int], latentDim: Int) {
    self.imageSize = imageSize
    self.channels = channels
    self.widths = widths
    self.latentDim = latentDim
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

/// An autoencoder: it encodes an image x as a vector z and reconstructs x from z.
///
/// `z = f(x)`, `x̂ = g(z)`, and training minimises `‖x − x̂‖²`. The distribution of z is unknown,
/// so the model cannot generate images; that is what the VAE adds.
/// Source: Hinton and Salakhutdinov 2006.
public final class Autoencoder: LatentModel {
  /// Its name in commands and model folders.
  public static let kind = ClassicKind("ae")
  /// Returns the number of stages.
  public static func blockCount(of config: AutoencoderConfig) -> Int { config.widths.count }
  /// Its shape.
  public let config: AutoencoderConfig
  let encoder: ConvolutionEncoder
  let toLatent: Linear
  let fromLatent: Linear
  let decoder: ConvolutionDecoder

  /// Makes a model with new weights.
  public init(_ config: AutoencoderConfig, using random: RandomSource) {
    self.config = config
    let features = FeatureMap(config.imageSize, config.widths).count
    encoder = ConvolutionEncoder(channels: config.channels, widths: config.widths, using: random)
    toLatent = Linear(features, config.latentDim, using: random)
    fromLatent = Linear(config.latentDim, features, using: random)
    decoder = ConvolutionDecoder(channels: config.channels, widths: config.widths, using: random)
  }

  /// Encodes images: `[B, C, S, S]` in [-1, 1] to `[B, latent]`.
  public func encode(_ x: Tensor) -> Tensor { toLatent(encoder(x).flattened(from: 1)) }

  /// Decodes latent vectors: `[B, latent]` to `[B, C, S, S]`, not clamped to [-1, 1].
  public func decode(_ z: Tensor) -> Tensor {
    decoder(FeatureMap(config.imageSize, config.widths).map(fromLatent(z)))
  }

  /// Reconstructs images.
  public func callAsFunction(_ x: Tensor) -> Tensor { decode(encode(x)) }

  /// The mean of `(x − x̂)²` over all pixels.
  public func loss(_ x: Tensor) -> Tensor { F.mseLoss(self(x), x) }
}

/// The feature map between a convolution stack and a linear layer.
struct FeatureMap {
  private let channels: Int
  private let side: Int
  /// Elements in the map.
  var count: Int { channels * side * side }

  /// Makes the last map of a stack with these widths.
  init(_ imageSize: Int, _ widths: [Int]) {
    channels = widths.last ?? 0
    side = imageSize >> widths.count
  }

  /// Reshapes vectors to maps, through a ReLU: `[B, count] -> [B, channels, side, side]`.
  func map(_ h: Tensor) -> Tensor { h.relu().reshaped(h.dim(0), channels, side, side) }
}

extension Autoencoder: ImageModel {
  /// Returns the squared error.
  public func losses(_ batch: LabeledImages, using random: RandomSource) -> Losses {
    Losses(total: loss(batch.images))
  }

  /// Returns the squared error.
  public func measures(_ batch: LabeledImages, using random: RandomSource) -> [String: Double] {
    ["squared_error": loss(batch.images).item()]
  }

  /// Returns the squared error and the PSNR in decibels.
  public static func metrics(of means: [String: Double]) -> [String: Double] {
    means.withPSNR(of: "squared_error", as: "psnr")
  }

  /// Reconstructed images.
  public func outputs(for batch: LabeledImages, using random: RandomSource) -> [Tensor] {
    [self(batch.images)]
  }
}
