public import CLIP
public import Config
public import Foundation
public import Torch
public import TorchNN

/// The shape of ``TextProjection``, as diffusers' `text_proj/config.json` describes it.
public struct TextProjectionConfig: Codable, Sendable, Equatable {
  /// Width of CLIP's embeddings and of its text encodings.
  public var clipEmbeddingsDim: Int
  /// Context tokens made from the image embedding.
  public var clipExtraContextTokens: Int
  /// Width of the context.
  public var crossAttentionDim: Int
  /// Width of the decoder's timestep embedding.
  public var timeEmbedDim: Int
  /// The decoder's own transformer over the text; nil in diffusers, where the text is CLIP's alone.
  public var textEncoder: DecoderTextConfig?

  enum CodingKeys: String, CodingKey {
    case clipEmbeddingsDim = "clip_embeddings_dim"
    case clipExtraContextTokens = "clip_extra_context_tokens"
    case crossAttentionDim = "cross_attention_dim"
    case timeEmbedDim = "time_embed_dim"
    case textEncoder = "text_encoder"
  }

  /// Makes a configuration with the paper's four context tokens.
  public init(
    embeddingWidth: Int, contextWidth: Int, timeWidth: Int, textEncoder: DecoderTextConfig? = nil
  ) {
    clipEmbeddingsDim = embeddingWidth
    clipExtraContextTokens = 4
    crossAttentionDim = contextWidth
    timeEmbedDim = timeWidth
    self.textEncoder = textEncoder
  }

  /// Reads diffusers' or our own `config.json`.
  /// - Throws: `ConfigError`.
  public static func read(at url: URL) throws(ConfigError) -> TextProjectionConfig {
    let config = try ConfigFile.read(
      TextProjectionConfig.self, at: url,
      ignored: ["_class_name", "_diffusers_version", "_name_or_path"],
      defaults: { _ in
        ["clip_embeddings_dim": .number(768), "clip_extra_context_tokens": .number(4)]
      })
    try config.validate(file: url.path)
    return config
  }

  /// Checks every value.
  ///
  /// - Throws: `ConfigError.invalid` for the first that is impossible.
  public func validate(file: String) throws(ConfigError) {
    let check = ConfigCheck(file: file)
    try check.count("clip_embeddings_dim", clipEmbeddingsDim)
    try check.count("clip_extra_context_tokens", clipExtraContextTokens, in: 1...1024)
    try check.count("cross_attention_dim", crossAttentionDim)
    try check.count("time_embed_dim", timeEmbedDim, in: 1...4 * ConfigLimit.width)
    let out = 2 * timeEmbedDim + (clipExtraContextTokens + 1) * crossAttentionDim
    try check.weights(
      Double(clipEmbeddingsDim) * Double(out), "clip_embeddings_dim", clipEmbeddingsDim)
    try textEncoder?.validate(file: file, at: "text_encoder", width: crossAttentionDim)
  }

  /// Returns the file's content, which diffusers reads too.
  public func encoded() throws(ConfigError) -> Data {
    try ConfigFile.encode(self, extra: ["_class_name": .string("UnCLIPTextProjModel")])
  }
}

/// The two ways the image embedding enters the decoder (paper section 2.1): added to the timestep
/// embedding, and as extra context tokens before the text's.
///
/// Source: paper section 2.1; keys as diffusers `UnCLIPTextProjModel`.
public final class TextProjection: ConfiguredModule {
  /// Property names that are not the snake case of diffusers'.
  public static let keys = [
    "nullEmbedding": "learned_classifier_free_guidance_embeddings",
    "textToTime": "embedding_proj",
    "imageToTime": "clip_image_embeddings_project_to_time_embeddings",
    "imageToTokens": "clip_extra_context_tokens_proj",
    "textToContext": "encoder_hidden_states_proj",
    "textBlocks": "text_encoder",
    "textNorm": "text_encoder_hidden_states_norm",
  ]
  /// What this network was made from.
  public let config: TextProjectionConfig
  let nullEmbedding: Parameter  // [D], replaces a dropped image embedding
  let textToTime: Linear
  let imageToTime: Linear
  let imageToTokens: Linear
  let textToContext: Linear
  let textBlocks: [PriorBlock]
  let textNorm: LayerNorm

  /// Makes a projection with weights from `random`.
  public init(_ config: TextProjectionConfig, using random: RandomSource) {
    self.config = config
    let d = config.clipEmbeddingsDim
    let x = config.crossAttentionDim
    nullEmbedding = Parameter([d], filledWith: 0)
    textToTime = Linear(d, config.timeEmbedDim, using: random)
    imageToTime = Linear(d, config.timeEmbedDim, using: random)
    imageToTokens = Linear(d, config.clipExtraContextTokens * x, using: random)
    textToContext = Linear(d, x, using: random)
    textBlocks =
      config.textEncoder.map { text in
        (0..<text.numLayers).map { _ in PriorBlock(text.blocks(width: x), using: random) }
      } ?? []
    textNorm = LayerNorm(x)
  }

  /// Returns the blocks of its text encoder, or 1.
  public static func blockCount(of config: TextProjectionConfig) -> Int {
    config.textEncoder?.numLayers ?? 1
  }

  /// What the decoder attends to.
  public struct Conditions {
    /// `[B, 4 + L, X]`: image tokens, then text tokens.
    public let context: Tensor
    /// `[B, 4 + L]` bool.
    public let contextMask: Tensor
    /// `[B, T]`, for the timestep embedding.
    public let classEmbedding: Tensor
  }

  /// Projects both embeddings.
  ///
  /// - Parameters:
  ///   - imageEmbedding: `[B, D]`, raw CLIP embeddings.
  ///   - text: the same batch's text.
  ///   - imageDropped: `[B]` bool: where true the learned null embedding replaces it.
  public func callAsFunction(
    imageEmbedding: Tensor, text: TextConditioning, imageDropped: Tensor? = nil
  ) -> Conditions {
    let b = imageEmbedding.dim(0)
    var image = imageEmbedding
    if let imageDropped {
      image = Tensor.where(
        imageDropped.unsqueezed(1), nullEmbedding.value.to(image.dtype).unsqueezed(0), image)
    }
    let count = config.clipExtraContextTokens
    // diffusers' layout: width outside, tokens inside, then transposed.
    let tokens = imageToTokens(image).reshaped(b, config.crossAttentionDim, count)
      .transposed(1, 2)  // [B, 4, X]
    var words = textToContext(text.encodings)  // [B, L, X]
    let read = text.mask.reshaped(b, 1, 1, text.mask.dim(1))
    for block in textBlocks { words = block(words, mask: read) }
    words = textNorm(words)
    let visible = Tensor.ones([b, count], dtype: .bool, device: text.mask.device)
    return Conditions(
      context: Tensor.concatenated([tokens.to(words.dtype), words], over: 1),
      contextMask: Tensor.concatenated([visible, text.mask], over: 1),
      classEmbedding: imageToTime(image) + textToTime(text.embedding))
  }
}
