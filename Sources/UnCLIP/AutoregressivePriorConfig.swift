public import Config
public import Foundation

/// The shape of an autoregressive prior; `prior_ar/config.json` in a model folder.
public struct AutoregressivePriorConfig: Codable, Sendable, Equatable {
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
  /// Principal components of an image embedding, each of which becomes one token.
  public var numComponents: Int
  /// Buckets of a component, and of the dot product: the values of a token.
  public var numBuckets: Int
  /// Dropout after attention and after the feed-forward layers.
  public var dropout: Double

  enum CodingKeys: String, CodingKey {
    case numAttentionHeads = "num_attention_heads"
    case attentionHeadDim = "attention_head_dim"
    case numLayers = "num_layers"
    case embeddingDim = "embedding_dim"
    case numEmbeddings = "num_embeddings"
    case numComponents = "num_components"
    case numBuckets = "num_buckets"
    case dropout
  }

  /// Groups the values.
  public init(
    heads: Int, headWidth: Int, layers: Int, embeddingWidth: Int, textLength: Int,
    components: Int, buckets: Int, dropout: Double
  ) {
    numAttentionHeads = heads
    attentionHeadDim = headWidth
    numLayers = layers
    embeddingDim = embeddingWidth
    numEmbeddings = textLength
    numComponents = components
    numBuckets = buckets
    self.dropout = dropout
  }

  /// Width of the transformer.
  public var width: Int { numAttentionHeads * attentionHeadDim }
  /// Positions: the text's tokens, its embedding, and the dot product and all components but the
  /// last, which nothing follows.
  public var positions: Int { numEmbeddings + 1 + numComponents }

  /// Reads the part's `config.json`.
  /// - Throws: `ConfigError`.
  public static func read(at url: URL) throws(ConfigError) -> AutoregressivePriorConfig {
    let config = try ConfigFile.read(
      AutoregressivePriorConfig.self, at: url, ignored: ["_class_name", CLIPFingerprint.key])
    try config.validate(file: url.path)
    return config
  }

  /// Returns the file's content.
  ///
  /// - Parameter clip: The CLIP that the prior belongs to.
  /// - Throws: `ConfigError` when a number has no JSON form.
  func encoded(for clip: CLIPFingerprint) throws(ConfigError) -> Data {
    try ConfigFile.encode(
      self,
      extra: ["_class_name": .string("UnCLIPAutoregressivePrior"), CLIPFingerprint.key: clip.json])
  }

  /// Checks what types cannot say.
  ///
  /// - Parameters:
  ///   - file: the name used in errors.
  ///   - path: the keys of the sections around it in that file.
  ///   - mayCount: whether 0 components may stand for as many as the data needs.
  /// - Throws: `ConfigError.invalid` with the first rule broken.
  public func validate(
    file: String, at path: String = "", mayCount: Bool = false
  ) throws(ConfigError) {
    let check = ConfigCheck(file: file, at: path)
    try check.count("num_attention_heads", numAttentionHeads)
    try check.count("attention_head_dim", attentionHeadDim)
    try check.count("num_layers", numLayers, in: 1...ConfigLimit.layers)
    try check.count("embedding_dim", embeddingDim)
    try check.count("num_embeddings", numEmbeddings, in: 1...ConfigLimit.positions)
    let fewest = mayCount ? 0 : 1
    try check.require(
      numComponents >= fewest && numComponents <= embeddingDim, "num_components", numComponents,
      "it must be \(fewest) to embedding_dim, which is \(embeddingDim)")
    try check.count("num_buckets", numBuckets, in: 2...ConfigLimit.width)
    try check.require(
      width <= ConfigLimit.width, "num_attention_heads", numAttentionHeads,
      "times attention_head_dim it must be at most \(ConfigLimit.width)")
    try check.belowOne("dropout", dropout)
    let (inner, components) = (Double(width), Double(numComponents))
    try check.weights(
      components * Double(embeddingDim + 2 * numBuckets), "num_buckets", numBuckets)
    try check.weights(
      Double(numLayers) * 12 * inner * inner + Double(positions + 2 * numBuckets) * inner
        + 2 * inner * Double(embeddingDim), "num_layers", numLayers)
  }
}

/// What tells one CLIP from another: a hash of the weights of each of its towers.
///
/// A prior whose tokens are made of one CLIP's embeddings means nothing to another's decoder.
public struct CLIPFingerprint: Sendable, Equatable {
  /// Of the text tower.
  public var textEncoder: String
  /// Of the vision tower.
  public var imageEncoder: String

  /// The key in `prior_ar/config.json`.
  static let key = "clip_fingerprint"

  /// The hashes by the names of the parts.
  var parts: [(part: ModelFolder.Part, hash: String)] {
    [(.textEncoder, textEncoder), (.imageEncoder, imageEncoder)]
  }

  var json: JSONValue {
    .object(
      Dictionary(
        parts.map { ($0.part.rawValue, .string($0.hash)) }, uniquingKeysWith: { first, _ in first })
    )
  }

  /// Reads the fingerprint that a prior's configuration states.
  /// - Throws: `ConfigError` for one that is missing or no text.
  static func read(at url: URL) throws(ConfigError) -> CLIPFingerprint {
    let found = try ConfigFile.object(at: url)[key]
    guard case .object(let members)? = found else {
      throw found == nil
        ? .missingKey(file: url.path, key: key)
        : .invalid(
          file: url.path, key: key, value: found?.text ?? "",
          expected: "it must be a section with the hashes of CLIP's towers")
    }
    func hash(_ part: ModelFolder.Part) throws(ConfigError) -> String {
      guard case .string(let text)? = members[part.rawValue] else {
        throw .missingKey(file: url.path, key: "\(key).\(part.rawValue)")
      }
      return text
    }
    return CLIPFingerprint(
      textEncoder: try hash(.textEncoder), imageEncoder: try hash(.imageEncoder))
  }
}
