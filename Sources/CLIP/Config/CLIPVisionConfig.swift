public import Config
public import Foundation
public import TorchNN

/// The sizes of a CLIP vision tower; in JSON the keys of transformers' `CLIPVisionConfig`.
public struct CLIPVisionConfig: Codable, Sendable, Equatable {
  /// Side of the square image, pixels.
  public var imageSize: Int
  /// Side of a square patch, pixels; divides the image's.
  public var patchSize: Int
  /// Width of the encodings.
  public var hiddenSize: Int
  /// Width of a block's feed-forward layer.
  public var intermediateSize: Int
  /// Transformer blocks.
  public var numHiddenLayers: Int
  /// Attention heads, among which `hiddenSize` is divided.
  public var numAttentionHeads: Int
  /// Width of the image embedding.
  public var projectionDim: Int
  /// The activation of the feed-forward layer.
  public var hiddenAct: Activation
  /// Added to the variance in every layer norm.
  public var layerNormEps: Double

  enum CodingKeys: String, CodingKey {
    case imageSize = "image_size"
    case patchSize = "patch_size"
    case hiddenSize = "hidden_size"
    case intermediateSize = "intermediate_size"
    case numHiddenLayers = "num_hidden_layers"
    case numAttentionHeads = "num_attention_heads"
    case projectionDim = "projection_dim"
    case hiddenAct = "hidden_act"
    case layerNormEps = "layer_norm_eps"
  }

  /// Sets every size; the feed-forward layer is four times as wide by default.
  public init(
    width: Int, innerWidth: Int? = nil, layers: Int, heads: Int, imageSize: Int, patchSize: Int,
    embeddingWidth: Int, activation: Activation = .quickGELU
  ) {
    hiddenSize = width
    intermediateSize = innerWidth ?? 4 * width
    numHiddenLayers = layers
    numAttentionHeads = heads
    self.imageSize = imageSize
    self.patchSize = patchSize
    projectionDim = embeddingWidth
    hiddenAct = activation
    layerNormEps = 1e-5
  }

  /// Encodings of an image: one per patch, and the class token's.
  public var positionCount: Int { (imageSize / patchSize) * (imageSize / patchSize) + 1 }

  /// Reads a `config.json` of the tower or of a whole model.
  ///
  /// - Throws: `ConfigError` for unreadable, unknown, missing or impossible keys, and for the
  ///   configuration of another model.
  public static func read(at url: URL) throws(ConfigError) -> CLIPVisionConfig {
    let (keys, file) = try CLIPConfigFile.tower(.vision, at: url)
    let config = try CLIPConfigKeys.decode(
      CLIPVisionConfig.self, of: .vision, from: keys, file: file,
      fixed: ["num_channels": .number(3)])
    try config.validate(file: file)
    return config
  }

  /// Returns the `config.json` of a vision tower with projection.
  ///
  /// - Throws: `ConfigError` when a number has no JSON form.
  public func encoded() throws(ConfigError) -> Data {
    try ConfigFile.encode(
      self,
      extra: [
        "attention_dropout": .number(0), "num_channels": .number(3),
        "architectures": .array([.string("CLIPVisionModelWithProjection")]),
        "model_type": .string("clip_vision_model"),
      ])
  }

  /// Checks each value.
  ///
  /// - Parameters:
  ///   - file: The name used in errors.
  ///   - path: The keys of the sections around it in that file.
  /// - Throws: `ConfigError.invalid`.
  public func validate(
    file: String = "CLIP vision configuration", at path: String = ""
  ) throws(ConfigError) {
    let check = ConfigCheck(file: file, at: path)
    try check.count("image_size", imageSize, in: 1...ConfigLimit.side)
    try check.count("patch_size", patchSize, in: 1...ConfigLimit.side)
    try check.divides("patch_size", patchSize, imageSize, of: "image_size")
    try check.require(
      positionCount <= ConfigLimit.positions, "patch_size", patchSize,
      "\(imageSize) pixels would be \(positionCount) positions, and at most "
        + "\(ConfigLimit.positions) are supported")
    try CLIPConfigKeys.checkBlocks(
      check, width: hiddenSize, inner: intermediateSize, layers: numHiddenLayers,
      heads: numAttentionHeads, projection: projectionDim, activation: hiddenAct,
      epsilon: layerNormEps)
    try check.weights(
      Double(3 * patchSize * patchSize + positionCount) * Double(hiddenSize), "patch_size",
      patchSize)
  }
}
