public import Config
import Files
import Foundation
import ImageMetrics
public import Torch
public import TorchNN

/// The shape of a VQ-VAE.
public struct VQVAEConfig: ImageConfig {
  /// Side of the images, pixels; each width halves it.
  public var imageSize: Int
  /// 1 for grey images, 3 for colour.
  public var channels: Int
  /// Channels after each halving; the residual blocks have the last.
  public var widths: [Int]
  /// Residual blocks of the encoder, and of the decoder; 2 in the paper.
  public var residualBlocks: Int
  /// Channels inside a residual block.
  public var residualWidth: Int
  /// The codebook.
  public var quantizer: VectorQuantizerConfig

  enum CodingKeys: String, CodingKey {
    case imageSize = "image_size"
    case channels, widths
    case residualBlocks = "residual_blocks"
    case residualWidth = "residual_width"
    case quantizer
  }

  /// Groups the values.
  public init(
    imageSize: Int, channels: Int, widths: [Int], residualBlocks: Int, residualWidth: Int,
    quantizer: VectorQuantizerConfig
  ) {
    self.imageSize = imageSize
    self.channels = channels
    self.widths = widths
    self.residualBlocks = residualBlocks
    self.residualWidth = residualWidth
    self.quantizer = quantizer
  }

  /// Side of the grid of codes.
  public var codeSide: Int { imageSize >> widths.count }

  /// Checks each value.
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  public func validate(file: String) throws(ConfigError) {
    let check = ConfigCheck(model: file)
    try check.stack(imageSize: imageSize, channels: channels, widths: widths)
    try check.count("residual_blocks", residualBlocks, in: 0...ConfigLimit.layers)
    try check.count("residual_width", residualWidth)
    try quantizer.validate(file: file, key: "model.quantizer")
    try check.section("quantizer").count(
      "code_dim", quantizer.codeDim, in: 1...imageSize * imageSize * channels)
    try check.weights(
      Double(2 * residualBlocks) * 10 * Double(residualWidth) * Double(widths.last ?? 1),
      "residual_blocks", residualBlocks)
  }
}

/// An autoencoder with discrete latents: an image `[B, C, S, S]` becomes a grid of codes
/// `[B, h, w]`, `h = w = S / 2ⁿ`, that a prior can learn like tokens of text.
///
/// Source: van den Oord, Vinyals & Kavukcuoglu 2017, section 3 and, for the networks, 4.1.
public final class VQVAE: CodeModel {
  /// Its name in commands and model folders.
  public static let kind = ClassicKind("vqvae")
  /// The larger of its stages and its residual blocks.
  public static func blockCount(of config: VQVAEConfig) -> Int {
    max(config.widths.count, config.residualBlocks)
  }

  let encoder: ConvolutionEncoder
  let encoderConv: Conv2d
  let encoderBlocks: [VQVAEBlock]
  let toCodes: Conv2d
  /// The codebook.
  public let quantizer: VectorQuantizer
  let fromCodes: Conv2d
  let decoderBlocks: [VQVAEBlock]
  let decoder: ConvolutionDecoder
  /// Its shape.
  public let config: VQVAEConfig

  /// Makes a model with new weights.
  ///
  /// - Precondition: `config.widths` is not empty.
  public init(_ config: VQVAEConfig, using random: RandomSource) {
    let width = config.widths.last ?? 0
    let dim = config.quantizer.codeDim
    func blocks() -> [VQVAEBlock] {
      (0..<config.residualBlocks).map { _ in
        VQVAEBlock(width, inner: config.residualWidth, using: random)
      }
    }
    encoder = ConvolutionEncoder(
      channels: config.channels, widths: config.widths, using: random)
    encoderConv = Conv2d(width, width, kernel: 3, padding: 1, using: random)
    encoderBlocks = blocks()
    toCodes = Conv2d(width, dim, kernel: 1, using: random)
    quantizer = VectorQuantizer(config.quantizer, using: random)
    fromCodes = Conv2d(dim, width, kernel: 3, padding: 1, using: random)
    decoderBlocks = blocks()
    decoder = ConvolutionDecoder(
      channels: config.channels, widths: config.widths, using: random)
    self.config = config
  }

  /// K, the number of codes.
  public var codebookSize: Int { config.quantizer.codebookSize }

  /// Side of the grid of codes.
  public var codeSide: Int { config.codeSide }

