public import Config
public import Foundation
public import Torch
public import TorchNN

/// The shape of an ``ImageHint``; `image_hint/config.json` in a model folder.
public struct ImageHintConfig: Codable, Sendable, Equatable {
  /// Width of CLIP's embeddings.
  public var clipEmbeddingsDim: Int
  /// Width of the layers between.
  public var hiddenSize: Int
  /// Residual blocks.
  public var numLayers: Int
  /// Side of the coarse image, pixels.
  public var sampleSize: Int

  enum CodingKeys: String, CodingKey {
    case clipEmbeddingsDim = "clip_embeddings_dim"
    case hiddenSize = "hidden_size"
    case numLayers = "num_layers"
    case sampleSize = "sample_size"
  }

  /// Groups the sizes.
  public init(embeddingWidth: Int, hiddenWidth: Int, layers: Int, size: Int) {
    clipEmbeddingsDim = embeddingWidth
    hiddenSize = hiddenWidth
    numLayers = layers
    sampleSize = size
  }

  /// Reads the part's `config.json`.
  /// - Throws: `ConfigError`.
  public static func read(at url: URL) throws(ConfigError) -> ImageHintConfig {
    let config = try ConfigFile.read(ImageHintConfig.self, at: url, ignored: ["_class_name"])
    try config.validate(file: url.path)
    return config
  }

  /// Returns the file's content.
  /// - Throws: `ConfigError` when a number has no JSON form.
  public func encoded() throws(ConfigError) -> Data {
    try ConfigFile.encode(self, extra: ["_class_name": .string("UnCLIPImageHint")])
  }

  /// Checks each size.
  ///
  /// - Parameters:
  ///   - file: the name used in errors.
  ///   - path: the keys of the sections around it in that file.
  /// - Throws: `ConfigError.invalid` for the first that is impossible.
  public func validate(file: String, at path: String = "") throws(ConfigError) {
    let check = ConfigCheck(file: file, at: path)
    try check.count("clip_embeddings_dim", clipEmbeddingsDim)
    try check.count("hidden_size", hiddenSize)
    try check.count("num_layers", numLayers, in: 0...ConfigLimit.layers)
    try check.count("sample_size", sampleSize, in: 1...ConfigLimit.side)
    let width = Double(hiddenSize)
    let ends = Double(2 * clipEmbeddingsDim + 3 * sampleSize * sampleSize) * width
    try check.weights(
      Double(numLayers) * 8 * width * width + ends, "hidden_size", hiddenSize)
  }
}

/// A coarse image of CLIP's embeddings: the mean of the images they may belong to, predicted
/// by a plain network in one step.
///
/// Embeddings do not say where in an image anything is, and a small diffusion decoder is slow to
/// learn it: this network learns the layout in minutes, and the decoder adds to its image what
/// is missing from it. Both embeddings enter standardised; either may be dropped in training.
public final class ImageHint: ConfiguredModule {
  /// What this network was made from.
  public let config: ImageHintConfig
  let linearIn: Linear
  let blocks: [ImageHintBlock]
  let normOut: LayerNorm
  let linearOut: Linear
  /// Mean and deviation of CLIP's image and text embeddings, `[1, D]` each.
  let imageMean: Buffer
  let imageStd: Buffer
  let textMean: Buffer
  let textStd: Buffer

  /// Makes a network for embeddings of mean 0 and deviation 1.
  /// - Precondition: `config.validate` passes.
  public init(_ config: ImageHintConfig, using random: RandomSource) {
    self.config = config
    let (d, width, side) = (config.clipEmbeddingsDim, config.hiddenSize, config.sampleSize)
    linearIn = Linear(2 * d, width, using: random)
    blocks = (0..<config.numLayers).map { _ in ImageHintBlock(width, using: random) }
    normOut = LayerNorm(width)
    linearOut = Linear(width, 3 * side * side, using: random)
    imageMean = Buffer([1, d], filledWith: 0)
    imageStd = Buffer([1, d], filledWith: 1)
    textMean = Buffer([1, d], filledWith: 0)
    textStd = Buffer([1, d], filledWith: 1)
  }

  /// Returns its residual blocks.
  public static func blockCount(of config: ImageHintConfig) -> Int { config.numLayers }

  /// Predicts the coarse image, `[B, 3, s, s]` around [-1, 1].
  ///
  /// - Parameters:
  ///   - imageEmbedding: `[B, D]`, raw.
  ///   - textEmbedding: `[B, D]`, raw.
  ///   - imageNoise: added to the standardised image embedding, `[B, D]`; training alone uses it.
  ///   - imageDropped: `[B]` bool: where true the mean embedding replaces it.
  public func callAsFunction(
    imageEmbedding: Tensor, textEmbedding: Tensor, imageNoise: Tensor? = nil,
    imageDropped: Tensor? = nil
  ) -> Tensor {
    var image = (imageEmbedding - imageMean.value) / imageStd.value
    if let imageNoise { image = image + imageNoise }
    if let imageDropped {
      image = Tensor.where(imageDropped.unsqueezed(1), image.zerosLike(), image)
    }
    let text = (textEmbedding - textMean.value) / textStd.value
    var h = linearIn(Tensor.concatenated([image, text.to(image.dtype)], over: 1))
    for block in blocks { h = block(h) }
    let side = config.sampleSize
    return linearOut(normOut(h).silu()).reshaped(h.dim(0), 3, side, side)
  }

  /// Returns the coarse image without gradients, in float32: `[B, 3, s, s]`.
  public func coarse(
    imageEmbedding: Tensor, textEmbedding: Tensor, imageDropped: Tensor? = nil
  ) -> Tensor {
    noGrad {
      self(
        imageEmbedding: imageEmbedding, textEmbedding: textEmbedding, imageDropped: imageDropped
      ).to(.float32)
    }
  }

  /// Sets the statistics of CLIP's embeddings from examples, `[N, D]` each.
  public func setStatistics(imageEmbeddings: Tensor, textEmbeddings: Tensor) {
    func set(_ mean: Buffer, _ deviation: Buffer, from embeddings: Tensor) {
      let values = embeddings.to(.float32)
      mean.value.copy(from: values.mean(over: 0, keepingDims: true))
      deviation.value.copy(
        from: values.standardDeviation(over: 0, keepingDims: true).clamped(min: 1e-6, max: nil))
    }
    set(imageMean, imageStd, from: imageEmbeddings)
    set(textMean, textStd, from: textEmbeddings)
  }
}

/// A pre-norm residual block of two linear layers, `[B, W] -> [B, W]`.
final class ImageHintBlock: Module {
  let norm: LayerNorm
  let linear1: Linear
  let linear2: Linear

  init(_ width: Int, using random: RandomSource) {
    norm = LayerNorm(width)
    linear1 = Linear(width, width, using: random)
    linear2 = Linear(width, width, using: random)
  }

  func callAsFunction(_ x: Tensor) -> Tensor { x + linear2(linear1(norm(x)).silu()) }
}
