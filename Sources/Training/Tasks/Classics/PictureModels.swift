public import Classics
import Metrics
public import Torch
import TorchNN

// What each model of pictures minimises, measures and shows while it is trained.

extension Autoencoder: PictureModel {
  /// The squared error.
  public func losses(_ batch: LabeledPictures, using random: RandomSource) -> Losses {
    Losses(total: loss(batch.images))
  }

  /// The squared error.
  public func measures(_ batch: LabeledPictures, using random: RandomSource) -> [String: Double] {
    ["squared_error": loss(batch.images).item()]
  }

  /// The squared error and its ratio to the signal, decibels.
  public static func figures(_ means: [String: Double]) -> [String: Double] {
    withRatio(means, of: "squared_error", as: "psnr")
  }

  /// Pictures made again.
  public func drawings(of batch: LabeledPictures, using random: RandomSource) -> [Tensor] {
    [self(batch.images)]
  }
}

extension DenoisingAutoencoder: PictureModel {
  /// The squared error of reconstructions of corrupted images.
  public func losses(_ batch: LabeledPictures, using random: RandomSource) -> Losses {
    Losses(total: loss(batch.images, using: random))
  }

  /// The squared errors of corrupted and of denoised images.
  public func measures(_ batch: LabeledPictures, using random: RandomSource) -> [String: Double] {
    let noisy = corrupted(batch.images, using: random)
    return [
      "noisy_error": (noisy - batch.images).square().mean().item(),
      "squared_error": (self(noisy) - batch.images).square().mean().item(),
    ]
  }

  /// The errors and their ratios to the signal, and what cleaning gains, decibels.
  public static func figures(_ means: [String: Double]) -> [String: Double] {
    var figures = withRatio(means, of: "squared_error", as: "psnr")
    figures = withRatio(figures, of: "noisy_error", as: "noisy_psnr")
    if let after = figures["psnr"], let before = figures["noisy_psnr"] {
      figures["gain"] = after - before
    }
    return figures
  }

  /// Spoilt pictures, and cleaned ones.
  public func drawings(of batch: LabeledPictures, using random: RandomSource) -> [Tensor] {
    let noisy = corrupted(batch.images, using: random)
    return [noisy, self(noisy)]
  }
}

extension VAE: PictureModel {
  /// The bound's two terms.
  public func losses(_ batch: LabeledPictures, using random: RandomSource) -> Losses {
    let (total, elbo) = loss(batch.images, using: random)
    return Losses(
      total: total,
      parts: [
        "reconstruction": elbo.reconstruction.mean().detached(),
        "divergence": elbo.divergence.mean().detached(),
      ])
  }

  /// The bound in nats a picture and a dimension, its terms, and a tighter one by 16 draws.
  public func measures(_ batch: LabeledPictures, using random: RandomSource) -> [String: Double] {
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

  /// The means, and the error's ratio to the signal, decibels.
  public static func figures(_ means: [String: Double]) -> [String: Double] {
    withRatio(means, of: "squared_error", as: "psnr")
  }

  /// Pictures made again, and new ones.
  public func drawings(of batch: LabeledPictures, using random: RandomSource) -> [Tensor] {
    [decode(encode(batch.images)), sample(batch.captions.count, using: random)]
  }
}

extension VQVAE: PictureModel {
  /// The error, the codebook's terms and how many codes are in use.
  public func losses(_ batch: LabeledPictures, using random: RandomSource) -> Losses {
    let (total, reconstruction, quantized) = loss(batch.images, using: random)
    return Losses(
      total: total,
      parts: [
        "squared_error": reconstruction.detached(),
        "perplexity": quantized.perplexity.detached(),
      ])
  }

  /// The error, and the use of each code.
  public func measures(_ batch: LabeledPictures, using random: RandomSource) -> [String: Double] {
    let codes = encode(batch.images)
    let shares =
      codes.flattened().occurrences(minimumLength: config.quantizer.codebookSize)
      .to(.float64) / Double(codes.count)
    var means = ["squared_error": (decode(codes) - batch.images).square().mean().item()]
    for (code, share) in shares.array(of: Double.self).enumerated() {
      means["code \(code)"] = share
    }
    return means
  }

  /// The error, its ratio to the signal in decibels, and the perplexity over all codes.
  public static func figures(_ means: [String: Double]) -> [String: Double] {
    let shares = Tensor(means.filter { $0.key.hasPrefix("code ") }.map(\.value))
    let entropy = -(shares * shares.clamped(min: 1e-300).log()).sum()
    var figures = withRatio(
      means.filter { !$0.key.hasPrefix("code ") }, of: "squared_error", as: "psnr")
    figures["perplexity"] = entropy.exp().item()
    figures["codebook_use"] = entropy.exp().item() / Double(shares.count)
    return figures
  }

  /// Pictures made again from their codes.
  public func drawings(of batch: LabeledPictures, using random: RandomSource) -> [Tensor] {
    [decode(encode(batch.images))]
  }
}

extension Classifier: PictureModel {
  /// How many classes it tells apart.
  public var classCount: Int? { config.classCount }

  /// The cross-entropy, nats.
  public func losses(_ batch: LabeledPictures, using random: RandomSource) -> Losses {
    Losses(total: loss(batch.images, labels: batch.labels))
  }

  /// The cross-entropy, and the share of right answers.
  public func measures(_ batch: LabeledPictures, using random: RandomSource) -> [String: Double] {
    let right = self(batch.images).argmax(over: 1) .== batch.labels
    return [
      "loss": loss(batch.images, labels: batch.labels).item(),
      "accuracy": right.to(.float32).mean().item(),
    ]
  }

  /// A classifier draws nothing.
  public func drawings(of batch: LabeledPictures, using random: RandomSource) -> [Tensor] { [] }
}

/// Figures with the ratio in decibels that belongs to a squared error.
private func withRatio(
  _ means: [String: Double], of error: String, as name: String
) -> [String: Double] {
  var figures = means
  if let error = means[error] {
    figures[name] = peakSignalToNoise(ofSquaredError: error)
  }
  return figures
}
