public import Config

/// The shape of the decoder's own text encoder: a transformer that is trained with the decoder and
/// reads CLIP's text encodings, as wide as the decoder's context. Every token attends to the whole
/// text.
///
/// GLIDE's, which the paper keeps (section 2.1), is as large and reads tokens; here tokens have been
/// encoded by CLIP, as in Karlo, so that all parts share one tokenizer and one text encoder.
public struct DecoderTextConfig: Codable, Sendable, Equatable {
  /// Transformer blocks.
  public var numLayers: Int
  /// Channels of an attention head.
  public var attentionHeadDim: Int

  enum CodingKeys: String, CodingKey {
    case numLayers = "num_layers"
    case attentionHeadDim = "attention_head_dim"
  }

  /// Groups the sizes.
  public init(layers: Int, headWidth: Int) {
    numLayers = layers
    attentionHeadDim = headWidth
  }

  /// Checks each size.
  ///
  /// - Parameters:
  ///   - file: The name used in errors.
  ///   - path: The keys of the sections around it in that file.
  ///   - width: The width of the decoder's context.
  /// - Throws: `ConfigError.invalid` for the first that is impossible.
  public func validate(file: String, at path: String, width: Int) throws(ConfigError) {
    let check = ConfigCheck(file: file, at: path)
    try check.count("num_layers", numLayers, in: 1...ConfigLimit.layers)
    try check.count("attention_head_dim", attentionHeadDim)
    try check.divides("attention_head_dim", attentionHeadDim, width, of: "cross_attention_dim")
    try check.weights(
      Double(numLayers) * 12 * Double(width) * Double(width), "num_layers", numLayers)
  }

  /// Its blocks as those of a prior of this width.
  func blocks(width: Int) -> PriorConfig {
    PriorConfig(
      heads: width / attentionHeadDim, headWidth: attentionHeadDim, layers: numLayers,
      embeddingWidth: width, textLength: 1, dropout: 0)
  }
}
