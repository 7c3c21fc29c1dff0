public import Config
import ImageMetrics
public import Torch
public import TorchNN

/// The shape of a ``VAE`` and of its loss.
public struct VAEConfig: ImageConfig {
  /// Side of the images, pixels.
  public var imageSize: Int
  /// 1 for grey images, 3 for colour.
  public var channels: Int
  /// Channels of the stages, each of which halves the side.
  public var widths: [Int]
  /// Dimensions of the latent vector z.
  public var latentDim: Int
  /// How the decoder's output gives the probability of images.
  public var likelihood: Likelihood
  /// Weight of the divergence; 1 for the bound itself (Higgins et al. 2017).
  public var beta: Double
  /// Nats per dimension of z that the loss does not penalise (Kingma et al. 2016).
  public var freeBits: Double

  enum CodingKeys: String, CodingKey {
    case channels, widths, likelihood, beta
    case imageSize = "image_size"
    case latentDim = "latent_dim"
    case freeBits = "free_bits"
  }

  /// Groups the values.
  public init(
    imageSize: Int, channels: Int, widths: [Int], latentDim: Int, likelihood: Likelihood,
    beta: Double = 1, freeBits: Double = 0
  ) {
    self.imageSize = imageSize
    self.channels = channels
    self.widths = widths
    self.latentDim = latentDim
    self.likelihood = likelihood
    self.beta = beta
    self.freeBits = freeBits
  }

  /// Checks each value.
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  public func validate(file: String) throws(ConfigError) {
    let check = ConfigCheck(model: file)
    try check.stack(imageSize: imageSize, channels: channels, widths: widths)
    try check.latent(
      latentDim, imageSize: imageSize, channels: channels, widths: widths)
    try check.number("beta", beta, in: 0...1e6)
    try check.number("free_bits", freeBits, in: 0...1e6)
  }
}

/// A variational autoencoder: its latent vectors follow a Gaussian, so that a vector sampled from
/// the Gaussian decodes to a new image.
///
/// `log p(x) ≥ E_q[log p(x | z)] − KL(q(z | x) ‖ p(z))` with `p(z) = N(0, I)` and
/// `q(z | x) = N(μ(x), diag σ²(x))`.
/// Source: Kingma and Welling 2014, equations 3 and 10.
public final class VAE: LatentModel, ImageGenerating, BatchDependent {
  /// Its name in commands and model folders.
  public static let kind = ClassicKind("vae")
  /// Returns the number of stages.
  public static func blockCount(of config: VAEConfig) -> Int { config.widths.count }
  /// Its shape.
  public let config: VAEConfig
  /// Gathers the divergences of other processes' images: free bits are those of a batch.
  public var gather: ((Tensor) -> Tensor)?
  let encoder: ConvolutionEncoder
  let toMean: Linear
  let toLogVariance: Linear
  let fromLatent: Linear
  let decoder: ConvolutionDecoder
  /// `[C]`: the logistic distribution's log scale; nil for other likelihoods.
  let logScale: Parameter?

  /// Makes a model with new weights.
  public init(_ config: VAEConfig, using random: RandomSource) {
    self.config = config
    let features = FeatureMap(config.imageSize, config.widths).count
    encoder = ConvolutionEncoder(channels: config.channels, widths: config.widths, using: random)
    toMean = Linear(features, config.latentDim, using: random)
    toLogVariance = Linear(features, config.latentDim, using: random)
    fromLatent = Linear(config.latentDim, features, using: random)
    decoder = ConvolutionDecoder(channels: config.channels, widths: config.widths, using: random)
    logScale =
      config.likelihood == .discretizedLogistic
      ? Parameter([config.channels], filledWith: -2) : nil
  }

  /// Returns `q(z | x)`: μ and log σ² of images in [-1, 1], `[B, latent]` each.
  public func posterior(_ x: Tensor) -> (mean: Tensor, logVariance: Tensor) {
    let h = encoder(x).flattened(from: 1)
    return (toMean(h), toLogVariance(h))
  }

  /// Samples `z = μ + σ ε`, `ε ~ N(0, I)`, from q so that gradients pass (section 2.4).
  public func reparametrised(
    mean: Tensor, logVariance: Tensor, using random: RandomSource
  ) -> Tensor {
    mean + (logVariance * 0.5).exp() * random.normal(mean.shape, device: mean.device)
  }

  /// `KL(N(μ, σ²) ‖ N(0, 1)) = ½ (μ² + σ² − log σ² − 1)` of each dimension, nats (appendix B).
  public static func divergence(mean: Tensor, logVariance: Tensor) -> Tensor {
    (mean.square() + logVariance.exp() - logVariance - 1) * 0.5
  }

  /// Computes `log p(x | z)` of each image, nats `[B]`.
  private func logLikelihood(_ x: Tensor, _ z: Tensor) -> Tensor {
    config.likelihood.logProbability(x, output: output(z), logScale: logScale?.value)
      .flattened(from: 1).sum(over: 1)
  }

