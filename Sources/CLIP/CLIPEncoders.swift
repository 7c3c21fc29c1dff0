import Config
import Foundation
public import Imaging
public import Torch
import TorchNN

/// CLIP's text encoder, from texts to embeddings, encodings and masks.
public struct CLIPTextEncoder {
  /// The tokenizer.
  public let tokenizer: CLIPTokenizer
  /// The text tower.
  public let model: CLIPTextModelWithProjection

  /// Joins the two.
  ///
  /// - Throws: `TokenizerError.invalidSetting` when the tower has no embedding for some tokens.
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

  /// Loads both from a folder, ready for inference.
  ///
  /// - Throws: ``CLIPFolderError``, ``TokenizerError``, `ConfigError`, `CheckpointError`.
  public init(_ folder: CLIPFolder, device: Device = .cpu, dtype: DType = .float32) throws {
    let model = try folder.loadText(dtype: dtype)
    model.prepareForInference(device: device)
    try self.init(
      tokenizer: folder.loadTokenizer(), model: model, file: folder.url.path)
  }

  /// Dimension of the embeddings.
  public var width: Int { model.config.projectionDim }
  /// Tokens of a text, with start and end.
  public var contextLength: Int { model.config.maxPositionEmbeddings }

  /// Encodes texts without gradients; the empty text is the unconditional one.
  ///
  /// A text longer than the context is truncated, as transformers does; see ``isTooLong(_:)``.
  /// - Precondition: At least one text.
  public func encode(_ texts: [String]) -> TextConditioning {
    precondition(!texts.isEmpty, "no text to encode")
    let sequences = texts.map { tokenizer.encode($0, contextLength: contextLength) }
    let shape = [texts.count, contextLength]
    let device = model.device
    return noGrad {
      let ids = Tensor(sequences.flatMap { $0.ids.map(Int64.init) }, shape: shape, device: device)
      let mask = Tensor(sequences.flatMap(\.mask), shape: shape, device: device)
      // diffusers gives the encoder the tokens alone: its mask is causal, padding comes last.
      let output = model(ids)
      return TextConditioning(
        embedding: output.embeds, encodings: output.lastHiddenState, mask: mask)
    }
  }

  /// Embeds texts in float32, without gradients.
  ///
  /// Shapes: `[texts, width]`.
  /// - Precondition: At least one text.
  public func callAsFunction(_ texts: [String], normalized: Bool = false) -> Tensor {
    noGrad {
      let embedding = encode(texts).embedding.to(.float32)
      return normalized ? embedding.normalized() : embedding
    }
  }

  /// Returns whether a text has more tokens than the context holds.
  public func isTooLong(_ text: String) -> Bool {
    tokenizer.encode(text, contextLength: contextLength).truncated
  }
}

/// CLIP's image encoder, from images to embeddings.
public struct CLIPImageEncoder {
  /// The preprocessor.
  public let preprocessor: CLIPImagePreprocessor
  /// The vision tower.
  public let model: CLIPVisionModelWithProjection
  private let dtype: DType

  /// Loads both from a folder, ready for inference.
  ///
  /// - Throws: ``CLIPFolderError``, `ConfigError`, `CheckpointError`; `ConfigError.invalid` when
  ///   the preprocessor's size is not the tower's.
  public init(_ folder: CLIPFolder, device: Device = .cpu, dtype: DType = .float32) throws {
    try self.init(loading: folder, dtype: dtype)
    model.prepareForInference(device: device)
  }

  /// Loads both from a folder; the tower is yet to be prepared for inference.
  ///
  /// - Throws: As ``init(_:device:dtype:)``.
  package init(loading folder: CLIPFolder, dtype: DType) throws {
    model = try folder.loadVision(dtype: dtype)
    preprocessor = try folder.loadPreprocessor()
    self.dtype = dtype
    guard preprocessor.size == model.config.imageSize else {
      throw ConfigError.invalid(
        file: folder.url.path, key: "crop_size", value: "\(preprocessor.size)",
        expected: "the vision tower takes images of \(model.config.imageSize) pixels")
    }
  }

  /// Dimension of the embeddings.
  public var width: Int { model.config.projectionDim }
  /// Side of the tower's images, pixels.
  public var imageSize: Int { model.config.imageSize }

  /// Embeds images in float32, without gradients.
  ///
  /// Shapes: `[images, width]`.
  /// - Precondition: At least one image.
  public func callAsFunction(_ images: [Image], normalized: Bool = false) -> Tensor {
    embedding(of: preprocessor(images), normalized: normalized)
  }

  /// Embeds images of the generative models in float32, without gradients.
  ///
  /// Shapes: `[B, 3, S, S]` to `[B, width]`.
  /// Range: -1 ... 1.
  public func callAsFunction(_ images: Tensor) -> Tensor {
    embedding(of: noGrad { preprocessor(images) }, normalized: false)
  }

  private func embedding(of pixels: Tensor, normalized: Bool) -> Tensor {
    noGrad {
      let embedding = model(pixels.to(device: model.device, dtype: dtype)).to(.float32)
      return normalized ? embedding.normalized() : embedding
    }
  }
}
