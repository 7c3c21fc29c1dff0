import Config
import Foundation
public import Imaging
public import Torch
import TorchNN

/// Sentences to embeddings: a tokenizer with a text tower.
public struct CLIPTextEmbedder {
  /// Sentences to tokens.
  public let tokenizer: CLIPTokenizer
  /// Tokens to embeddings.
  public let model: CLIPTextModelWithProjection

  /// Joins the two.
  ///
  /// Throws: `TokenizerError.invalidSetting` when the tower has no embedding for some tokens.
  public init(
    tokenizer: CLIPTokenizer, model: CLIPTextModelWithProjection, file: String = "tokenizer"
  ) throws(TokenizerError) {
    guard tokenizer.tokens.count <= model.config.vocabSize else {
      throw .invalidSetting(
        file: file, key: "vocabulary", value: "\(tokenizer.tokens.count) tokens long",
        expected: "at most \(model.config.vocabSize), for which the text tower has embeddings")
    }
    self.tokenizer = tokenizer
    self.model = model
  }

  /// Loads both from a folder, frozen, on a device.
  ///
  /// Throws: ``CLIPFolderError``, ``TokenizerError``, `ConfigError`, `CheckpointError`.
  public init(_ folder: CLIPFolder, device: Device = .cpu, dtype: DType = .float32) throws {
    let model = try folder.loadText(dtype: dtype)
    model.freeze()
    model.to(device: device)
    model.pack()
    try self.init(
      tokenizer: folder.loadTokenizer(), model: model, file: folder.url.path)
  }

  /// Width of the embeddings.
  public var width: Int { model.config.projectionDim }

  /// Embeddings of texts, in float32, without gradients.
  ///
  /// A text that is longer than the context is cut.
  /// Shapes: `[texts, width]`.
  /// Traps: no text.
  public func callAsFunction(_ texts: [String], normalized: Bool = false) -> Tensor {
    noGrad {
      let tokens = tokenizer.batch(texts, contextLength: model.config.maxPositionEmbeddings)
      let embeds = model(tokens.to(model.device)).embeds.to(.float32)
      return normalized ? embeds.normalized() : embeds
    }
  }

  /// Whether a text has more tokens than the context holds.
  public func isTooLong(_ text: String) -> Bool {
    tokenizer.encode(text, contextLength: model.config.maxPositionEmbeddings).truncated
  }
}

/// Pictures to embeddings: a preprocessor with a vision tower.
public struct CLIPImageEmbedder {
  /// Pictures to pixels.
  public let preprocessor: CLIPImagePreprocessor
  /// Pixels to embeddings.
  public let model: CLIPVisionModelWithProjection
  private let dtype: DType

  /// Loads both from a folder, frozen, on a device.
  ///
  /// Throws: ``CLIPFolderError``, `ConfigError`, `CheckpointError`; `ConfigError.invalid` when the
  /// preprocessor makes pictures of another size than the tower takes.
  public init(_ folder: CLIPFolder, device: Device = .cpu, dtype: DType = .float32) throws {
    model = try folder.loadVision(dtype: dtype)
    preprocessor = try folder.loadPreprocessor()
    self.dtype = dtype
    guard preprocessor.size == model.config.imageSize else {
      throw ConfigError.invalid(
        file: folder.url.path, key: "crop_size", value: "\(preprocessor.size)",
        expected: "the vision tower takes pictures of \(model.config.imageSize)")
    }
    model.freeze()
    model.to(device: device)
    model.pack()
  }

  /// Width of the embeddings.
  public var width: Int { model.config.projectionDim }

  /// Embeddings of pictures, in float32, without gradients.
  ///
  /// Shapes: `[pictures, width]`.
  /// Traps: no picture.
  public func callAsFunction(_ images: [Image], normalized: Bool = false) -> Tensor {
    noGrad {
      let pixels = preprocessor(images).to(device: model.device, dtype: dtype)
      let embeds = model(pixels).to(.float32)
      return normalized ? embeds.normalized() : embeds
    }
  }
}

/// Names a picture by its likeness to sentences about each name.
///
/// Source: CLIP paper, sections 3.1.2 and 3.1.4; openai/CLIP
/// `Prompt_Engineering_for_ImageNet.ipynb`.
public struct ZeroShotClassifier {
  /// The names, in order.
  public let labels: [String]
  /// One unit vector a name, `[labels, width]`.
  public let weights: Tensor
  /// The factor on cosines.
  public let scale: Double

  /// Where the name stands in a template.
  public static let placeholder = "{}"

  /// Embeds every name in every template; the normalised embeddings of a name are averaged and
  /// normalised again.
  ///
  /// `scale` is the logit scale's factor.
  /// Traps: no labels or templates.
  public init(
    labels: [String], templates: [String], scale: Double, embedder: CLIPTextEmbedder
  ) {
    precondition(!labels.isEmpty && !templates.isEmpty, "no labels or no templates")
    self.labels = labels
    self.scale = scale
    let rows = labels.map { label in
      let texts = templates.map { $0.replacing(Self.placeholder, with: label) }
      return embedder(texts, normalized: true).mean(over: 0)
    }
    weights = Tensor.stacked(rows).normalized()
  }

  /// How likely each name is.
  ///
  /// Shapes: image embeddings `[N, width]` to `[N, labels]`.
  /// Range: rows add up to 1.
  public func probabilities(of embeds: Tensor) -> Tensor {
    noGrad {
      (embeds.normalized().matmul(weights.transposed()) * scale).softmax(over: -1)
    }
  }
}
