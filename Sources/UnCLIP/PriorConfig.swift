public import Config
public import Foundation

/// The shape of a prior's transformer, as diffusers' `prior/config.json` describes it.
public struct PriorConfig: Codable, Sendable, Equatable {
  /// Heads of each attention layer.
  public var numAttentionHeads: Int
  /// Channels of an attention head.
  public var attentionHeadDim: Int
  /// Transformer blocks.
  public var numLayers: Int
  /// Width of CLIP's embeddings and of its text encodings.
  public var embeddingDim: Int
  /// Tokens of the text.
  public var numEmbeddings: Int
  /// Tokens after the text: text embedding, timestep, noised image embedding, query.
  public var additionalEmbeddings: Int
  /// Dropout after attention and in the feed-forward layers.
  public var dropout: Double

  enum CodingKeys: String, CodingKey {
    case numAttentionHeads = "num_attention_heads"
    case attentionHeadDim = "attention_head_dim"
    case numLayers = "num_layers"
    case embeddingDim = "embedding_dim"
    case numEmbeddings = "num_embeddings"
    case additionalEmbeddings = "additional_embeddings"
    case dropout
  }

  /// Makes a configuration with the four additional tokens of the paper.
  public init(
    heads: Int, headWidth: Int, layers: Int, embeddingWidth: Int, textLength: Int, dropout: Double
  ) {
    numAttentionHeads = heads
    attentionHeadDim = headWidth
    numLayers = layers
    embeddingDim = embeddingWidth
    numEmbeddings = textLength
    additionalEmbeddings = 4
    self.dropout = dropout
  }

  /// Width of the transformer.
  public var width: Int { numAttentionHeads * attentionHeadDim }

  /// Reads diffusers' or our own `config.json`.
  /// - Throws: `ConfigError`.
  public static func read(at url: URL) throws(ConfigError) -> PriorConfig {
    let config = try ConfigFile.read(
      PriorConfig.self, at: url,
      fixed: [
        "added_emb_type": .string("prd"), "encoder_hid_proj_type": .string("linear"),
        "time_embed_act_fn": .string("silu"), "norm_in_type": .null, "clip_embed_dim": .null,
        "embedding_proj_dim": .null, "embedding_proj_norm_type": .null, "time_embed_dim": .null,
      ],
      ignored: ["_class_name", "_diffusers_version", "_name_or_path"],
      defaults: { _ in
        [
          "num_attention_heads": .number(32), "attention_head_dim": .number(64),
          "num_layers": .number(20), "embedding_dim": .number(768), "num_embeddings": .number(77),
          "additional_embeddings": .number(4), "dropout": .number(0),
        ]
      })
    try config.validate(file: url.path)
    return config
  }

  /// Returns the file's content, which diffusers reads too.
  public func encoded() throws(ConfigError) -> Data {
    try ConfigFile.encode(self, extra: ["_class_name": .string("PriorTransformer")])
  }

  /// Checks what types cannot say.
  ///
  /// - Parameters:
  ///   - file: the name used in errors.
  ///   - path: the keys of the sections around it in that file.
  /// - Throws: `ConfigError.invalid` with the first rule broken.
  public func validate(file: String, at path: String = "") throws(ConfigError) {
    let check = ConfigCheck(file: file, at: path)
    try check.count("num_attention_heads", numAttentionHeads)
    try check.count("attention_head_dim", attentionHeadDim)
    try check.count("num_layers", numLayers, in: 1...ConfigLimit.layers)
    try check.count("embedding_dim", embeddingDim)
    try check.count("num_embeddings", numEmbeddings, in: 1...ConfigLimit.positions)
    try check.count("additional_embeddings", additionalEmbeddings, in: 4...4)
    try check.require(
      width <= ConfigLimit.width, "num_attention_heads", numAttentionHeads,
      "times attention_head_dim it must be at most \(ConfigLimit.width)")
    try check.require(
      width.isMultiple(of: 2), "attention_head_dim", attentionHeadDim,
      "heads times their width must be even")
    try check.belowOne("dropout", dropout)
    let inner = Double(width)
    try check.weights(
      Double(numLayers) * 12 * inner * inner + Double(numEmbeddings + 4) * inner
        + 4 * inner * Double(embeddingDim), "num_layers", numLayers)
  }
}
