public import Config
public import Torch
public import TorchNN

/// The shape of a ``Classifier``.
public struct ClassifierConfig: ImageConfig {
  /// Side of the images, pixels.
  public var imageSize: Int
  /// 1 for grey images, 3 for colour.
  public var channels: Int
  /// Channels of the stages, each of which halves the side.
  public var widths: [Int]
  /// Dimensions of the feature vector.
  public var featureDim: Int
  /// The number of classes.
  public var classCount: Int

  enum CodingKeys: String, CodingKey {
    case channels, widths
    case imageSize = "image_size"
    case featureDim = "feature_dim"
    case classCount = "class_count"
  }

  /// Groups the values.
  public init(
    imageSize: Int, channels: Int, widths: [Int], featureDim: Int, classCount: Int
  ) {
    self.imageSize = imageSize
    self.channels = channels
    self.widths = widths
    self.featureDim = featureDim
    self.classCount = classCount
  }

  /// Checks each value.
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  public func validate(file: String) throws(ConfigError) {
    let check = ConfigCheck(model: file)
    try check.stack(imageSize: imageSize, channels: channels, widths: widths)
    try check.vector(
      "feature_dim", featureDim, imageSize: imageSize, widths: widths, upTo: ConfigLimit.width)
    try check.count("class_count", classCount, in: 1...ConfigLimit.vocabulary)
    try check.weights(Double(featureDim) * Double(classCount), "class_count", classCount)
  }
}

/// A classifier of images, whose features give the Fréchet distance between two sets of images and
/// whose classes show what a model generates.
///
/// It takes the role that Inception has for photographs (Heusel et al. 2017).
public final class Classifier: ClassicModel {
  /// Its name in commands and model folders.
  public static let kind = ClassicKind("classifier")
  /// Returns the number of stages.
  public static func blockCount(of config: ClassifierConfig) -> Int { config.widths.count }
  /// Its shape.
  public let config: ClassifierConfig
  let encoder: ConvolutionEncoder
  let toFeatures: Linear
  let toLogits: Linear

  /// Makes a model with new weights.
  public init(_ config: ClassifierConfig, using random: RandomSource) {
    self.config = config
    let side = config.imageSize >> config.widths.count
    encoder = ConvolutionEncoder(channels: config.channels, widths: config.widths, using: random)
    toFeatures = Linear((config.widths.last ?? 1) * side * side, config.featureDim, using: random)
    toLogits = Linear(config.featureDim, config.classCount, using: random)
  }

  /// Returns the features of images: `[B, C, S, S]` in [-1, 1] to `[B, feature]`, 0 or more.
  public func features(_ x: Tensor) -> Tensor {
    toFeatures(encoder(x).flattened(from: 1)).relu()
  }

  /// Returns the logits of the classes, `[B, class]`.
  public func callAsFunction(_ x: Tensor) -> Tensor { toLogits(features(x)) }

  /// Returns the mean cross-entropy, nats; labels `[B]` int64.
  public func loss(_ x: Tensor, labels: Tensor) -> Tensor { F.crossEntropy(self(x), labels) }
}

extension Classifier: ImageModel {
  /// The number of classes.
  public var classCount: Int? { config.classCount }

  /// Returns the cross-entropy, nats.
  public func losses(_ batch: LabeledImages, using random: RandomSource) -> Losses {
    Losses(total: loss(batch.images, labels: batch.labels))
  }

  /// The cross-entropy, and the accuracy.
  public func measures(_ batch: LabeledImages, using random: RandomSource) -> [String: Double] {
    let right = self(batch.images).argmax(over: 1) .== batch.labels
    return [
      "loss": loss(batch.images, labels: batch.labels).item(),
      "accuracy": right.to(.float32).mean().item(),
    ]
  }

  /// Returns nothing: a classifier makes no images.
  public func outputs(for batch: LabeledImages, using random: RandomSource) -> [Tensor] { [] }
}
