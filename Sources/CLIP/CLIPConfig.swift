public import Foundation
public import TorchNN

/// The shape of CLIP's text tower; keys are Hugging Face's `text_encoder/config.json`.
public struct CLIPTextConfig: Codable, Sendable, Equatable {
  /// Width of the tower, and of the token encodings.
  public var hiddenSize: Int
  /// Width inside the feed-forward layers.
  public var intermediateSize: Int
  /// Transformer blocks.
  public var numHiddenLayers: Int
  /// Heads of each attention layer.
  public var numAttentionHeads: Int
  /// Tokens of the context.
  public var maxPositionEmbeddings: Int
  /// Tokens of the vocabulary.
  public var vocabSize: Int
  /// Width of the joint embedding.
  public var projectionDim: Int
  /// `quick_gelu` (OpenAI) or `gelu` (most of LAION's).
  public var hiddenAct: Activation
  /// The norms' ε.
  public var layerNormEps: Double
  /// The token whose first place is pooled; 2 pools the largest id instead, which OpenAI's end of
  /// text is (Hugging Face's rule for their old files).
  public var eosTokenID: Int

  enum CodingKeys: String, CodingKey {
    case hiddenSize = "hidden_size"
    case intermediateSize = "intermediate_size"
    case numHiddenLayers = "num_hidden_layers"
    case numAttentionHeads = "num_attention_heads"
    case maxPositionEmbeddings = "max_position_embeddings"
    case vocabSize = "vocab_size"
    case projectionDim = "projection_dim"
    case hiddenAct = "hidden_act"
    case layerNormEps = "layer_norm_eps"
    case eosTokenID = "eos_token_id"
  }

  /// Makes a tower with a feed-forward four times its width.
  public init(
    width: Int, layers: Int, heads: Int, contextLength: Int, vocabularySize: Int,
    embeddingWidth: Int, activation: Activation = .quickGELU, endOfText: Int = 2
  ) {
    hiddenSize = width
    intermediateSize = 4 * width
    numHiddenLayers = layers
    numAttentionHeads = heads
    maxPositionEmbeddings = contextLength
    vocabSize = vocabularySize
    projectionDim = embeddingWidth
    hiddenAct = activation
    layerNormEps = 1e-5
    eosTokenID = endOfText
  }

  /// Reads a peer's or our own `config.json`.
  /// - Throws: `ConfigError`.
  public static func read(at url: URL) throws(ConfigError) -> CLIPTextConfig {
    let config = try ConfigFile.read(
      CLIPTextConfig.self, at: url, fixed: CLIPFiles.supportedOnly, ignored: CLIPFiles.ignoredKeys)
    try CLIPFiles.checkCounts(
      [
        ("hidden_size", config.hiddenSize), ("intermediate_size", config.intermediateSize),
        ("num_hidden_layers", config.numHiddenLayers),
        ("num_attention_heads", config.numAttentionHeads),
        ("max_position_embeddings", config.maxPositionEmbeddings),
        ("vocab_size", config.vocabSize), ("projection_dim", config.projectionDim),
      ], file: url.path)
    try CLIPFiles.checkHeads(config.hiddenSize, config.numAttentionHeads, file: url.path)
    return config
  }

  /// The file's content, which the peers read too.
  public func encoded() throws(ConfigError) -> Data {
    try ConfigFile.encode(
      self,
      extra: [
        "architectures": .array([.string("CLIPTextModelWithProjection")]),
        "model_type": .string("clip_text_model"), "attention_dropout": .number(0),
      ])
  }
}

/// The shape of CLIP's vision tower; keys are Hugging Face's `image_encoder/config.json`.
public struct CLIPVisionConfig: Codable, Sendable, Equatable {
  /// Width of the tower.
  public var hiddenSize: Int
  /// Width inside the feed-forward layers.
  public var intermediateSize: Int
  /// Transformer blocks.
  public var numHiddenLayers: Int
  /// Heads of each attention layer.
  public var numAttentionHeads: Int
  /// Side of the pictures, pixels.
  public var imageSize: Int
  /// Side of a patch, pixels.
  public var patchSize: Int
  /// Width of the joint embedding.
  public var projectionDim: Int
  /// See ``CLIPTextConfig/hiddenAct``.
  public var hiddenAct: Activation
  /// The norms' ε.
  public var layerNormEps: Double

  enum CodingKeys: String, CodingKey {
    case hiddenSize = "hidden_size"
    case intermediateSize = "intermediate_size"
    case numHiddenLayers = "num_hidden_layers"
    case numAttentionHeads = "num_attention_heads"
    case imageSize = "image_size"
    case patchSize = "patch_size"
    case projectionDim = "projection_dim"
    case hiddenAct = "hidden_act"
    case layerNormEps = "layer_norm_eps"
  }

  /// Makes a tower with a feed-forward four times its width.
  public init(
    width: Int, layers: Int, heads: Int, imageSize: Int, patchSize: Int, embeddingWidth: Int,
    activation: Activation = .quickGELU
  ) {
    hiddenSize = width
    intermediateSize = 4 * width
    numHiddenLayers = layers
    numAttentionHeads = heads
    self.imageSize = imageSize
    self.patchSize = patchSize
    projectionDim = embeddingWidth
    hiddenAct = activation
    layerNormEps = 1e-5
  }