  private func output(_ z: Tensor) -> Tensor {
    decoder(FeatureMap(config.imageSize, config.widths).map(fromLatent(z)))
  }

  /// The two terms of the bound, nats.
  public struct ELBO {
    /// `−log p(x | z)` of each image, `[B]`.
    public var reconstruction: Tensor
    /// `KL(q(z | x) ‖ p(z))` of each dimension of z, `[B, latent]`.
    public var divergence: Tensor

    /// The evidence lower bound of each image, `[B]`: at most `log p(x)`.
    public var bound: Tensor { -reconstruction - divergence.sum(over: 1) }
  }

  /// Returns the terms of the bound of images in [-1, 1], from one sample of z.
  public func elbo(_ x: Tensor, using random: RandomSource) -> ELBO {
    let (mean, logVariance) = posterior(x)
    let z = reparametrised(mean: mean, logVariance: logVariance, using: random)
    let target = config.likelihood.target(x, using: random)
    return ELBO(
      reconstruction: -logLikelihood(target, z),
      divergence: Self.divergence(mean: mean, logVariance: logVariance))
  }

  /// Returns the training loss, nats per image: `E[−log p(x | z)] + β Σ max(λ, KL)`, with the mean
  /// KL of each dimension over the batch and the free bits λ.
  public func loss(_ x: Tensor, using random: RandomSource) -> (total: Tensor, elbo: ELBO) {
    let elbo = elbo(x, using: random)
    let divergences = gather?(elbo.divergence) ?? elbo.divergence  // [N, d]
    let divergence = divergences.mean(over: 0).clamped(min: config.freeBits).sum()
    return (elbo.reconstruction.mean() + divergence * config.beta, elbo)
  }

  /// Returns a tighter bound on `log p(x)` of each image, nats `[B]`: the log of the mean of
  /// `p(x, zᵢ) / q(zᵢ | x)` over samples z₁ … z_k. With k = 1 it is the evidence lower bound.
  ///
  /// Source: Burda et al. 2016, equation 8.
  public func importanceWeightedBound(
    _ x: Tensor, draws k: Int, using random: RandomSource
  ) -> Tensor {
    let (mean, logVariance) = posterior(x)
    let target = config.likelihood.target(x, using: random)
    let weights = (0..<k).map { _ in
      let noise = random.normal(mean.shape, device: mean.device)
      let z = mean + (logVariance * 0.5).exp() * noise
      // log p(z) − log q(z | x); the constants of the two Gaussians are equal.
      let ratio = (noise.square() + logVariance - z.square()) * 0.5
      return logLikelihood(target, z) + ratio.sum(over: 1)
    }
    return Tensor.stacked(weights).logSumExp(over: 0) - Tensor(scalar: Double(k)).log()
  }

  /// Encodes images as μ: `[B, C, S, S]` to `[B, latent]`.
  public func encode(_ x: Tensor) -> Tensor { posterior(x).mean }

  /// Decodes vectors to mean images: `[B, latent]` to `[B, C, S, S]` in [-1, 1].
  public func decode(_ z: Tensor) -> Tensor { config.likelihood.mean(output(z)) }

  /// Generates images: decodes `z ~ N(0, I)`, without the encoder.
  public func sample(_ count: Int, using random: RandomSource) -> Tensor {
    decode(random.normal([count, config.latentDim], device: toMean.weight.device))
  }
}

extension VAE: ImageModel {
  /// Returns the bound's two terms.
  public func losses(_ batch: LabeledImages, using random: RandomSource) -> Losses {
    let (total, elbo) = loss(batch.images, using: random)
    return Losses(
      total: total,
      parts: [
        "reconstruction": elbo.reconstruction.mean().detached(),
        "divergence": elbo.divergence.mean().detached(),
      ])
  }

  /// The bound in nats per image and per dimension, its terms, and a tighter one by 16 samples.
  public func measures(_ batch: LabeledImages, using random: RandomSource) -> [String: Double] {
    let elbo = elbo(batch.images, using: random)
    let tighter = importanceWeightedBound(batch.images, draws: 16, using: random)
    let bound = elbo.bound.mean().item()
    return [
      "elbo": bound,
      "elbo_per_dimension": bound / Double(batch.images.count / batch.images.dim(0)),
      "reconstruction": elbo.reconstruction.mean().item(),
      "divergence": elbo.divergence.mean().item(),
      "iwae_16": tighter.mean().item(),
      "squared_error": (decode(encode(batch.images)) - batch.images).square().mean().item(),
    ]
  }

  /// The means and the PSNR.
  public static func metrics(of means: [String: Double]) -> [String: Double] {
    means.withPSNR(of: "squared_error", as: "psnr")
  }

  /// Reconstructed images and new ones.
  public func outputs(for batch: LabeledImages, using random: RandomSource) -> [Tensor] {
    [decode(encode(batch.images)), sample(batch.captions.count, using: random)]
  }
}
