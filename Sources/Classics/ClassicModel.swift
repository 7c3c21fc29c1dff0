public import Config
import Files
public import Torch
public import TorchNN

/// The shape of a model, as its `config.json` holds it.
public protocol ClassicConfig: Codable, Sendable, Equatable {
  /// Checks each value.
  ///
  /// - Parameter file: The name used in errors.
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  func validate(file: String) throws(ConfigError)
}

/// The configuration of a model of images.
public protocol ImageConfig: ClassicConfig {
  /// Side of the images, pixels.
  var imageSize: Int { get }
  /// 1 for grey images, 3 for colour.
  var channels: Int { get }
}

/// A model that a folder can hold: a kind, a configuration and weights.
///
/// A new model is one file with a type that conforms to this and to its capabilities' protocols,
/// one line in ``ClassicRegistry``, and a training configuration.
public protocol ClassicModel: ConfiguredModule where Config: ClassicConfig {
  /// Its name in commands and model folders.
  static var kind: ClassicKind { get }
}

// MARK: - Capabilities

/// A model that generates images from random numbers alone.
public protocol ImageGenerating: ClassicModel where Config: ImageConfig {
  /// Generates images `[count, C, S, S]` in [-1, 1].
  func sample(_ count: Int, using random: RandomSource) -> Tensor
}

/// A model that generates images from latent vectors, and interpolates between these.
public protocol LatentGenerating: ImageGenerating {
  /// Samples vectors `[count, latent]`.
  func latents(_ count: Int, using random: RandomSource) -> Tensor
  /// Generates images `[steps, C, S, S]` along the path from one vector `[1, latent]` to another.
  func interpolated(from z0: Tensor, to z1: Tensor, steps: Int) -> Tensor
}

/// A model that encodes and reconstructs images.
public protocol Reconstructing: ClassicModel where Config: ImageConfig {
  /// Encodes and decodes images `[B, C, S, S]` in [-1, 1].
  func reconstruction(of x: Tensor) -> Tensor
}

/// A model that turns an image into a vector and back.
public protocol LatentModel: Reconstructing {
  /// Encodes images `[B, C, S, S]` in [-1, 1] as vectors `[B, latent]`.
  func encode(_ x: Tensor) -> Tensor
  /// Decodes vectors.
  func decode(_ z: Tensor) -> Tensor
}

extension LatentModel {
  /// Encodes and decodes images.
  public func reconstruction(of x: Tensor) -> Tensor { decode(encode(x)) }
}

/// A model whose reconstruction of corrupted images is clean.
public protocol Denoising: Reconstructing {
  /// Corrupts images as in training.
  func corrupted(_ x: Tensor, using random: RandomSource) -> Tensor
}

/// A model that turns an image into a grid of codes and back, for a ``CodePrior`` to learn.
public protocol CodeModel: Reconstructing {
  /// K, the number of codes.
  var codebookSize: Int { get }
  /// Side of the grid of codes.
  var codeSide: Int { get }
  /// A hash of the codebook, by which a prior recognises its own.
  var codebookFingerprint: String { get }
  /// Encodes images `[B, C, S, S]` in [-1, 1] as codes `[B, h, w]` int64.
  func encode(_ x: Tensor) -> Tensor
  /// Decodes codes.
  func decode(_ codes: Tensor) -> Tensor
}

extension CodeModel {
  /// Encodes and decodes images.
  public func reconstruction(of x: Tensor) -> Tensor { decode(encode(x)) }
}

// MARK: - Training

/// A model trained on images by one loss, with its metrics and sample outputs.
public protocol ImageModel: ClassicModel where Config: ImageConfig {
  /// The number of classes it predicts; nil if it uses images alone.
  var classCount: Int? { get }
  /// Returns the loss of a batch.
  func losses(_ batch: LabeledImages, using random: RandomSource) -> Losses
  /// Measures a batch of held-out images; returns means over it.
  func measures(_ batch: LabeledImages, using random: RandomSource) -> [String: Double]
  /// Returns the metrics that follow from the means over all batches.
  static func metrics(of means: [String: Double]) -> [String: Double]
  /// Returns the images that the model makes from a batch, `[B, C, S, S]` each; may be none.
  func outputs(for batch: LabeledImages, using random: RandomSource) -> [Tensor]
}

extension ImageModel {
  /// Nil: it uses images alone.
  public var classCount: Int? { nil }
  /// Returns the means as they are.
  public static func metrics(of means: [String: Double]) -> [String: Double] { means }

  /// Measures images, a few hundred at a time, from a fixed seed.
  public func evaluated(on images: LabeledImages) -> [String: Double] {
    let random = RandomSource(seed: 0)
    var means: [String: Double] = [:]
    var done = 0
    for chunk in images.chunks(of: 250) {
      let fraction = Double(chunk.captions.count) / Double(images.captions.count)
      for (name, value) in noGrad({ measures(chunk, using: random) }) {
        means[name, default: 0] += value * fraction
      }
      done += chunk.captions.count
      LongWork.report("evaluation", done, of: images.captions.count)
    }
    return Self.metrics(of: means)
  }
}

/// Images with the class and the caption of each.
public struct LabeledImages {
  /// `[B, C, S, S]` in [-1, 1].
  public var images: Tensor
  /// `[B]` int64, positions in the stream's `classes`.
  public var labels: Tensor
  /// One per image.
  public var captions: [String]

  /// Groups the values.
  public init(images: Tensor, labels: Tensor, captions: [String]) {
    self.images = images
    self.labels = labels
    self.captions = captions
  }

  /// The images of a range.
  public subscript(range: Range<Int>) -> LabeledImages {
    LabeledImages(images: images[range], labels: labels[range], captions: Array(captions[range]))
  }

  /// Splits them into consecutive chunks of at most `size` images.
  package func chunks(of size: Int) -> [LabeledImages] {
    stride(from: 0, to: captions.count, by: size).map { start in
      self[start..<min(start + size, captions.count)]
    }
  }
}
