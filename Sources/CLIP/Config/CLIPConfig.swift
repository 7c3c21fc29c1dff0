public import Config
import TorchNN

/// The sizes of both towers of a CLIP.
public struct CLIPConfig: Codable, Sendable, Equatable {
  /// The text tower.
  public var text: CLIPTextConfig
  /// The vision tower; its embeddings are as wide as the text's.
  public var vision: CLIPVisionConfig

  /// Joins two towers.
  ///
  /// - Precondition: both towers embed in one width.
  public init(text: CLIPTextConfig, vision: CLIPVisionConfig) {
    precondition(
      text.projectionDim == vision.projectionDim,
      "text embeddings of width \(text.projectionDim) and image embeddings of width "
        + "\(vision.projectionDim) do not share a space")
    self.text = text
    self.vision = vision
  }

  /// Width of the space that both towers share.
  public var embeddingWidth: Int { text.projectionDim }

  /// Refuses towers that cannot be, or whose embeddings are not of one width.
  ///
  /// - Parameters:
  ///   - file: the name used in errors.
  ///   - path: the keys of the sections around both towers in that file; nil where they do not
  ///     stand in sections named `text` and `vision`.
  /// - Throws: `ConfigError.invalid`.
  public func validate(
    file: String = "CLIP configuration", at path: String? = nil
  ) throws(ConfigError) {
    let check = ConfigCheck(file: file, at: path ?? "")
    let vision = path == nil ? check : check.section("vision")
    try text.validate(file: file, at: path == nil ? "" : check.section("text").path)
    try self.vision.validate(file: file, at: vision.path)
    try vision.require(
      text.projectionDim == self.vision.projectionDim, "projection_dim",
      self.vision.projectionDim,
      "the text tower's is \(text.projectionDim), and both must agree")
  }

  /// A few thousand weights, for tests.
  public static let tiny = CLIPConfig(
    text: CLIPTextConfig(
      width: 16, layers: 1, heads: 2, contextLength: 12, vocabularySize: 600, embeddingWidth: 16),
    vision: CLIPVisionConfig(
      width: 16, layers: 1, heads: 2, imageSize: 16, patchSize: 4, embeddingWidth: 16))

  /// The bundled model's: 64-pixel images, 32 tokens, 3.6 million weights.
  public static let small = CLIPConfig(
    text: CLIPTextConfig(
      width: 192, layers: 3, heads: 4, contextLength: 32, vocabularySize: 2048,
      embeddingWidth: 192),
    vision: CLIPVisionConfig(
      width: 192, layers: 4, heads: 4, imageSize: 64, patchSize: 16, embeddingWidth: 192))

  /// OpenAI's ViT-B/32.
  public static let vitB32 = CLIPConfig(
    text: CLIPTextConfig(
      width: 512, layers: 12, heads: 8, contextLength: 77, vocabularySize: 49408,
      embeddingWidth: 512),
    vision: CLIPVisionConfig(
      width: 768, layers: 12, heads: 12, imageSize: 224, patchSize: 32, embeddingWidth: 512))

  /// OpenAI's ViT-L/14, which Karlo uses.
  public static let vitL14 = CLIPConfig(
    text: CLIPTextConfig(
      width: 768, layers: 12, heads: 12, contextLength: 77, vocabularySize: 49408,
      embeddingWidth: 768),
    vision: CLIPVisionConfig(
      width: 1024, layers: 24, heads: 16, imageSize: 224, patchSize: 14, embeddingWidth: 768))

  /// OpenCLIP's ViT-H/14, trained on LAION-2B.
  public static let vitH14 = CLIPConfig(
    text: CLIPTextConfig(
      width: 1024, layers: 24, heads: 16, contextLength: 77, vocabularySize: 49408,
      embeddingWidth: 1024, activation: .gelu),
    vision: CLIPVisionConfig(
      width: 1280, layers: 32, heads: 16, imageSize: 224, patchSize: 14, embeddingWidth: 1024,
      activation: .gelu))

  /// The paper's ViT-H/16 at 256 px (appendix C). The text tower's encodings are as wide as the
  /// embedding; its heads, which the paper leaves out, are 64 wide. 256 tokens serve the prior.
  public static let vitH16 = CLIPConfig(
    text: CLIPTextConfig(
      width: 1024, layers: 24, heads: 16, contextLength: 256, vocabularySize: 49408,
      embeddingWidth: 1024),
    vision: CLIPVisionConfig(
      width: 1280, layers: 32, heads: 16, imageSize: 256, patchSize: 16, embeddingWidth: 1024))
}
