public import Config
public import Foundation
public import TorchNN

/// The sizes of a CLIP text tower; in JSON the keys of transformers' `CLIPTextConfig`.
public struct CLIPTextConfig: Codable, Sendable, Equatable {
  /// Tokens in the vocabulary.
  public var vocabSize: Int
  /// Length of the context, tokens with start and end.
  public var maxPositionEmbeddings: Int
  /// Width of the encodings.
  public var hiddenSize: Int
  /// Width of a block's feed-forward layer.
  public var intermediateSize: Int
  /// Transformer blocks.
  public var numHiddenLayers: Int
  /// Attention heads, among which `hiddenSize` is divided.
  public var numAttentionHeads: Int
  /// Width of the text embedding.
  public var projectionDim: Int
  /// The activation of the feed-forward layer.
  public var hiddenAct: Activation
  /// Added to the variance in every layer norm.
  public var layerNormEps: Double
  /// The id of the end token, whose encoding gives the text embedding; 2 means the largest id of
  /// the sequence, as in the files of OpenAI's models.
  public var eosTokenID: Int

  enum CodingKeys: String, CodingKey {
    case vocabSize = "vocab_size"
    case maxPositionEmbeddings = "max_position_embeddings"
    case hiddenSize = "hidden_size"
    case intermediateSize = "intermediate_size"
    case numHiddenLayers = "num_hidden_layers"
    case numAttentionHeads = "num_attention_heads"
    case projectionDim = "projection_dim"
    case hiddenAct = "hidden_act"
    case layerNormEps = "layer_norm_eps"
    case eosTokenID = "eos_token_id"
  }

  /// Sets every size; the feed-forward layer is four times as wide by default.
  public init(
    width: Int, innerWidth: Int? = nil, layers: Int, heads: Int, contextLength: Int,
    vocabularySize: Int, embeddingWidth: Int, activation: Activation = .quickGELU,
    endOfText: Int = 2
  ) {
    hiddenSize = width
    intermediateSize = innerWidth ?? 4 * width
    numHiddenLayers = layers
    numAttentionHeads = heads
    maxPositionEmbeddings = contextLength
    vocabSize = vocabularySize
    projectionDim = embeddingWidth
    hiddenAct = activation
    layerNormEps = 1e-5
    eosTokenID = endOfText
  }

  /// Reads a `config.json` of the tower or of a whole model.
  ///
  /// - Throws: `ConfigError` for unreadable, unknown, missing or impossible keys, and for the
  ///   configuration of another model.
  public static func read(at url: URL) throws(ConfigError) -> CLIPTextConfig {
    let (keys, file) = try CLIPConfigFile.tower(.text, at: url)
    let config = try CLIPConfigKeys.decode(
      CLIPTextConfig.self, of: .text, from: keys, file: file)
    try config.validate(file: file)
    return config
  }

  /// Returns the `config.json` of a text tower with projection.
  ///
  /// - Throws: `ConfigError` when a number has no JSON form.
  public func encoded() throws(ConfigError) -> Data {
    try ConfigFile.encode(
      self,
      extra: [
        "attention_dropout": .number(0),
        "architectures": .array([.string("CLIPTextModelWithProjection")]),
        // As CLIPTokenizer has it; transformers warns of ids outside the vocabulary.
        "bos_token_id": .number(Double(vocabSize - 2)),
        "pad_token_id": .number(Double(vocabSize - 1)),
        "model_type": .string("clip_text_model"),
      ])
  }

  /// Checks each value.
  ///
  /// - Parameters:
  ///   - file: The name used in errors.
  ///   - path: The keys of the sections around it in that file.
  /// - Throws: `ConfigError.invalid`.
  public func validate(
    file: String = "CLIP text configuration", at path: String = ""
  ) throws(ConfigError) {
    let check = ConfigCheck(file: file, at: path)
    try check.count("vocab_size", vocabSize, in: 1...ConfigLimit.vocabulary)
    // At least the start and the end token.
    try check.count(
      "max_position_embeddings", maxPositionEmbeddings, in: 2...ConfigLimit.positions)
    try CLIPConfigKeys.checkBlocks(
      check, width: hiddenSize, inner: intermediateSize, layers: numHiddenLayers,
      heads: numAttentionHeads, projection: projectionDim, activation: hiddenAct,
      epsilon: layerNormEps)
    try check.weights(
      Double(vocabSize + maxPositionEmbeddings) * Double(hiddenSize), "vocab_size", vocabSize)
    try check.require(
      (0..<vocabSize).contains(eosTokenID), "eos_token_id", eosTokenID,
      "ids run from 0 to \(vocabSize - 1)")
  }
}