  /// Patches of a picture.
  public var patchCount: Int { (imageSize / patchSize) * (imageSize / patchSize) }

  /// Reads a peer's or our own `config.json`.
  /// - Throws: `ConfigError`.
  public static func read(at url: URL) throws(ConfigError) -> CLIPVisionConfig {
    let config = try ConfigFile.read(
      CLIPVisionConfig.self, at: url,
      fixed: CLIPFiles.supportedOnly.merging(["num_channels": .number(3)]) { $1 },
      ignored: CLIPFiles.ignoredKeys)
    try CLIPFiles.checkCounts(
      [
        ("hidden_size", config.hiddenSize), ("intermediate_size", config.intermediateSize),
        ("num_hidden_layers", config.numHiddenLayers),
        ("num_attention_heads", config.numAttentionHeads), ("image_size", config.imageSize),
        ("patch_size", config.patchSize), ("projection_dim", config.projectionDim),
      ], file: url.path)
    try CLIPFiles.checkHeads(config.hiddenSize, config.numAttentionHeads, file: url.path)
    guard config.imageSize % config.patchSize == 0 else {
      throw ConfigError.invalid(
        file: url.path, key: "patch_size", value: "\(config.patchSize)",
        expected: "it must divide image_size, \(config.imageSize)")
    }
    return config
  }

  /// The file's content, which the peers read too.
  public func encoded() throws(ConfigError) -> Data {
    try ConfigFile.encode(
      self,
      extra: [
        "architectures": .array([.string("CLIPVisionModelWithProjection")]),
        "model_type": .string("clip_vision_model"), "attention_dropout": .number(0),
        "num_channels": .number(3),
      ])
  }
}

/// Both towers of a CLIP, which share the width of the joint embedding.
public struct CLIPConfig: Codable, Sendable, Equatable {
  /// The text tower.
  public var text: CLIPTextConfig
  /// The vision tower.
  public var vision: CLIPVisionConfig

  /// Joins two towers of one embedding width.
  public init(text: CLIPTextConfig, vision: CLIPVisionConfig) {
    precondition(
      text.projectionDim == vision.projectionDim,
      "the towers' embeddings have widths \(text.projectionDim) and \(vision.projectionDim)")
    self.text = text
    self.vision = vision
  }

  /// Width of the joint embedding.
  public var embeddingWidth: Int { text.projectionDim }

  /// A few thousand weights, for tests.
  public static let tiny = CLIPConfig(
    text: CLIPTextConfig(
      width: 16, layers: 1, heads: 2, contextLength: 12, vocabularySize: 600, embeddingWidth: 16),
    vision: CLIPVisionConfig(
      width: 16, layers: 1, heads: 2, imageSize: 16, patchSize: 4, embeddingWidth: 16))

  /// The bundled model's.
  public static let small = CLIPConfig(
    text: CLIPTextConfig(
      width: 192, layers: 3, heads: 4, contextLength: 32, vocabularySize: 2048,
      embeddingWidth: 192),
    vision: CLIPVisionConfig(
      width: 192, layers: 4, heads: 4, imageSize: 64, patchSize: 8, embeddingWidth: 192))

  /// OpenAI's ViT-L/14, which Karlo uses.
  public static let vitL14 = CLIPConfig(
    text: CLIPTextConfig(
      width: 768, layers: 12, heads: 12, contextLength: 77, vocabularySize: 49408,
      embeddingWidth: 768),
    vision: CLIPVisionConfig(
      width: 1024, layers: 24, heads: 16, imageSize: 224, patchSize: 14, embeddingWidth: 768))

  /// The paper's ViT-H/16 at 256 px (appendix C). The text tower's encodings are as wide as the
  /// embedding; its heads, which the paper leaves out, are 64 wide. 256 tokens serve the prior.
  public static let vitH16 = CLIPConfig(
    text: CLIPTextConfig(
      width: 1024, layers: 24, heads: 16, contextLength: 256, vocabularySize: 49408,
      embeddingWidth: 1024),
    vision: CLIPVisionConfig(
      width: 1280, layers: 32, heads: 16, imageSize: 256, patchSize: 16, embeddingWidth: 1024))
}

/// What both towers' files have in common.
enum CLIPFiles {
  /// Keys that say nothing about the computation.
  static let ignoredKeys: Set<String> = [
    "architectures", "model_type", "torch_dtype", "dtype", "transformers_version",
    "_name_or_path", "bos_token_id", "pad_token_id", "initializer_factor", "initializer_range",
    "dropout", "output_attentions", "output_hidden_states", "return_dict", "use_cache",
    "chunk_size_feed_forward", "id2label", "label2id", "problem_type", "is_encoder_decoder",
  ]

  static let supportedOnly: [String: JSONValue] = ["attention_dropout": .number(0)]

  static func checkCounts(_ counts: [(String, Int)], file: String) throws(ConfigError) {
    for (key, count) in counts where count < 1 {
      throw ConfigError.invalid(
        file: file, key: key, value: "\(count)", expected: "it must be at least 1")
    }
  }

  static func checkHeads(_ width: Int, _ heads: Int, file: String) throws(ConfigError) {
    guard width % heads == 0 else {
      throw ConfigError.invalid(
        file: file, key: "num_attention_heads", value: "\(heads)",
        expected: "it must divide hidden_size, \(width)")
    }
  }
}