  /// A hash of the codebook.
  public var codebookFingerprint: String {
    var fingerprint = Fingerprint()
    fingerprint.add("\(quantizer.codebook.shape)")
    fingerprint.add(Data(quantizer.codebook.detached().to(.float32).bytes()))
    return fingerprint.text
  }

  /// Encodes images: `[B, C, S, S]` in [-1, 1] to `[B, h, w]` int64 in 0 ..< K.
  public func encode(_ x: Tensor) -> Tensor { quantizer.codes(of: vectors(of: x)) }

  /// Decodes codes: `[B, h, w]` int64 to `[B, C, S, S]`, not clamped to [-1, 1].
  public func decode(_ codes: Tensor) -> Tensor { images(of: quantizer.embedding(of: codes)) }

  /// Reconstructs images. In training the codebook learns too, and given `random` it restarts
  /// unused codes.
  public func callAsFunction(
    _ x: Tensor, using random: RandomSource? = nil
  ) -> (images: Tensor, quantized: Quantized) {
    let quantized = quantizer(vectors(of: x), using: random)
    return (images(of: quantized.values), quantized)
  }

  /// Returns the loss of equation 3, with the squared error for −log p(x|z) (variance 1/2).
  ///
  /// The error is a mean over all pixels of all images, as are the quantiser's terms.
  public func loss(
    _ x: Tensor, using random: RandomSource? = nil
  ) -> (total: Tensor, reconstruction: Tensor, quantized: Quantized) {
    let (images, quantized) = self(x, using: random)
    let reconstruction = F.mseLoss(images, x)
    return (reconstruction + quantized.loss, reconstruction, quantized)
  }

  /// Returns z_e(x), the encoder's output for images, `[B, d, h, w]`.
  private func vectors(of x: Tensor) -> Tensor {
    toCodes(encoderBlocks.reduce(encoderConv(encoder(x))) { $1($0) }.relu())
  }

  /// Decodes z_q(x).
  private func images(of z: Tensor) -> Tensor {
    decoder(decoderBlocks.reduce(fromCodes(z)) { $1($0) }.relu())
  }
}

/// A residual block: ReLU, 3×3 convolution, ReLU, 1×1 convolution, added to the input.
///
/// Source: van den Oord et al. 2017, section 4.1.
final class VQVAEBlock: UnaryLayer {
  let conv1: Conv2d
  let conv2: Conv2d

  /// Makes a block of `width` channels with `inner` between its convolutions.
  init(_ width: Int, inner: Int, using random: RandomSource) {
    conv1 = Conv2d(width, inner, kernel: 3, padding: 1, using: random)
    conv2 = Conv2d(inner, width, kernel: 1, using: random)
  }

  /// Maps `[B, width, h, w]` to the same shape.
  func callAsFunction(_ x: Tensor) -> Tensor { x + conv2(conv1(x.relu()).relu()) }
}

extension VQVAE: ImageModel {
  /// The error, and the perplexity of the codes.
  public func losses(_ batch: LabeledImages, using random: RandomSource) -> Losses {
    let (total, reconstruction, quantized) = loss(batch.images, using: random)
    return Losses(
      total: total,
      parts: [
        "squared_error": reconstruction.detached(),
        "perplexity": quantized.perplexity.detached(),
      ])
  }

  /// The error, and how often each code occurs.
  public func measures(_ batch: LabeledImages, using random: RandomSource) -> [String: Double] {
    let codes = encode(batch.images)
    let fractions =
      codes.flattened().occurrences(minimumLength: config.quantizer.codebookSize)
      .to(.float64) / Double(codes.count)
    var means = ["squared_error": (decode(codes) - batch.images).square().mean().item()]
    for (code, fraction) in fractions.array(of: Double.self).enumerated() {
      means["code \(code)"] = fraction
    }
    return means
  }

  /// The error, its PSNR, and the perplexity over all codes.
  public static func metrics(of means: [String: Double]) -> [String: Double] {
    let fractions = Tensor(means.filter { $0.key.hasPrefix("code ") }.map(\.value))
    let entropy = -(fractions * fractions.clamped(min: 1e-300).log()).sum()
    var metrics = means.filter { !$0.key.hasPrefix("code ") }
      .withPSNR(of: "squared_error", as: "psnr")
    metrics["perplexity"] = entropy.exp().item()
    metrics["codebook_use"] = entropy.exp().item() / Double(fractions.count)
    return metrics
  }

  /// Images reconstructed from their codes.
  public func outputs(for batch: LabeledImages, using random: RandomSource) -> [Tensor] {
    [decode(encode(batch.images))]
  }
}
