public import Config
import ImageMetrics
public import Torch
public import TorchNN

/// The configuration of a ``DenoisingAutoencoder``.
public struct DenoisingAutoencoderConfig: ImageConfig {
  /// Side of the images, pixels.
  public var imageSize: Int
  /// 1 for grey images, 3 for colour.
  public var channels: Int
  /// Channels of the stages, each of which halves the side.
  public var widths: [Int]
  /// Dimensions of the latent vector z.
  public var latentDim: Int
  /// How images are corrupted in training.
  public var corruption: Corruption

  enum CodingKeys: String, CodingKey {
    case channels, widths, corruption
    case imageSize = "image_size"
    case latentDim = "latent_dim"
  }

  /// Groups the values.
  public init(
    imageSize: Int, channels: Int, widths: [Int], latentDim: Int, corruption: Corruption
  ) {
    self.imageSize = imageSize
    self.channels = channels
    self.widths = widths
    self.latentDim = latentDim
    self.corruption = corruption
  }

  /// The configuration of the network inside.
  var network: AutoencoderConfig {
    AutoencoderConfig(
      imageSize: imageSize, channels: channels, widths: widths, latentDim: latentDim)
  }

  /// Checks each value.
  ///
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  public func validate(file: String) throws(ConfigError) {
    try network.validate(file: file)
    try corruption.validate(imageSize: imageSize, file: file)
  }
}

/// A denoising autoencoder: it reconstructs the clean image x from a corrupted one x̃.
///
/// `x̃ ~ q(x̃ | x)`, and training minimises `‖x − g(f(x̃))‖²`. To undo the noise the model must
/// know what clean images look like: `g(f(x̃)) − x̃` points to likelier images (Alain and Bengio
/// 2014), which is what a diffusion model learns at every noise level.
///
/// Source: Vincent et al. 2008.
public final class DenoisingAutoencoder: LatentModel, Denoising {
  /// Its name in commands and model folders.
  public static let kind = ClassicKind("dae")
  /// Returns the number of stages.
  public static func blockCount(of config: DenoisingAutoencoderConfig) -> Int {
    config.widths.count
  }
  /// The network's keys are an ``Autoencoder``'s.
  public static let keys = ["network": ""]
  /// Its shape.
  public let config: DenoisingAutoencoderConfig
  let network: Autoencoder

  /// Makes a model with new weights.
  public init(_ config: DenoisingAutoencoderConfig, using random: RandomSource) {
    self.config = config
    network = Autoencoder(config.network, using: random)
  }

  /// Corrupts images as in training.
  public func corrupted(_ x: Tensor, using random: RandomSource) -> Tensor {
    config.corruption(x, using: random)
  }

  /// Encodes images, corrupted or not: `[B, C, S, S]` to `[B, latent]`.
  public func encode(_ x: Tensor) -> Tensor { network.encode(x) }

  /// Decodes latent vectors: `[B, latent]` to `[B, C, S, S]`.
  public func decode(_ z: Tensor) -> Tensor { network.decode(z) }

  /// Denoises corrupted images, `[B, C, S, S]` in and out.
  public func callAsFunction(_ noisy: Tensor) -> Tensor { network(noisy) }

  /// Returns the mean of `(x − g(f(x̃)))²` over all pixels of clean images x.
  public func loss(_ x: Tensor, using random: RandomSource) -> Tensor {
    F.mseLoss(self(corrupted(x, using: random)), x)
  }
}

extension DenoisingAutoencoder: ImageModel {
  /// Returns the squared error of the reconstruction of corrupted images.
  public func losses(_ batch: LabeledImages, using random: RandomSource) -> Losses {
    Losses(total: loss(batch.images, using: random))
  }

  /// Returns the squared errors of corrupted and of denoised images.
  public func measures(_ batch: LabeledImages, using random: RandomSource) -> [String: Double] {
    let noisy = corrupted(batch.images, using: random)
    return [
      "noisy_error": (noisy - batch.images).square().mean().item(),
      "squared_error": (self(noisy) - batch.images).square().mean().item(),
    ]
  }

  /// The errors, their PSNR, and the gain in PSNR by denoising.
  public static func metrics(of means: [String: Double]) -> [String: Double] {
    var metrics = means.withPSNR(of: "squared_error", as: "psnr")
    metrics = metrics.withPSNR(of: "noisy_error", as: "noisy_psnr")
    if let after = metrics["psnr"], let before = metrics["noisy_psnr"] {
      metrics["gain"] = after - before
    }
    return metrics
  }

  /// Returns corrupted images and denoised ones.
  public func outputs(for batch: LabeledImages, using random: RandomSource) -> [Tensor] {
    let noisy = corrupted(batch.images, using: random)
    return [noisy, self(noisy)]
  }
}
